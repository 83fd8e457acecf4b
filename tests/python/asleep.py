"""When a thread sleeps: a signal then ends a wait, and comes neither before it nor after."""

from __future__ import annotations

import threading
import time
from pathlib import Path

PATIENCE = 120.0  # seconds


def wait_until_asleep(stat: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while stat.read_text().rsplit(")", 1)[1].split()[0] != "S":
        assert time.monotonic() < deadline, "it never sleeps"
        time.sleep(0.001)


def wait_until_process_sleeps(pid: int) -> None:
    """The first thread of a process."""
    wait_until_asleep(Path(f"/proc/{pid}/task/{pid}/stat"))


def wait_until_main_thread_sleeps() -> None:
    """That of this process."""
    wait_until_asleep(Path(f"/proc/self/task/{threading.main_thread().native_id}/stat"))
