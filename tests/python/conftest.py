"""Fixtures of the Python package's tests: servers, and event loops to run coroutines on."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "support"):
    sys.path.insert(0, str(folder))

from fixtures import closed_port, make_certificate, nginx, other_peer, peer  # noqa: E402, F401
from httpbin import Httpbin  # noqa: E402

# What documents and programs call their servers; the test server proves that it is each.
PUBLIC_NAMES = ("httpbin.org", "example.com", "*.example.com", "example.org", "*.example.org")
PATIENCE = 120.0  # seconds; a machine may be busy, a sanitizer slow

Runner = Callable[[Awaitable[Any]], Any]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem, valid for localhost, 127.0.0.1 and PUBLIC_NAMES, and its key.pem."""
    base = tmp_path_factory.mktemp("certificate")
    make_certificate(base, *PUBLIC_NAMES)
    return base


@pytest.fixture(scope="session")
def httpbin_server(certificate: Path) -> Iterator[Httpbin]:
    with Httpbin(certificate) as server:
        yield server


@pytest.fixture(scope="session")
def httpbin_tls_server(
    certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Httpbin]:
    unix_path = str(tmp_path_factory.mktemp("httpbin") / "socket")
    with Httpbin(certificate, unix_path, scheme="https") as server:
        yield server


@pytest.fixture
def httpbin(httpbin_server: Httpbin) -> Httpbin:
    """The local httpbin, plain: `httpbin.url("/get")`; `httpbin.requests` are this test's own."""
    httpbin_server.requests.clear()
    return httpbin_server


@pytest.fixture
def httpbin_tls(httpbin_tls_server: Httpbin) -> Httpbin:
    """The same by TLS: `verify=httpbin_tls.ca`. It listens on `unix_path` too."""
    httpbin_tls_server.requests.clear()
    return httpbin_tls_server


def make_runner(new_loop: Callable[[], asyncio.AbstractEventLoop] | None) -> Runner:
    def run(awaitable: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            async with asyncio.timeout(PATIENCE):
                return await awaitable

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(wait())

    return run


@pytest.fixture
def run() -> Runner:
    """Runs a coroutine on an asyncio loop of its own and gives what it returns."""
    return make_runner(None)


def find_loops() -> list[str]:
    return ["asyncio"] + ["uvloop"] * (importlib.util.find_spec("uvloop") is not None)


@pytest.fixture(params=find_loops())
def any_loop(request: pytest.FixtureRequest) -> Runner:
    """As `run`, once on each kind of event loop there is."""
    if request.param == "uvloop":
        import uvloop

        return make_runner(uvloop.new_event_loop)
    return make_runner(None)
