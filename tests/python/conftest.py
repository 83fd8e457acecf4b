"""Fixtures of the Python package's tests: servers, and event loops to run coroutines on."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "support"):
    sys.path.insert(0, str(folder))

from fixtures import Http2Peer, closed_port, make_certificate, nginx, other_peer  # noqa: E402, F401
from httpbin import Httpbin  # noqa: E402
from peer import Peer  # noqa: E402

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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "both_protocols: with `peer` or `httpbin_tls`, over HTTP/1.1 and HTTP/2"
    )
    config.addinivalue_line("markers", "only_http1: about what HTTP/1.1 alone has or does")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    find = metafunc.definition.get_closest_marker
    if not find("both_protocols") or find("only_http1"):
        return
    if "http_version" in metafunc.fixturenames:
        only = os.environ.get("HH_TEST_PROTOCOL")
        metafunc.parametrize("http_version", [only] if only else ["h1", "h2"], indirect=True)


@pytest.fixture
def http_version(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "h1")


@pytest.fixture
def peer(
    http_version: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Peer | Http2Peer]:
    """The scripted peer. Over HTTP/2, where a test is run so, its URLs are https, and every client,
    those of other processes too, trusts its certificate."""
    made = Peer()
    if http_version == "h2":
        made = Http2Peer(certificate)
        trust(made.ca, monkeypatch)
    try:
        yield made.start()
    finally:
        made.stop()


def trust(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hyperhttp._config import ConfiguredClient

    genuine = ConfiguredClient.__init__

    @functools.wraps(genuine)
    def make(self: ConfiguredClient, **options: Any) -> None:
        if options.get("verify", True) is True:
            options["verify"] = ca
        genuine(self, **options)

    monkeypatch.setattr(ConfiguredClient, "__init__", make)
    monkeypatch.setenv("SSL_CERT_FILE", ca)


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


@pytest.fixture(scope="session")
def httpbin_http2_server(
    certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Httpbin]:
    unix_path = str(tmp_path_factory.mktemp("httpbin-http2") / "socket")
    with Httpbin(certificate, unix_path, scheme="https", alpn=("h2", "http/1.1")) as server:
        yield server


@pytest.fixture
def httpbin(httpbin_server: Httpbin) -> Httpbin:
    """The local httpbin, plain: `httpbin.url("/get")`; `httpbin.requests` are this test's own."""
    httpbin_server.requests.clear()
    return httpbin_server


@pytest.fixture
def httpbin_tls(request: pytest.FixtureRequest, http_version: str) -> Httpbin:
    """The same by TLS: `verify=httpbin_tls.ca`. It listens on `unix_path` too."""
    name = "httpbin_http2_server" if http_version == "h2" else "httpbin_tls_server"
    server: Httpbin = request.getfixturevalue(name)
    server.requests.clear()
    return server


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
