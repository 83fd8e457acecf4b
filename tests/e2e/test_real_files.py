"""What `make run` does, over a tree of the test's own: right when all is, red when a byte isn't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_text("hello\n" * 1000)
    (tmp_path / "tree" / "sub" / "empty.html").touch()
    (tmp_path / "tree" / "link").symlink_to("a.txt")
    (tmp_path / "temporary").mkdir()
    return tmp_path


def start(place: Path, command: Path, at_least: int = 0) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, ROOT / "tools" / "run_real_files.py"]
        + ["--command", command, "--tree", place / "tree", "--at-least", str(at_least)],
        env=os.environ | {"TMPDIR": str(place / "temporary")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def write_stand_in(place: Path, lines: str) -> Path:
    """A command that does what `lines` of shell say; "$@" are the arguments for the real one."""
    path = place / "stand-in"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def read_command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it ended while we looked
        return b""


def is_clean(place: Path) -> bool:
    """Nothing is left behind: no file, and no nginx that serves one."""
    commands = [read_command(process) for process in Path("/proc").glob("[0-9]*")]
    left = [command for command in commands if b"nginx" in command and bytes(place) in command]
    return not left and not list((place / "temporary").iterdir())


def test_every_byte_is_verified(hyperhttp, place):
    process = start(place, hyperhttp.binary, at_least=500)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert out.startswith(f"2 files of {place / 'tree'} and 498 generated")
    assert "verified   500 over http and 500 over https" in out
    assert out.endswith("every byte is as it is on disk\n")
    assert is_clean(place)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ('for file in "$out"/127.0.0.1*/doc/a.txt; do echo more >>"$file"; done', "6005 bytes differ from the 6000 on disk"),
        ('rm "$out"/127.0.0.1*/doc/a.txt', "no file was written"),
        ('sed -i "/127.0.0.1.*a.txt/d" "$out/../results.jsonl"', "0 results"),
        ('sed -i "s/\\"status\\":200/\\"status\\":404/" "$out/../results.jsonl"', "status 404"),
    ],
)
def test_what_differs_is_named(hyperhttp, place, spoil, reason):
    find_out = 'for word; do if [ "$last" = --output-dir ]; then out=$word; fi; last=$word; done'
    stand_in = write_stand_in(place, f'"{hyperhttp.binary}" "$@"\n{find_out}\n{spoil}')
    process = start(place, stand_in)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "/doc/a.txt: " + reason in err
    assert is_clean(place)


def test_a_failing_client_is_a_failure(place):
    process = start(place, write_stand_in(place, "exit 7"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the client ended with status 7" in err
    assert is_clean(place)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_midway_it_leaves_nothing(place, number):
    process = start(place, write_stand_in(place, f"touch {place}/begun; exec sleep 600"))
    deadline = time.monotonic() + 60
    while not (place / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert is_clean(place)
