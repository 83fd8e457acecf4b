"""`import hyperhttp` is light: what it loads beyond asyncio, and how long that takes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BUDGET_SECONDS = 0.015
# Of what `import asyncio` takes beside it: a machine may be slow, or share its caches with others.
BUDGET_SHARE = 0.2
MEASURE = """
import sys, time
began = time.process_time()
import asyncio
between = time.process_time()
before = set(sys.modules)
import hyperhttp
ended = time.process_time()
print(between - began, ended - between, *sorted(set(sys.modules) - before))
"""


def measure() -> tuple[float, float, set[str]]:
    """The seconds of processor time for asyncio, and for ours; the modules beyond asyncio's."""
    unset = "PYTHONDONTWRITEBYTECODE"
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env={name: value for name, value in os.environ.items() if name != unset},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    theirs, ours, *modules = done.stdout.split()
    return float(theirs), float(ours), set(modules)


def test_it_loads_nothing_but_itself() -> None:
    _, _, modules = measure()
    assert "hyperhttp._engine" in modules
    strangers = {name for name in modules if name.split(".")[0] != "hyperhttp"}
    assert strangers <= {"__future__"}


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="sanitizers take time of their own")
def test_it_takes_no_more_than_its_budget() -> None:
    # The fastest is what the import costs; the rest is compiling, and what else the machine does.
    measured = [measure()[:2] for _ in range(8)]
    assert any(ours < max(BUDGET_SECONDS, BUDGET_SHARE * theirs) for theirs, ours in measured)
