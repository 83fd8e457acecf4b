"""`import hyperhttp` is light: what it loads beyond asyncio, and how long that takes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BUDGET_SECONDS = 0.015
MEASURE = """
import asyncio, sys, time
before = set(sys.modules)
began = time.perf_counter()
import hyperhttp
seconds = time.perf_counter() - began
print(seconds, *sorted(set(sys.modules) - before))
"""


def measure() -> tuple[float, set[str]]:
    unset = "PYTHONDONTWRITEBYTECODE"
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env={name: value for name, value in os.environ.items() if name != unset},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seconds, *modules = done.stdout.split()
    return float(seconds), set(modules)


def test_it_loads_nothing_but_itself() -> None:
    _, modules = measure()
    assert "hyperhttp._engine" in modules
    strangers = {name for name in modules if name.split(".")[0] != "hyperhttp"}
    assert strangers <= {"__future__"}


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="sanitizers take time of their own")
def test_it_takes_no_more_than_its_budget() -> None:
    # The fastest is what the import costs; the rest is compiling, and what else the machine does.
    assert min(measure()[0] for _ in range(8)) < BUDGET_SECONDS
