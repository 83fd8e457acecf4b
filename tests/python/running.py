"""Around the code under test: a client for its length, a child of this process that runs it."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asleep import PATIENCE

import hyperhttp


def with_client(run, body: Callable[[hyperhttp.Client], Awaitable[Any]], **options) -> Any:
    """What `body` returns, run with a client that is closed afterwards."""

    async def main():
        async with hyperhttp.Client(**options) as client:
            return await body(client)

    return run(main())


def in_child(passes: Callable[[], bool]) -> None:
    """Fails the test unless `passes` returns True in a forked child."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if passes() else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")
