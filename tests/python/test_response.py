"""Answers: what they say of themselves; made by hand, pickled, and as a server sends them."""

from __future__ import annotations

import asyncio
import copy
import datetime
import gc
import pickle
import random
import sys
import threading
import weakref

import pytest

import hyperhttp
from hyperhttp._response import parse_links

pytestmark = pytest.mark.both_protocols

FLAVOURS = [hyperhttp.Response, hyperhttp.SyncResponse]


@pytest.fixture(params=FLAVOURS, ids=["async", "blocking"])
def flavour(request):
    return request.param


def make_request(method="GET", url="http://example.org/a"):
    return hyperhttp.Request(method, url)


def fetch(url, **options):
    async def main():
        async with hyperhttp.Client() as client:
            return await client.get(url, **options)

    return asyncio.run(main())


def serve(peer, raw: bytes) -> str:
    """The URL of an answer of these very bytes."""
    peer.do_raw = lambda out, request, rest: out.sendall(raw)
    return peer.url("/raw")


# Made by hand.


def test_made_by_hand(flavour):
    request = make_request("POST")
    response = flavour(201, headers={"X-A": "1"}, content=b"body", request=request)
    assert response.status_code == response.status == 201
    assert response.reason == response.reason_phrase == "Created"
    assert response.http_version == "HTTP/1.1"
    assert str(response.url) == "http://example.org/a"
    assert isinstance(response.url, hyperhttp.URL)
    assert response.request is request
    assert response.headers["x-a"] == "1"
    assert response.headers["content-length"] == "4"
    assert response.content == b"body"
    assert response.history == ()
    assert response.trailers == hyperhttp.Headers()
    assert response.elapsed == datetime.timedelta(0)
    assert response.timings.total == 0.0
    assert response.num_bytes_downloaded == 4
    assert response.remote_address is None
    assert response.is_reused is False
    assert response.redirect_count == 0
    assert response.extensions == {"http_version": b"HTTP/1.1", "reason_phrase": b"Created"}
    assert repr(response) == "<Response [201 Created]>"


@pytest.mark.parametrize(
    "given, content, content_type",
    [
        ({"content": "å"}, "å".encode(), None),
        ({"content": bytearray(b"x")}, b"x", None),
        ({"content": memoryview(b"x")}, b"x", None),
        ({"text": "å"}, "å".encode(), "text/plain; charset=utf-8"),
        ({"json": {"a": 1}}, b'{"a":1}', "application/json"),
        ({}, b"", None),
        ({"text": "x", "headers": {"Content-Type": "text/html"}}, b"x", "text/html"),
    ],
)
def test_made_from_a_body(flavour, given, content, content_type):
    response = flavour(200, **given)
    assert response.content == content
    assert response.headers.get("content-type") == content_type
    assert response.headers.get("content-length") == (str(len(content)) if content else None)


def test_headers_given_are_copied(flavour):
    headers = hyperhttp.Headers({"a": "1"})
    flavour(200, headers=headers, content=b"xyz")
    assert list(headers) == ["a"]


@pytest.mark.parametrize(
    "given, error, says",
    [
        ({"content": b"", "text": ""}, TypeError, "one of content="),
        ({"text": b"x"}, TypeError, "text must be a str"),
        ({"content": 5}, TypeError, "content must be bytes or str"),
        ({"request": "GET"}, TypeError, "request must be a Request"),
        ({"headers": {"a": "b\r\nc: d"}}, ValueError, None),
        ({"url": "not a url"}, hyperhttp.InvalidURL, None),
        ({"reason": 5}, TypeError, "reason"),
        ({"history": 5}, TypeError, "iterable"),
        ({"extensions": []}, TypeError, "extensions"),
        ({"default_encoding": 5}, TypeError, "default_encoding"),
        ({"cookies": {}}, TypeError, "cookies"),
    ],
)
def test_made_of_the_wrong_things(flavour, given, error, says):
    with pytest.raises(error, match=says):
        flavour(200, **given)


@pytest.mark.parametrize("status", [0, 99, 1000, -1])
def test_no_status(flavour, status):
    with pytest.raises(ValueError, match="100 to 999"):
        flavour(status)


def test_wrong_status_type(flavour):
    with pytest.raises(TypeError):
        flavour("200")
    with pytest.raises(TypeError):
        flavour()


def test_without_url_and_request(flavour):
    response = flavour(200)
    with pytest.raises(RuntimeError, match="no URL"):
        _ = response.url
    with pytest.raises(RuntimeError, match="no request"):
        _ = response.request


def test_never_initialised(flavour):
    response = flavour.__new__(flavour)
    for name in ("status_code", "reason", "headers", "content", "history", "is_success", "ok"):
        with pytest.raises(RuntimeError):
            getattr(response, name)
    with pytest.raises(RuntimeError):
        response.raise_for_status()
    assert "not initialised" in repr(response)


def test_initialised_once(flavour):
    response = flavour(200)
    with pytest.raises(TypeError, match="there already"):
        response.__init__(404)
    assert response.status_code == 200


# What follows from the status.


@pytest.mark.parametrize(
    "status, true",
    [
        (100, {"is_informational", "ok"}),
        (200, {"is_success", "ok"}),
        (299, {"is_success", "ok"}),
        (301, {"is_redirect", "has_redirect_location", "ok"}),
        (304, {"is_redirect", "ok"}),
        (308, {"is_redirect", "has_redirect_location", "ok"}),
        (400, {"is_client_error", "is_error"}),
        (499, {"is_client_error", "is_error"}),
        (500, {"is_server_error", "is_error"}),
        (599, {"is_server_error", "is_error"}),
        (600, set()),
        (999, set()),
    ],
)
def test_status_classes(flavour, status, true):
    response = flavour(status, headers={"Location": "/there"})
    names = {"is_informational", "is_success", "is_redirect", "has_redirect_location"}
    names |= {"is_client_error", "is_server_error", "is_error", "ok"}
    assert {name for name in names if getattr(response, name)} == true
    assert flavour(301).has_redirect_location is False


@pytest.mark.parametrize("status", [101, 200, 204, 301, 304, 399, 600, 999])
def test_raise_for_status_returns_the_response(flavour, status):
    response = flavour(status)
    assert response.raise_for_status() is response


@pytest.mark.parametrize(
    "status, says",
    [
        (404, "404 Not Found for GET http://example.org/a"),
        (401, "credentials"),
        (429, "Retry-After"),
        (503, "try again later"),
        (500, "500 Internal Server Error for GET"),
        (599, "599 for GET"),
    ],
)
def test_raise_for_status(flavour, status, says):
    response = flavour(status, request=make_request())
    with pytest.raises(hyperhttp.HTTPStatusError) as caught:
        response.raise_for_status()
    assert says in str(caught.value)
    assert caught.value.response is response
    assert caught.value.request is response.request


def test_raise_for_status_without_request_or_url(flavour):
    with pytest.raises(hyperhttp.HTTPStatusError, match="^404 Not Found$"):
        flavour(404).raise_for_status()
    with pytest.raises(hyperhttp.HTTPStatusError, match="^404 Not Found for http://a.example/$"):
        flavour(404, url="http://a.example/").raise_for_status()


def test_reasons():
    assert hyperhttp.Response(200, reason="Fine").reason == "Fine"
    assert hyperhttp.Response(599).reason == ""
    assert repr(hyperhttp.Response(599)) == "<Response [599]>"
    assert hyperhttp.Response(418).reason == "I'm a teapot"


# As an object.


def test_attributes_are_read_only(flavour):
    response = flavour(200)
    for name in ("status_code", "url", "headers", "content", "ok", "elapsed"):
        with pytest.raises(AttributeError):
            setattr(response, name, 1)


def test_users_may_hang_things_on_it(flavour):
    response = flavour(200)
    response.trace_id = "abc"
    assert response.trace_id == "abc"
    assert vars(response) == {"trace_id": "abc"}


def test_compares_by_identity_and_hashes(flavour):
    one, other = flavour(200), flavour(200)
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_weak_references_and_cycles(flavour):
    class Derived(flavour):
        pass

    for kind in (flavour, Derived):
        response = kind(200, content=b"x" * 100)
        response.extensions["self"] = response
        response.myself = response
        gone = weakref.ref(response)
        del response
        gc.collect()
        assert gone() is None


def test_no_reference_is_left_behind(flavour):
    def use():
        response = flavour(404, json=[1], request=make_request(), history=[flavour(301)])
        for name in dir(response):
            getattr(response, name)
        repr(response)
        pickle.loads(pickle.dumps(response))
        response.encoding = "latin-1"
        with pytest.raises(hyperhttp.HTTPStatusError):
            response.raise_for_status()
        if flavour is hyperhttp.Response:
            asyncio.run(read(response))
        else:
            response.text, response.json(), response.read()

    async def read(response):
        await response.text(), await response.json(), await response.read()
        async for _ in response.iter_lines():
            pass

    use()
    watched = [
        flavour,
        hyperhttp.Response,
        hyperhttp.HTTPStatusError,
        hyperhttp.Headers,
        hyperhttp.URL,
    ]
    gc.collect()
    before = [sys.getrefcount(thing) for thing in watched] + [len(gc.get_objects())]
    for _ in range(100):
        use()
    gc.collect()
    after = [sys.getrefcount(thing) for thing in watched] + [len(gc.get_objects())]
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([0] * 6, abs=25)


def test_timings_is_a_structure(flavour):
    timings = flavour(200).timings
    fields = ["queue", "resolve", "connect", "tls", "send", "wait", "receive", "total", "redirect"]
    assert [getattr(timings, name) for name in fields] == [0.0] * 9
    assert len(timings) == 9
    assert all(name + "=" in repr(timings) for name in fields)
    with pytest.raises(AttributeError):
        timings.total = 1.0
    assert pickle.loads(pickle.dumps(timings)) == timings


# Pickles.


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(flavour, protocol):
    response = flavour(
        404,
        reason="Nowhere",
        headers=[("A", "1"), ("a", "2"), ("Content-Type", "text/plain; charset=latin-1")],
        content="å".encode("latin-1"),
        request=make_request("PUT"),
        history=[flavour(301)],
        http_version="HTTP/1.0",
    )
    response.note = {"mine": 1}
    back = pickle.loads(pickle.dumps(response, protocol))
    assert type(back) is flavour
    for name in ("status_code", "reason", "http_version", "content", "encoding", "timings"):
        assert getattr(back, name) == getattr(response, name), name
    assert back.url == response.url
    assert back.headers == response.headers
    assert back.headers.get_list("a") == ["1", "2"]
    assert back.request.method == "PUT"
    assert [type(one) for one in back.history] == [flavour]
    assert back.note == {"mine": 1}
    assert pickle.loads(pickle.dumps(back)).content == response.content


def test_copy(flavour):
    response = flavour(200, content=b"x", url="http://a.example/")
    for made in (copy.copy(response), copy.deepcopy(response)):
        assert made is not response
        assert made.content == b"x"
        assert made.url == response.url


def test_pickle_without_url_and_request(flavour):
    back = pickle.loads(pickle.dumps(flavour(200)))
    with pytest.raises(RuntimeError):
        _ = back.url


@pytest.mark.parametrize("key", ["headers", "content", "url", "history", "encoding", "extensions"])
def test_a_bad_pickle_is_refused(flavour, key):
    state = flavour(200, content=b"x", url="http://a.example/").__getstate__()
    state[key] = object()
    with pytest.raises(TypeError, match=key):
        flavour.__new__(flavour).__setstate__(state)
    with pytest.raises(TypeError, match="dict"):
        flavour.__new__(flavour).__setstate__([])


@pytest.mark.parametrize("value", ["200", None, 5, 10**30])
def test_a_pickle_with_a_bad_status(flavour, value):
    state = flavour(200).__getstate__()
    state["status_code"] = value
    back = flavour.__new__(flavour)
    back.__setstate__(state)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        _ = back.status_code
    with pytest.raises((TypeError, ValueError, OverflowError)):
        _ = back.ok


# From a server.


@pytest.mark.only_http1
def test_from_a_server(peer):
    response = fetch(peer.url())
    assert type(response) is hyperhttp.Response
    assert (response.status_code, response.reason) == (200, "Made")
    assert response.http_version == "HTTP/1.1"
    assert str(response.url) == peer.url()
    assert response.headers["content-type"] == "text/plain"
    assert response.content is response.content
    assert response.content == b"hello \n"
    assert response.remote_address == f"127.0.0.1:{peer.port}"
    assert response.num_bytes_downloaded == 7
    assert response.request.method == "GET"
    assert str(response.request.url) == peer.url()
    assert response.history == ()
    assert response.headers is response.headers
    assert response.url is response.url


@pytest.mark.only_http1
def test_times(peer):
    response = fetch(peer.url())
    timings = response.timings
    assert 0 < timings.total < 60
    assert timings.connect > 0
    assert timings.tls == 0.0
    assert timings.wait <= timings.total
    assert response.elapsed.total_seconds() == pytest.approx(timings.total, abs=1e-6)


def test_reuse(peer):
    async def main():
        async with hyperhttp.Client() as client:
            return [await client.get(peer.url()) for _ in range(2)]

    first, second = asyncio.run(main())
    assert (first.is_reused, second.is_reused) == (False, True)
    assert second.timings.connect == 0.0


@pytest.mark.only_http1
def test_reason_and_version(peer):
    response = fetch(serve(peer, b"HTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n"))
    assert response.http_version == "HTTP/1.0"
    assert response.reason == "OK"
    assert response.extensions == {"http_version": b"HTTP/1.0", "reason_phrase": b"OK"}
    response = fetch(serve(peer, b"HTTP/1.1 200 Bl\xe5 b\xe4r\r\nContent-Length: 0\r\n\r\n"))
    assert response.reason == "Blå bär"


def test_trailers(peer):
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
    )
    response = fetch(serve(peer, raw))
    assert response.content == b"abc"
    assert dict(response.trailers) == {"x-sum": "6"}
    assert "x-sum" not in response.headers


def test_redirects(peer):
    response = fetch(peer.url("/redirect/3"))
    assert response.redirect_count == 3
    assert [one.status_code for one in response.history] == [302, 302, 302]
    assert [one.url.path for one in response.history] == [
        "/redirect/3",
        "/redirect/2",
        "/redirect/1",
    ]
    assert [one.headers["location"][:11] for one in response.history] == [
        "/redirect/2",
        "/redirect/1",
        "/redirect/0",
    ]
    assert [len(one.history) for one in response.history] == [0, 1, 2]
    assert response.url.path == "/redirect/0"
    assert response.request.url.path == "/redirect/3"
    assert response.timings.redirect > 0
    assert all(isinstance(one, hyperhttp.Response) for one in response.history)
    assert all(one.has_redirect_location for one in response.history)
    back = pickle.loads(pickle.dumps(response))
    assert [one.url for one in back.history] == [one.url for one in response.history]


def test_status_error_tells_of_redirects(peer):
    response = fetch(peer.url("/elsewhere?to=/status/404"))
    with pytest.raises(hyperhttp.HTTPStatusError) as caught:
        response.raise_for_status()
    assert f"for GET {peer.url('/elsewhere?to=/status/404')}" in str(caught.value)
    assert f"redirected to {peer.url('/status/404')}" in str(caught.value)


def test_status_error_keeps_the_password(peer):
    url = peer.url("/status/404").replace("http://", "http://me:secret@")
    with pytest.raises(hyperhttp.HTTPStatusError) as caught:
        fetch(url).raise_for_status()
    assert "secret" not in str(caught.value)


def test_status_error_pickles(peer):
    with pytest.raises(hyperhttp.HTTPStatusError) as caught:
        fetch(peer.url("/status/503")).raise_for_status()
    back = pickle.loads(pickle.dumps(caught.value))
    assert str(back) == str(caught.value)
    assert back.response.status_code == 503
    assert back.response.content == b"status 503\n"


ATTRIBUTES = [
    "status_code",
    "reason",
    "http_version",
    "url",
    "headers",
    "content",
    "timings",
    "elapsed",
] + ["remote_address", "num_bytes_downloaded", "is_reused", "redirect_count", "encoding"]


def test_pickle_from_a_server(peer):
    response = fetch(peer.url())
    back = pickle.loads(pickle.dumps(response))
    for name in ATTRIBUTES:
        assert getattr(back, name) == getattr(response, name), name
    assert back.request.url == response.request.url


def test_encoded_body(peer):
    response = fetch(peer.url("/gzip"))
    assert len(response.content) == 100_000
    assert response.num_bytes_downloaded == int(response.headers["content-length"])


def test_outlives_its_client(peer):
    response = fetch(peer.url())
    gc.collect()
    assert response.content == b"hello \n"
    assert response.headers["content-type"] == "text/plain"


def test_init_of_an_engines_answer(peer):
    response = fetch(peer.url())
    with pytest.raises(TypeError):
        response.__init__(200)
    with pytest.raises(TypeError):
        response.__setstate__({})


def test_from_a_session(peer):
    with hyperhttp.Session() as session:
        response = session.get(peer.url("/redirect/1"))
    assert type(response) is hyperhttp.SyncResponse
    assert [type(one) for one in response.history] == [hyperhttp.SyncResponse]
    assert response.json()["target"] == "/redirect/0?status=302"


def test_read_by_many_threads(peer):
    response = fetch(peer.url("/bytes/100000"))
    seen = []
    barrier = threading.Barrier(8)

    def look():
        barrier.wait()
        seen.append((id(response.content), id(response.headers), id(response.url)))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


# A body on its way.


class Stream:
    def __init__(self, content):
        self.what = content

    def content(self):
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


def test_stream_stands_for_the_body(peer):
    response = hyperhttp.Response.__new__(hyperhttp.Response)
    state = hyperhttp.Response(200, content=b"").__getstate__()
    del state["content"]
    response.__setstate__(state)
    assert response._stream is None
    response._stream = stream = Stream(OSError("not yet"))
    assert response._stream is stream
    with pytest.raises(OSError, match="not yet"):
        _ = response.content
    with pytest.raises(OSError, match="not yet"):
        asyncio.run(response.text())
    assert response.encoding == "utf-8"
    response._stream = Stream("no bytes")
    with pytest.raises(TypeError, match="bytes"):
        _ = response.content
    response._stream = Stream(b"from it")
    assert response.content == b"from it"
    with pytest.raises(TypeError):
        response._fill("text")
    response._fill(b"all of it")
    assert response._stream is None
    assert asyncio.run(response.text()) == "all of it"


# Iteration.


def collect(iterator):
    async def main():
        return [piece async for piece in iterator]

    return list(iterator) if hasattr(iterator, "__next__") else asyncio.run(main())


def test_iter_bytes(flavour):
    response = flavour(200, content=b"abcdefg")
    assert collect(response.iter_bytes()) == [b"abcdefg"]
    assert collect(response.iter_bytes(3)) == [b"abc", b"def", b"g"]
    assert collect(response.iter_bytes(7)) == [b"abcdefg"]
    assert collect(response.iter_bytes(100)) == [b"abcdefg"]
    assert collect(response.iter_raw(4)) == [b"abcd", b"efg"]
    assert collect(flavour(200).iter_bytes()) == []
    for size in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            collect(response.iter_bytes(size))


def test_iter_text(flavour):
    response = flavour(200, text="åäö\r\nx")
    assert "".join(collect(response.iter_text())) == "åäö\r\nx"
    assert collect(response.iter_text(2)) == ["åä", "ö\r", "\nx"]
    response.encoding = "latin-1"
    assert "".join(collect(response.iter_text())) == "åäö\r\nx".encode().decode("latin-1")


def test_iter_lines(flavour):
    response = flavour(200, text="one\ntwo\r\nthree\rfour\n\n\u2028five\x0bsix")
    assert collect(response.iter_lines()) == [
        "one",
        "two",
        "three",
        "four",
        "",
        "\u2028five\x0bsix",
    ]
    assert collect(flavour(200, text="").iter_lines()) == []
    assert collect(flavour(200, text="\n").iter_lines()) == [""]


def test_iterates_twice(flavour):
    response = flavour(200, content=b"abc")
    assert collect(response.iter_bytes()) == collect(response.iter_bytes()) == [b"abc"]


def test_async_names():
    response = hyperhttp.Response(200, text="a\nb")
    assert collect(response.aiter_bytes()) == [b"a\nb"]
    assert collect(response.aiter_raw()) == [b"a\nb"]
    assert collect(response.aiter_text()) == ["a\nb"]
    assert collect(response.aiter_lines()) == ["a", "b"]


def test_blocking_names():
    response = hyperhttp.SyncResponse(200, text="a\nb")
    assert list(response.iter_content(2)) == [b"a\n", b"b"]
    with response as entered:
        assert entered is response
    assert response.text == "a\nb"


def test_async_context():
    async def main():
        async with hyperhttp.Response(200, text="x") as response:
            return await response.text()

    assert asyncio.run(main()) == "x"


# The Link header.


@pytest.mark.parametrize(
    "value, links",
    [
        ("", {}),
        ("<a>; rel=next", {"next": {"url": "a", "rel": "next"}}),
        ('<a?x=1,2>; rel="next"', {"next": {"url": "a?x=1,2", "rel": "next"}}),
        (
            '<a>; rel="next", <b>; rel="last"; title="x, \\"y\\"; z"',
            {
                "next": {"url": "a", "rel": "next"},
                "last": {"url": "b", "rel": "last", "title": 'x, "y"; z'},
            },
        ),
        (
            '<a>; rel="next last"',
            {
                "next": {"url": "a", "rel": "next last"},
                "last": {"url": "a", "rel": "next last"},
            },
        ),
        ("<a>", {"a": {"url": "a"}}),
        ("<a>;REL = next ; rel=last", {"next": {"url": "a", "rel": "next"}}),
        ("<a>; rel=x, <b>; rel=x", {"x": {"url": "a", "rel": "x"}}),
        ("<a>; crossorigin; rel=x", {"x": {"url": "a", "crossorigin": "", "rel": "x"}}),
        (", ,<a>; rel=x,,", {"x": {"url": "a", "rel": "x"}}),
        ("no link", {}),
        ("<a", {}),
        ('<a>; rel="x', {"x": {"url": "a", "rel": "x"}}),
        ('<a>; rel="x\\', {"x": {"url": "a", "rel": "x"}}),
        ("<a>;;;", {"a": {"url": "a"}}),
    ],
)
def test_parse_links(value, links):
    assert parse_links(value) == links


@pytest.mark.parametrize("seed", range(10))
def test_random_links(seed):
    chance = random.Random(seed)
    for _ in range(500):
        value = "".join(chance.choices('<>;,="\\ arel', k=chance.randint(0, 40)))
        for link in parse_links(value).values():
            assert link["url"] in value


def test_links(flavour):
    response = flavour(200, headers=[("Link", "<a>; rel=next"), ("Link", "<b>; rel=prev")])
    assert response.links["next"]["url"] == "a"
    assert response.links["prev"]["url"] == "b"
    assert flavour(200).links == {}
