"""What this process has open, so that a test can tell what it has left open itself.

Servers of earlier tests may still be closing theirs: numbers would say nothing, names do.
"""

from __future__ import annotations

import os


def descriptors() -> set[tuple[int, str]]:
    """Each descriptor with what it is: "socket:[12345]", "anon_inode:[eventpoll]"."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink("/proc/self/fd/" + name)))
        except FileNotFoundError:
            pass  # it was this list's own, or a server's
    return found


def event_polls(among: set[tuple[int, str]]) -> int:
    return sum(what == "anon_inode:[eventpoll]" for _, what in among)
