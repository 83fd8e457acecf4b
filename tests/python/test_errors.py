"""Exceptions: the tree, what each carries, and which failure of the engine becomes which."""

from __future__ import annotations

import asyncio
import copy
import errno
import pickle
import re
from pathlib import Path

import pytest

import hyperhttp
from hyperhttp import errors

HEADER = Path(__file__).parents[2] / "include/hyperhttp/base.h"

TREE = {
    "HyperHTTPError": "Exception",
    "HTTPError": "HyperHTTPError",
    "RequestError": "HTTPError",
    "TransportError": "RequestError",
    "TimeoutException": "TransportError",
    "ConnectTimeout": "TimeoutException",
    "ReadTimeout": "TimeoutException",
    "WriteTimeout": "TimeoutException",
    "PoolTimeout": "TimeoutException",
    "TotalTimeout": "TimeoutException",
    "NetworkError": "TransportError",
    "ConnectError": "NetworkError",
    "DNSError": "ConnectError",
    "TLSError": "ConnectError",
    "ReadError": "NetworkError",
    "WriteError": "NetworkError",
    "ProtocolError": "TransportError",
    "LocalProtocolError": "ProtocolError",
    "RemoteProtocolError": "ProtocolError",
    "UnsupportedProtocol": "TransportError",
    "DecodingError": "RequestError",
    "TooManyRedirects": "RequestError",
    "ResponseTooLarge": "RequestError",
    "HTTPStatusError": "HTTPError",
    "InvalidURL": "HyperHTTPError",
    "StreamError": "HyperHTTPError",
    "StreamConsumed": "StreamError",
    "StreamClosed": "StreamError",
    "ResponseNotRead": "StreamError",
}


def statuses() -> list[str]:
    names = re.findall(r"^    (HH_\w+) = \d+", HEADER.read_text(), re.M)
    assert len(names) > 30
    return [name for name in names if name.startswith("HH_ERR_")]


def make(code: str, **given) -> Exception:
    values = {"category": "NONE", "phase": "none", "processed": "no", "message": "what happened"}
    values |= given
    return errors.make_error(code, **values)


@pytest.mark.parametrize("name", TREE)
def test_tree(name):
    cls = getattr(errors, name)
    assert cls.__bases__[0].__name__ == TREE[name]
    assert getattr(hyperhttp, name) is cls
    assert cls.__doc__


def test_all_of_the_tree_is_exported():
    assert sorted(errors.__all__) == sorted(TREE)


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (hyperhttp.TotalTimeout, TimeoutError),
        (hyperhttp.ConnectTimeout, asyncio.TimeoutError),
        (hyperhttp.DNSError, ConnectionError),
        (hyperhttp.ReadError, OSError),
        (hyperhttp.InvalidURL, ValueError),
        (hyperhttp.UnsupportedProtocol, ValueError),
        (hyperhttp.LocalProtocolError, ValueError),
        (hyperhttp.StreamConsumed, RuntimeError),
    ],
)
def test_is_of_the_standard_library_too(cls, builtin):
    assert issubclass(cls, builtin)


@pytest.mark.parametrize("code", statuses())
def test_every_status_becomes_an_exception(code):
    if code == "HH_ERR_NO_MEMORY":  # MemoryError, without a detour by Python
        assert code not in errors._CLASSES
        return
    error = make(code, phase="connect", category="TIMEOUT", request=None)
    assert type(error) is errors._CLASSES[code]
    assert str(error) == "what happened"
    assert (error.code, error.phase, error.category) == (code, "connect", "TIMEOUT")


def test_no_status_is_made_up():
    assert set(errors._CLASSES) < set(statuses())


@pytest.mark.parametrize(
    ("code", "phase", "cls"),
    [
        ("HH_ERR_TIMEOUT_CONNECT", "resolve", hyperhttp.ConnectTimeout),
        ("HH_ERR_TIMEOUT_TOTAL", "body", hyperhttp.TotalTimeout),
        ("HH_ERR_RESOLVE", "resolve", hyperhttp.DNSError),
        ("HH_ERR_CERTIFICATE", "tls", hyperhttp.TLSError),
        ("HH_ERR_TLS", "tls", hyperhttp.TLSError),
        ("HH_ERR_TLS", "send", hyperhttp.WriteError),
        ("HH_ERR_TLS", "body", hyperhttp.ReadError),
        ("HH_ERR_EMPTY_RESPONSE", "headers", hyperhttp.RemoteProtocolError),
        ("HH_ERR_RECEIVE", "headers", hyperhttp.ReadError),
        ("HH_ERR_BODY_NOT_REWINDABLE", "redirect", hyperhttp.StreamConsumed),
        ("HH_ERR_FROM_THE_FUTURE", "none", hyperhttp.RequestError),
    ],
)
def test_which_becomes_which(code, phase, cls):
    assert type(make(code, phase=phase)) is cls


def test_what_is_not_told_is_as_the_class_has_it():
    error = make("HH_ERR_RESOLVE")
    assert (error.category, error.phase) == ("DNS", None)


@pytest.mark.parametrize(
    ("category", "processed", "method", "retryable"),
    [
        ("CONNECTION", "no", "POST", True),
        ("CONNECTION", "maybe", "POST", False),
        ("CONNECTION", "maybe", "GET", True),
        ("TIMEOUT", "yes", "DELETE", True),
        ("TIMEOUT", "maybe", "PATCH", False),
        ("TRANSIENT", "no", None, True),
        ("TRANSIENT", "maybe", None, False),
        ("DNS", "no", "GET", False),
        ("TLS", "no", "GET", False),
        ("PROTOCOL", "no", "GET", False),
        ("CLIENT", "no", "GET", False),
        ("FATAL", "no", "GET", False),
    ],
)
def test_retryable(category, processed, method, retryable):
    request = hyperhttp.Request(method, "http://example.com/") if method else None
    error = make("HH_ERR_CONNECT", category=category, processed=processed, request=request)
    assert error.retryable is retryable
    assert error.request is request


def test_errno_is_kept_apart_from_the_sentence():
    error = make("HH_ERR_CONNECT", os_error=errno.ECONNREFUSED)
    assert error.errno == errno.ECONNREFUSED
    assert str(error) == "what happened"


def test_http2_error():
    error = make("HH_ERR_STREAM_RESET", category="PROTOCOL", http2_error=0xB)
    assert type(error) is errors.RemoteProtocolError
    assert error.http2_error == 0xB
    assert pickle.loads(pickle.dumps(error)).http2_error == 0xB
    assert make("HH_ERR_PROTOCOL").http2_error == errors.HyperHTTPError.http2_error == 0


def test_a_refused_request_may_be_sent_again():
    request = hyperhttp.Request("POST", "http://example.com/")
    error = make("HH_ERR_REFUSED", category="CONNECTION", processed="no", request=request)
    assert type(error) is errors.RemoteProtocolError
    assert error.retryable is True


# Travelling.


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(name, protocol):
    cls = getattr(errors, name)
    request = hyperhttp.Request("GET", "http://example.com/a")
    keywords = {"response": hyperhttp.Response(404)} if name == "HTTPStatusError" else {}
    error = cls("it failed", request=request, **keywords)
    error.category, error.phase, error.retryable, error.code = "TLS", "tls", True, "HH_ERR_TLS"
    error.add_note("a note")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is cls
    assert str(again) == "it failed"
    assert again.args == error.args
    assert (again.category, again.phase, again.retryable, again.code) == (
        "TLS",
        "tls",
        True,
        "HH_ERR_TLS",
    )
    assert again.request.method == "GET"
    assert str(again.request.url) == "http://example.com/a"
    assert again.__notes__ == ["a note"]


def test_pickles_its_errno():
    error = make("HH_ERR_CONNECT", os_error=errno.ENETUNREACH)
    again = pickle.loads(pickle.dumps(error))
    assert again.errno == errno.ENETUNREACH
    assert str(again) == "what happened"


def test_pickles_its_response():
    error = hyperhttp.HTTPStatusError("no", response=hyperhttp.Response(404, content=b"not here"))
    again = pickle.loads(pickle.dumps(error))
    assert again.response.status_code == 404
    assert again.response.content == b"not here"


def test_copies():
    error = make("HH_ERR_TIMEOUT_READ", phase="body")
    assert copy.copy(error).phase == "body"


def test_a_subclass_with_arguments_of_its_own_pickles():
    error = Own(1, 2)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is Own
    assert (again.left, again.right, str(again)) == (1, 2, "1 and 2")


class Own(hyperhttp.RequestError):
    def __init__(self, left: int, right: int) -> None:
        super().__init__(f"{left} and {right}")
        self.left = left
        self.right = right


# Statuses.


@pytest.mark.parametrize(
    ("status", "method", "category", "retryable"),
    [
        (404, "GET", "CLIENT", False),
        (429, "POST", "RATE_LIMIT", True),
        (500, "GET", "SERVER", True),
        (503, "POST", "SERVER", False),
    ],
)
def test_status_errors(peer, status, method, category, retryable):
    with hyperhttp.Session() as session:
        response = session.request(method, peer.url(f"/status/{status}"))
    with pytest.raises(hyperhttp.HTTPStatusError) as caught:
        response.raise_for_status()
    error = caught.value
    assert error.response is response
    assert error.request.method == method
    assert (error.category, error.retryable, error.phase) == (category, retryable, "headers")
    assert str(status) in str(error)


# From the wire.


def test_refused(closed_port):
    with hyperhttp.Session() as session, pytest.raises(hyperhttp.ConnectError) as caught:
        session.post(f"http://127.0.0.1:{closed_port}/", content=b"x")
    error = caught.value
    assert error.code == "HH_ERR_CONNECT"
    assert (error.category, error.phase, error.retryable) == ("CONNECTION", "connect", True)
    assert error.errno == errno.ECONNREFUSED
    assert error.request.method == "POST"
    assert str(error.request.url) == f"http://127.0.0.1:{closed_port}/"
    assert isinstance(error, ConnectionError)
    assert "127.0.0.1" in str(error)


@pytest.mark.parametrize(
    ("path", "cls", "phase"),
    [
        ("/truncated", hyperhttp.RemoteProtocolError, "body"),
        ("/empty", hyperhttp.RemoteProtocolError, "headers"),
        ("/garbage", hyperhttp.RemoteProtocolError, "headers"),
        ("/badgzip", hyperhttp.DecodingError, "body"),
        ("/redirect/30", hyperhttp.TooManyRedirects, "redirect"),
    ],
)
def test_misbehaving_servers(peer, run, path, cls, phase):
    async def get():
        async with hyperhttp.Client() as client:
            await client.post(peer.url(path))

    with pytest.raises(cls) as caught:
        run(get())
    assert caught.value.phase == phase
    assert not caught.value.retryable
    with hyperhttp.Session() as session, pytest.raises(cls):
        session.get(peer.url(path))


def test_too_large(peer):
    with hyperhttp.Session(max_response_bytes=1000) as session:
        assert len(session.get(peer.url("/bytes/1000")).content) == 1000
        with pytest.raises(hyperhttp.ResponseTooLarge):
            session.get(peer.url("/bytes/1001"))
        assert len(session.get(peer.url("/bytes/1001"), max_response_bytes=1001).content) == 1001


@pytest.mark.parametrize(
    ("path", "timeout", "cls", "category"),
    [
        ("/hang", hyperhttp.Timeout(read=0.05), hyperhttp.ReadTimeout, "TIMEOUT"),
        ("/stall", hyperhttp.Timeout(read=0.05), hyperhttp.ReadTimeout, "TIMEOUT"),
        ("/hang", hyperhttp.Timeout(total=0.05), hyperhttp.TotalTimeout, "TIMEOUT"),
    ],
)
def test_timeouts(peer, path, timeout, cls, category):
    with hyperhttp.Session() as session, pytest.raises(cls) as caught:
        session.get(peer.url(path), timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.category == category
    assert caught.value.retryable


def test_pool_timeout(peer, run):
    async def exhaust():
        async with hyperhttp.Client(max_connections=1) as client:
            held = client.get(peer.url("/gated"))
            with pytest.raises(hyperhttp.PoolTimeout) as caught:
                await client.get(peer.url("/ok"), timeout=hyperhttp.Timeout(pool=0.05))
            peer.gate.set()
            assert (await held).status_code == 200
            return caught.value

    error = run(exhaust())
    assert (error.phase, error.retryable) == ("queue", True)


def test_unknown_certificate(nginx):
    with hyperhttp.Session() as session, pytest.raises(hyperhttp.TLSError) as caught:
        session.get(nginx.tls_url())
    assert caught.value.code == "HH_ERR_CERTIFICATE"
    assert caught.value.category == "TLS"
    assert not caught.value.retryable


def test_no_secrets_in_messages(closed_port):
    with hyperhttp.Session() as session, pytest.raises(hyperhttp.ConnectError) as caught:
        session.get(f"http://user:geheim@127.0.0.1:{closed_port}/")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "/relative", "http://", "http://a b/", "http://[::1/", 5, None]
)
def test_bad_urls(url):
    expected = hyperhttp.HyperHTTPError if isinstance(url, str) else TypeError
    with hyperhttp.Session() as session, pytest.raises(expected) as caught:
        session.get(url)
    assert str(caught.value)
    if isinstance(url, str):
        assert isinstance(caught.value, hyperhttp.InvalidURL)


def test_unsupported_protocol():
    with hyperhttp.Session() as session, pytest.raises(hyperhttp.UnsupportedProtocol):
        session.get("ftp://example.com/")
