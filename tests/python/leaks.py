"""Whether calling a function again and again leaves memory behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

ROUNDS = 500
BATCHES = 6


def leaks(function: Callable[[], object]) -> bool:
    """True when each of some batches of calls leaves blocks behind, one or more in ten calls.

    One batch that leaves none is proof enough: caches fill at first, leaks go on for ever.
    """
    for _ in range(BATCHES):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(ROUNDS):
            function()
        gc.collect()
        if sys.getallocatedblocks() - before < ROUNDS // 10:
            return False
    return True
