"""Request: a request as data, made without a client."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref
from typing import Any

import pytest
from leaks import leaks

import hyperhttp
from hyperhttp import URL, Headers, InvalidURL, Request, Timeout, UnsupportedProtocol

ADDRESS = "http://example.com/"


def test_plain():
    request = Request("GET", ADDRESS)
    assert request.method == "GET"
    assert type(request.url) is URL
    assert request.url == ADDRESS
    assert type(request.headers) is Headers
    assert len(request.headers) == 0
    assert request.content == b""
    assert request.read() == b""
    assert request.timeout is None
    assert request.follow_redirects is None
    assert request.max_response_bytes is None
    assert request.extensions == {}
    assert repr(request) == "<Request('GET', 'http://example.com/')>"


def test_all():
    request = Request(
        "POST",
        URL(ADDRESS + "a?b=c"),
        params={"d": "e"},
        headers={"X-One": "1"},
        json={"k": "é"},
        auth=("user", "pass"),
        timeout=2,
        follow_redirects=False,
        max_response_bytes=10,
        extensions={"trace": 1},
    )
    assert request.url == ADDRESS + "a?b=c&d=e"
    assert json.loads(request.content) == {"k": "é"}
    assert request.headers == {
        "x-one": "1",
        "content-type": "application/json",
        "authorization": "Basic dXNlcjpwYXNz",
    }
    assert request.timeout == Timeout(2)
    assert request.follow_redirects is False
    assert request.max_response_bytes == 10
    assert request.extensions == {"trace": 1}


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        ({}, b"", None),
        ({"content": b"raw"}, b"raw", None),
        ({"content": "é"}, "é".encode(), None),
        ({"content": bytearray(b"raw")}, b"raw", None),
        ({"content": memoryview(b"raw")[1:]}, b"aw", None),
        ({"content": b""}, b"", None),
        ({"data": {"a": "b c"}}, b"a=b+c", "application/x-www-form-urlencoded"),
        ({"data": b"raw"}, b"raw", None),
        ({"json": [1]}, b"[1]", "application/json"),
        ({"json": "é"}, '"é"'.encode(), "application/json"),
        ({"content": None, "data": None, "files": None, "json": None}, b"", None),
    ],
)
def test_bodies(body, content, content_type):
    request = Request("POST", ADDRESS, **body)
    assert request.content == content
    assert request.read() == content
    assert request.headers.get("content-type") == content_type


def test_files():
    request = Request("POST", ADDRESS, data={"a": "b"}, files={"f": ("x.txt", b"hello")})
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="x.txt"' in request.content
    assert b"hello" in request.content


def test_own_content_type_stays():
    request = Request("POST", ADDRESS, json={}, headers={"content-TYPE": "application/x"})
    assert request.headers.get_list("content-type") == ["application/x"]


def test_given_headers_are_copied():
    headers = Headers({"a": "1"})
    request = Request("POST", ADDRESS, headers=headers, json={})
    request.headers["a"] = "2"
    assert headers == {"a": "1"}


def test_iterators_are_kept():
    class Stream:
        async def __aiter__(self) -> Any:
            yield b""

    for body in (iter([b"a"]), (part for part in [b"a"]), Stream()):
        request = Request("POST", ADDRESS, content=body)
        assert request.content is body
        with pytest.raises(TypeError, match="comes from an iterator"):
            request.read()
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(request)
        with pytest.raises(TypeError, match="can't be pickled"):
            copy.copy(request)


@pytest.mark.parametrize("method", ["get", "PROPFIND", "M-SEARCH", "!#$%&'*+-.^_`|~09azAZ"])
def test_methods_are_kept_as_given(method):
    assert Request(method, ADDRESS).method == method


@pytest.mark.parametrize(
    "method", ["", " ", "GET ", "G T", "GET\r\n", "GET\0", "GÉT", "GET / HTTP/1.1", "a:b", "x" * 65]
)
def test_wrong_methods(method):
    with pytest.raises(ValueError, match="isn't a method"):
        Request(method, ADDRESS)
    request = Request("GET", ADDRESS)
    with pytest.raises(ValueError, match="isn't a method"):
        request.method = method
    assert request.method == "GET"


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"method": None}, TypeError),
        ({"method": b"GET"}, TypeError),
        ({"url": None}, TypeError),
        ({"url": b"http://a/"}, TypeError),
        ({"url": "/relative"}, InvalidURL),
        ({"url": "ftp://a/"}, UnsupportedProtocol),
        ({"params": 1}, TypeError),
        ({"headers": "a: b"}, TypeError),
        ({"headers": {"a": "b\n"}}, ValueError),
        ({"headers": {"a b": "c"}}, ValueError),
        ({"content": 1}, TypeError),
        ({"content": {}}, TypeError),
        ({"data": 1}, TypeError),
        ({"json": object()}, TypeError),
        ({"json": {1: {2}}}, TypeError),
        ({"content": b"", "json": {}}, TypeError),
        ({"content": b"", "data": {}}, TypeError),
        ({"json": 1, "files": {}}, TypeError),
        ({"files": 1}, TypeError),
        ({"auth": "user"}, TypeError),
        ({"auth": ("user",)}, TypeError),
        ({"auth": ("user", 1)}, TypeError),
        ({"timeout": "1"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"follow_redirects": 1}, TypeError),
        ({"follow_redirects": "yes"}, TypeError),
        ({"max_response_bytes": "1"}, TypeError),
        ({"max_response_bytes": 1.0}, TypeError),
        ({"max_response_bytes": True}, TypeError),
        ({"max_response_bytes": -1}, ValueError),
        ({"max_response_bytes": 2**64}, ValueError),
        ({"extensions": 1}, TypeError),
        ({"wrong": 1}, TypeError),
    ],
)
def test_wrong_arguments(keywords, error):
    with pytest.raises(error):
        Request(**{"method": "GET", "url": ADDRESS, **keywords})


def test_missing_arguments():
    for arguments in ((), ("GET",), ("GET", ADDRESS, {})):
        with pytest.raises(TypeError):
            Request(*arguments)


def test_json_that_contains_itself():
    value: list[Any] = []
    value.append(value)
    with pytest.raises((ValueError, RecursionError)):
        Request("POST", ADDRESS, json=value)


def test_timeout():
    assert Request("GET", ADDRESS, timeout=None).timeout == Timeout(None)
    assert Request("GET", ADDRESS, timeout=hyperhttp.USE_CLIENT_DEFAULT).timeout is None
    timeout = Timeout(1)
    request = Request("GET", ADDRESS, timeout=timeout)
    assert request.timeout is timeout
    request.timeout = 3
    assert request.timeout == Timeout(3)
    request.timeout = None
    assert request.timeout is None


def test_attributes_can_be_set():
    request = Request("GET", ADDRESS)
    request.method = "PUT"
    request.url = "http://other/"
    request.headers = {"A": "1"}
    request.content = "text"
    request.follow_redirects = True
    request.max_response_bytes = 7
    request.extensions = {"a": 1}
    request.note = "mine"
    assert repr(request) == "<Request('PUT', 'http://other/')>"
    assert request.headers.raw == [(b"A", b"1")]
    assert request.content == b"text"
    assert (request.follow_redirects, request.max_response_bytes) == (True, 7)
    assert request.extensions == {"a": 1}
    assert request.__dict__ == {"note": "mine"}
    request.content = None
    request.headers = None
    request.extensions = None
    request.follow_redirects = None
    request.max_response_bytes = None
    assert request.content == b""
    assert request.headers == {}
    assert request.extensions == {}
    body = iter([b"x"])
    request.content = body
    assert request.content is body


def test_a_set_content_leaves_the_headers():
    request = Request("POST", ADDRESS, json={})
    request.content = b"other"
    assert request.headers == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("method", 1, TypeError),
        ("url", 1, TypeError),
        ("url", "nonsense", InvalidURL),
        ("headers", 1, TypeError),
        ("headers", {"a": "\n"}, ValueError),
        ("content", 1, TypeError),
        ("content", {"a": "b"}, TypeError),
        ("timeout", "1", TypeError),
        ("timeout", -1, ValueError),
        ("follow_redirects", 0, TypeError),
        ("max_response_bytes", -1, ValueError),
        ("extensions", [1], TypeError),
    ],
)
def test_wrong_settings(name, value, error):
    request = Request("GET", ADDRESS, content=b"x")
    before = getattr(request, name)
    with pytest.raises(error):
        setattr(request, name, value)
    assert getattr(request, name) == before


NAMES = ("method", "url", "headers", "content", "timeout", "follow_redirects", "extensions",
         "max_response_bytes")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_attributes_can_not_be_deleted(name):
    with pytest.raises(AttributeError):
        delattr(Request("GET", ADDRESS), name)


def test_user_info_is_not_shown():
    request = Request("GET", "http://user:hunter2@a/", auth=("user", "hunter2"))
    assert "hunter2" not in repr(request)
    assert "hunter2" not in repr(request.headers)
    assert repr(request) == "<Request('GET', 'http://user:[secure]@a/')>"


def same(left: Request, right: Request) -> bool:
    return all(getattr(left, name) == getattr(right, name) for name in NAMES)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    request = Request(
        "POST",
        ADDRESS + "?a=b",
        headers=[("A", "1"), ("A", "2")],
        data={"c": "d"},
        timeout=Timeout(3, total=9),
        follow_redirects=False,
        max_response_bytes=2**64 - 1,
        extensions={"x": [1]},
    )
    request.note = "mine"
    loaded = pickle.loads(pickle.dumps(request, protocol))
    assert type(loaded) is Request
    assert same(loaded, request)
    assert loaded.headers.raw == request.headers.raw
    assert loaded.note == "mine"
    plain = pickle.loads(pickle.dumps(Request("GET", ADDRESS), protocol))
    assert same(plain, Request("GET", ADDRESS))
    assert plain.__dict__ == {}


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies(copied):
    request = Request("PUT", ADDRESS, headers={"a": "1"}, content=b"x", extensions={"k": [1]})
    other = copied(request)
    assert same(other, request)
    other.headers["a"] = "2"
    other.extensions["l"] = 2
    assert request.headers == {"a": "1"}
    assert request.extensions == {"k": [1]}
    other.extensions["k"].append(3)
    assert request.extensions == {"k": [1] if copied is copy.deepcopy else [1, 3]}


def test_compares_by_identity():
    request = Request("GET", ADDRESS)
    assert request == request
    assert request != Request("GET", ADDRESS)
    assert {request: 1}[request] == 1


def test_is_final():
    with pytest.raises(TypeError):
        type("Sub", (Request,), {})


def test_cycles_are_collected():
    class Mark:
        pass

    for hang in (
        lambda request, mark: setattr(request, "me", (request, mark)),
        lambda request, mark: request.extensions.update(me=(request, mark)),
        lambda request, mark: setattr(request, "content", iter([request, mark])),
    ):
        mark = Mark()
        gone = weakref.ref(mark)
        request = Request("GET", ADDRESS)
        hang(request, mark)
        del request, mark
        gc.collect()
        assert gone() is None


def test_no_leak():
    def round_trip():
        request = Request(
            "POST", ADDRESS, params={"a": "b"}, json={"c": 1}, auth=("d", "e"), timeout=1
        )
        request.note = [request.headers]
        request.url = "http://b/"
        request.content = "x"
        repr(request), request.extensions, pickle.loads(pickle.dumps(request))
        for wrong in ({"timeout": "x"}, {"content": 1}, {"headers": {"a": "\n"}}, {"auth": 1}):
            with pytest.raises((TypeError, ValueError)):
                Request("POST", ADDRESS, **wrong)

    assert not leaks(round_trip)
