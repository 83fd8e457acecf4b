"""Bodies from iterators: chunked or of a declared length, sync and async, and how they go wrong."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import threading
from pathlib import Path

import pytest
from peer import pattern
from raw_server import read_chunks, read_head, serve
from running import with_client

import hyperhttp

pytestmark = pytest.mark.both_protocols


def pieces_of(data: bytes, size: int):
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def async_pieces_of(data: bytes, size: int):
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


def post(run, url, **keywords):
    return with_client(run, lambda client: client.post(url, **keywords))


# Getting there.


@pytest.mark.parametrize("make", [pieces_of, async_pieces_of])
def test_chunked(any_loop, peer, make):
    data = pattern(1_000_000)
    response = post(any_loop, peer.url("/echo"), content=make(data, 10_000))
    request = peer.requests[-1]
    assert response.status_code == 200
    assert request.body == data
    assert request.values("transfer-encoding") == ["chunked"]
    assert request.values("content-length") == []


@pytest.mark.parametrize("make", [pieces_of, async_pieces_of])
def test_declared_length(run, peer, make):
    data = pattern(300_000)
    post(
        run,
        peer.url("/echo"),
        content=make(data, 70_000),
        headers={"Content-Length": str(len(data))},
    )
    request = peer.requests[-1]
    assert request.body == data
    assert request.values("transfer-encoding") == []
    assert request.values("content-length") == [str(len(data))]


def test_session(peer):
    data = pattern(1_000_000)
    with hyperhttp.Session() as session:
        assert session.post(peer.url("/echo"), content=pieces_of(data, 9999)).status_code == 200
        assert peer.requests[-1].body == data
        with session.stream("PUT", peer.url("/echo"), content=pieces_of(data, 77)) as response:
            assert response.read()
        assert peer.requests[-1].body == data
    assert peer.connections == 1


def test_streamed_both_ways(run, peer):
    async def body(client):
        content = async_pieces_of(b"abcdef", 2)
        async with client.stream("POST", peer.url("/echo"), content=content) as response:
            return await response.json()

    assert with_client(run, body)["body"] == "abcdef"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], b""),
        ([b""], b""),
        ([b"", b"a", b"", b"b", b""], b"ab"),
        ([bytearray(b"ab"), memoryview(b"cd")], b"abcd"),
        ([memoryview(b"abcdef")[::2].tobytes()], b"ace"),
        ([pattern(3_000_000)], pattern(3_000_000)),
    ],
    ids=["none", "empty", "empty between", "kinds of bytes", "slice", "large"],
)
def test_pieces(run, peer, pieces, expected):
    assert post(run, peer.url("/echo"), content=iter(pieces)).status_code == 200
    assert peer.requests[-1].body == expected


def test_a_file_like_object(run, peer):
    data = pattern(200_000)
    post(run, peer.url("/echo"), content=io.BytesIO(data))
    assert peer.requests[-1].body == data


def test_a_replaced_body_by_a_hook(run, peer):
    async def body(client):
        await client.post(peer.url("/echo"), content=b"abc")

    def replace(request):
        request.content = iter([b"x", b"yz"])

    with_client(run, body, event_hooks={"request": [replace]})
    assert peer.requests[-1].body == b"xyz"


# Going wrong.


def test_an_iterator_is_used_once(run, peer):
    async def body(client):
        request = client.build_request("POST", peer.url("/echo"), content=pieces_of(b"abc", 1))
        assert (await client.send(request)).status_code == 200
        with pytest.raises(hyperhttp.StreamConsumed) as caught:
            await client.send(request)
        assert caught.value.request is request
        generator = async_pieces_of(b"abc", 1)
        await client.post(peer.url("/echo"), content=generator)
        with pytest.raises(hyperhttp.StreamConsumed):
            await client.post(peer.url("/echo"), content=generator)

    with_client(run, body)
    assert peer.hits("/echo") == 2

    with hyperhttp.Session() as session:
        generator = pieces_of(b"abc", 1)
        session.post(peer.url("/echo"), content=generator)
        with pytest.raises(hyperhttp.StreamConsumed):
            session.post(peer.url("/echo"), content=generator)


@pytest.mark.parametrize("piece", ["text", 7, None.__class__, object()])
def test_pieces_must_be_bytes(run, peer, piece):
    async def body(client):
        with pytest.raises(TypeError, match="must be bytes"):
            await client.post(peer.url("/echo"), content=iter([b"a", piece]))
        return (await client.get(peer.url())).status_code

    assert with_client(run, body, max_connections=1) == 200


def test_what_the_iterator_raises(run, peer):
    def sync_broken():
        yield b"abc"
        raise ZeroDivisionError("mine")

    async def async_broken():
        yield b"abc"
        raise ZeroDivisionError("mine")

    async def body(client):
        for broken in (sync_broken, async_broken):
            with pytest.raises(ZeroDivisionError, match="mine"):
                await client.post(peer.url("/echo"), content=broken())
        return (await client.get(peer.url())).status_code

    assert with_client(run, body, max_connections=1) == 200
    with hyperhttp.Session(max_connections=1) as session:
        with pytest.raises(ZeroDivisionError):
            session.post(peer.url("/echo"), content=sync_broken())
        assert session.get(peer.url()).status_code == 200


@pytest.mark.parametrize("declared", [0, 2, 4])
@pytest.mark.parametrize("pieces", [[b"abc"], [b"ab", b"c"]])
def test_wrong_length(run, peer, declared, pieces):
    async def body(client):
        with pytest.raises(hyperhttp.LocalProtocolError):
            await client.post(
                peer.url("/echo"),
                content=iter(pieces),
                headers={"Content-Length": str(declared)},
            )
        return (await client.get(peer.url())).status_code

    assert with_client(run, body, max_connections=1) == 200


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "9" * 30])
def test_no_length(run, peer, length):
    with pytest.raises(ValueError, match="Content-Length"):
        post(run, peer.url("/echo"), content=iter([b""]), headers={"Content-Length": length})


def test_an_async_iterator_in_a_session(peer):
    with hyperhttp.Session() as session:
        with pytest.raises(TypeError, match="async"):
            session.post(peer.url("/echo"), content=async_pieces_of(b"abc", 1))
        assert session.get(peer.url()).status_code == 200


def test_no_second_attempt(run, peer):
    async def body(client):
        with pytest.raises(hyperhttp.StreamConsumed):
            await client.post(peer.url("/redirect/1?status=307"), content=pieces_of(b"abc", 1))
        response = await client.post(
            peer.url("/redirect/1?status=303"), content=pieces_of(b"abc", 1)
        )
        return response.json()

    async def read():
        async with hyperhttp.Client() as client:
            return await (await body(client))

    assert run(read())["method"] == "GET"


def refuse_early(connection: socket.socket) -> None:
    """Answers as soon as the head is here, reads no body."""
    read_head(connection.makefile("rb"))
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch")
    threading.Event().wait(60)


@pytest.mark.parametrize("stream", [False, True])
def test_answered_before_the_body_is_sent(any_loop, stream):
    """A generator that waits for ever doesn't hold up an answer that is there."""
    states = []

    async def endless():
        try:
            yield b"abc"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            states.append("cancelled")
            raise

    async def body(client, url):
        request = client.build_request("POST", url, content=endless())
        response = await client.send(request, stream=stream)
        assert asyncio.current_task().cancelling() == 0
        return response.status_code, await response.text()

    with serve(refuse_early) as url:
        assert with_client(any_loop, lambda client: body(client, url)) == (413, "much")
    assert states == ["cancelled"]


def test_the_total_timeout_bounds_the_iterator_too(any_loop, peer):
    async def endless():
        yield b"abc"
        await asyncio.Event().wait()

    async def body(client):
        with pytest.raises(hyperhttp.TotalTimeout):
            await client.post(
                peer.url("/echo"), content=endless(), timeout=hyperhttp.Timeout(None, total=0.2)
            )
        return (await client.get(peer.url())).status_code

    assert with_client(any_loop, body, max_connections=1) == 200


def test_an_iterator_that_ignores_being_cancelled(run):
    async def stubborn():
        yield b"abc"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield b"def"

    async def body(client, url):
        response = await client.post(url, content=stubborn())
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)
        return response.status_code

    with serve(refuse_early) as url:
        assert with_client(run, lambda client: body(client, url)) == 413


def test_cancelled_from_outside(any_loop, peer):
    states = []
    asked_for_more = asyncio.Event()

    async def endless():
        try:
            yield b"abc"
            asked_for_more.set()
            await asyncio.Event().wait()
        finally:
            states.append("left")

    async def body(client):
        task = asyncio.ensure_future(
            client.send(client.build_request("POST", peer.url("/echo"), content=endless()))
        )
        await asked_for_more.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert states == ["left"]
        return (await client.get(peer.url())).status_code

    assert with_client(any_loop, body, max_connections=1) == 200


# Much of it.


def resident_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.mark.parametrize("kind", ["client", "session"])
def test_a_hundred_megabytes_in_little_memory(run, kind):
    count = 1600
    piece = pattern(1 << 16)
    received = []
    resident = []

    def handler(connection: socket.socket) -> None:
        stream = connection.makefile("rb", 1 << 16)
        read_head(stream)
        received.append(sum(len(chunk) for chunk in read_chunks(stream)))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def produce():
        for i in range(count):
            if i % 100 == 50:
                resident.append(resident_kib())
            yield bytes(piece)

    with serve(handler) as url:
        if kind == "client":
            assert post(run, url, content=produce()).status_code == 200
        else:
            with hyperhttp.Session() as session:
                assert session.post(url, content=produce()).status_code == 200
    assert received == [count * len(piece)]
    if "asan" not in os.environ.get("LD_PRELOAD", ""):  # which holds back what was freed
        assert max(resident) - resident[0] < 40 * 1024
