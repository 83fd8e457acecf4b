"""The short form of the storm that `make soak` runs in full."""

from __future__ import annotations

import storm


def test_storm():
    outcomes = storm.run(3000, 1)
    assert outcomes["cancelled"] > 300
    assert outcomes["timed out"] > 100
    assert outcomes["answered or left"] > 100  # however slow: some set no bound
