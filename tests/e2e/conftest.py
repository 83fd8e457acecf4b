"""Fixtures of the end-to-end tests: the command; those shared with others are in tests/support."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from fixtures import (  # noqa: E402
    PATIENCE_S,
    Http2Peer,
    closed_port,  # noqa: F401
    make_certificate,
    nginx,  # noqa: F401
    other_peer,  # noqa: F401
    peer,  # noqa: F401
)


@dataclass
class Outcome:
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


class Command:
    """Runs `hyperhttp` with arguments."""

    def __init__(self, binary: Path):
        self.binary = binary

    @property
    def is_sanitized(self) -> bool:
        return b"__asan_init" in self.binary.read_bytes()

    def __call__(self, *arguments: object, **options) -> Outcome:
        process = self.start(*arguments, **options)
        return self.finish(process, options.get("input", b""))

    def start(self, *arguments: object, **options) -> subprocess.Popen:
        options.pop("input", None)
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        options.setdefault("env", environment)
        options.setdefault("stdin", subprocess.PIPE)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([str(self.binary), *map(str, arguments)], **options)

    def finish(self, process: subprocess.Popen, given: bytes = b"") -> Outcome:
        try:
            out, err = process.communicate(given, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Outcome(process.returncode, out or b"", (err or b"").decode())


def peak_kib(process: subprocess.Popen) -> int:
    """The most memory the living process ever had resident. (ru_maxrss would count Python's fork.)"""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("no VmHWM")


@pytest.fixture(scope="session")
def hyperhttp() -> Command:
    binary = Path(os.environ.get("HYPERHTTP_BIN", ROOT / "build" / "hyperhttp"))
    if not binary.exists():
        pytest.fail(f"{binary} is missing: run make build, or set HYPERHTTP_BIN")
    return Command(binary.resolve())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem, valid for localhost, and its key.pem."""
    base = tmp_path_factory.mktemp("certificate")
    make_certificate(base)
    return base


@pytest.fixture
def http2_peer(certificate: Path) -> Iterator[Http2Peer]:
    made = Http2Peer(certificate)
    try:
        yield made.start()
    finally:
        made.stop()
