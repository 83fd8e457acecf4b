"""The logger "hyperhttp"."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

import hyperhttp
from hyperhttp import _logging
from hyperhttp._logging import redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/", "https://example.com/"),
        ("https://example.com/a?b=1&c=2", "https://example.com/a?b=1&c=2"),
        ("https://user:pw@example.com/a", "https://example.com/a"),
        ("https://user@example.com:81/", "https://example.com:81/"),
        ("https://a:p@ss@example.com/x", "https://example.com/x"),
        ("https://example.com/@name", "https://example.com/@name"),
        ("https://example.com?to=a@b", "https://example.com?to=a@b"),
        ("https://example.com/a#frag", "https://example.com/a"),
        ("/relative?key=1", "/relative?key=[redacted]"),
        ("https://example.com/?flag&token=", "https://example.com/?flag&token=[redacted]"),
    ],
)
def test_redact(url, shown):
    assert redact(url) == shown


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "Refresh-Token",
        "key",
        "KEY",
        "api_key",
        "apikey",
        "api-key",
        "X-Api-Key",
        "secret",
        "client_secret",
        "password",
        "passwd",
        "pwd",
        "signature",
        "sig",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "auth",
        "authorization",
        "code",
        "jwt",
        "sessionid",
        "%74oken",
        "access%5Ftoken",
    ],
)
def test_secret_parameters(name):
    assert redact(f"http://h/?a=1&{name}=geheim&b=2") == f"http://h/?a=1&{name}=[redacted]&b=2"


@pytest.mark.parametrize("name", ["page", "monkey", "keyword", "author", "encode", "signal", "q"])
def test_other_parameters(name):
    assert redact(f"http://h/?{name}=1") == f"http://h/?{name}=1"


def lines(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "hyperhttp"]


def test_a_line_for_each_request(caplog, peer, run):
    async def get():
        async with hyperhttp.Client() as client:
            await client.get(peer.url("/ok?token=geheim"))
            await client.post(peer.url("/status/503"), content=b"x")

    with caplog.at_level(logging.DEBUG, "hyperhttp"):
        run(get())
    first, second = lines(caplog)
    assert first.startswith(f"GET {peer.url('/ok')}?token=[redacted] 200 ")
    assert first.endswith(" ms")
    assert float(first.split()[-2]) > 0
    assert second.startswith(f"POST {peer.url('/status/503')} 503 ")
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_a_session_logs_too(caplog, peer):
    with caplog.at_level(logging.DEBUG, "hyperhttp"), hyperhttp.Session() as session:
        session.get(peer.url("/ok"))
        session.batch([peer.url("/ok")])
        with session.stream("GET", peer.url("/ok")) as response:
            response.read()
    assert len(lines(caplog)) == 3


def test_failures(caplog, peer, closed_port, run):
    async def get():
        async with hyperhttp.Client() as client:
            with pytest.raises(hyperhttp.ConnectError):
                await client.get(f"http://user:geheim@127.0.0.1:{closed_port}/?sig=geheim")

    with caplog.at_level(logging.DEBUG, "hyperhttp"):
        run(get())
    [line] = lines(caplog)
    assert line.startswith(f"GET http://127.0.0.1:{closed_port}/?sig=[redacted] ConnectError: ")
    assert "geheim" not in line


def test_silent_above_debug(caplog, peer):
    with caplog.at_level(logging.INFO, "hyperhttp"), hyperhttp.Session() as session:
        session.get(peer.url("/ok"))
    assert lines(caplog) == []


def test_a_level_set_later_counts(caplog, peer):
    root = logging.getLogger()
    level = root.level
    with hyperhttp.Session() as session:
        session.get(peer.url("/ok"))  # asked now, the logger remembers its answer
        try:
            root.setLevel(logging.DEBUG)
            session.get(peer.url("/ok?second"))
            logging.disable(logging.DEBUG)
            session.get(peer.url("/ok?third"))
        finally:
            logging.disable(logging.NOTSET)
            root.setLevel(level)
        session.get(peer.url("/ok?fourth"))
    [line] = lines(caplog)
    assert "?second" in line


def test_a_logger_that_decides_otherwise(monkeypatch):
    class Moody(logging.Logger):
        def isEnabledFor(self, level):
            return True

    monkeypatch.setattr(_logging, "logger", Moody("hyperhttp"))
    assert _logging.known_levels() is None
    monkeypatch.setattr(_logging, "logger", logging.Logger("hyperhttp"))
    assert _logging.known_levels() == {}


def test_a_failure_that_nobody_retrieved(caplog, closed_port, run):
    async def forget():
        async with hyperhttp.Client() as client:
            call = client.get(f"http://127.0.0.1:{closed_port}/?key=geheim")
            while not call.done():
                await asyncio.sleep(0)
            del call
            gc.collect()

    with caplog.at_level(logging.WARNING):
        run(forget())
    assert caplog.records
    assert "geheim" not in caplog.text


def test_a_broken_handler_breaks_no_request(peer, monkeypatch, capsys):
    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("the log is full")

    handler = Broken()
    logger = logging.getLogger("hyperhttp")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    raised = []
    monkeypatch.setattr(
        "sys.unraisablehook", lambda unraisable: raised.append(unraisable.exc_value)
    )
    try:
        with hyperhttp.Session() as session:
            assert session.get(peer.url("/ok")).status_code == 200
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert [str(error) for error in raised] == ["the log is full"]
