"""Bodies read as they come: iterators, what they raise, and what leaving early gives back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import pickle
import socket
import threading
import weakref

import pytest
from peer import pattern
from raw_server import read_head, serve
from running import with_client

import hyperhttp

pytestmark = pytest.mark.both_protocols

BIG = 5_000_000
WINDOW = 1 << 20


def answer_in(*pieces: bytes, head: bytes = b""):
    """A handler: one answer, its chunked body sent piece by piece."""

    def handler(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        while read_head(stream):
            connection.sendall(
                b"HTTP/1.1 200 OK\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n"
            )
            for piece in pieces:
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")

    return handler


# The whole body.


def test_iter_bytes_gives_every_byte(any_loop, peer):
    async def body(client):
        async with client.stream("GET", peer.url(f"/bytes/{BIG}")) as response:
            assert isinstance(response, hyperhttp.Response)
            assert response.status_code == 200
            assert not response.is_closed and not response.is_stream_consumed
            pieces = [piece async for piece in response.iter_bytes()]
        assert response.is_closed and response.is_stream_consumed
        return pieces

    pieces = with_client(any_loop, body)
    assert b"".join(pieces) == pattern(BIG)
    assert len(pieces) > 1
    assert all(pieces)


def test_sync_iter_bytes_gives_every_byte(peer):
    with hyperhttp.Session() as session:
        with session.stream("GET", peer.url(f"/bytes/{BIG}")) as response:
            assert isinstance(response, hyperhttp.SyncResponse)
            pieces = list(response.iter_bytes())
        assert len(b"".join(pieces)) == BIG
        assert response.is_closed
        assert session.get(peer.url()).content == b"hello \n"
    assert peer.connections == 1


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000, 10**9])
def test_chunk_size_cuts_anew(run, peer, size):
    count = 20_000 if size == 1 else 1_000_000

    async def body(client):
        async with client.stream("GET", peer.url(f"/bytes/{count}")) as response:
            return [piece async for piece in response.iter_bytes(size)]

    pieces = with_client(run, body)
    assert b"".join(pieces) == pattern(count)
    assert {len(piece) for piece in pieces[:-1]} <= {size}
    assert 0 < len(pieces[-1]) <= size


def test_chunk_size_must_be_positive(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url()) as response:
            with pytest.raises(ValueError, match="chunk_size"):
                await anext(response.iter_bytes(0))

    with_client(run, body)


def test_byte_by_byte(run):
    text = "grün\r\nund blau\n\rrot"

    async def body(client, url):
        async with client.stream("GET", url) as response:
            lines = [line async for line in response.iter_lines()]
        async with client.stream("GET", url) as response:
            parts = [part async for part in response.iter_text()]
        async with client.stream("GET", url) as response:
            raw = b"".join([part async for part in response.iter_raw()])
        return lines, "".join(parts), raw

    pieces = [bytes([byte]) for byte in text.encode()]
    with serve(answer_in(*pieces)) as url:
        lines, parts, raw = with_client(run, lambda client: body(client, url))
        with hyperhttp.Session() as session, session.stream("GET", url) as response:
            assert list(response.iter_lines()) == lines
    assert lines == ["grün", "und blau", "", "rot"]
    assert parts == text
    assert raw == text.encode()


def test_pieces_come_before_the_end(run):
    """The first piece is given out while the server still holds back the second."""
    gate = threading.Event()

    def handler(connection: socket.socket) -> None:
        read_head(connection.makefile("rb"))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfirst")
        assert gate.wait(60)
        connection.sendall(b"end")

    async def body(client, url):
        async with client.stream("GET", url) as response:
            pieces = response.iter_bytes()
            assert await anext(pieces) == b"first"
            gate.set()
            assert await anext(pieces) == b"end"
            with pytest.raises(StopAsyncIteration):
                await anext(pieces)

    with serve(handler) as url:
        with_client(run, lambda client: body(client, url))


def test_the_response_iterates(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url()) as response:
            return [piece async for piece in response]

    assert with_client(run, body) == [b"hello \n"]
    with hyperhttp.Session() as session, session.stream("GET", peer.url()) as response:
        assert list(response) == [b"hello \n"]


def test_names_of_httpx(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/bytes/300000")) as response:
            first = [piece async for piece in response.aiter_bytes(chunk_size=1000)]
        async with client.stream("GET", peer.url("/bytes/300000")) as response:
            second = [piece async for piece in response.aiter_raw()]
        async with client.stream("GET", peer.url()) as response:
            lines = [line async for line in response.aiter_lines()]
        async with client.stream("GET", peer.url()) as response:
            content = await response.aread()
        return b"".join(first), b"".join(second), lines, content

    expected = pattern(300_000)
    assert with_client(run, body) == (expected, expected, ["hello "], b"hello \n")


def test_codings_are_undone(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/gzip")) as response:
            return b"".join([piece async for piece in response.iter_bytes()])

    assert with_client(run, body) == pattern(100_000)


def test_raw_is_raw(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/gzip")) as response:
            with pytest.raises(hyperhttp.StreamError, match="gzip"):
                await anext(response.iter_raw())
            assert await response.read() == pattern(100_000)
        request = client.build_request("GET", peer.url("/gzip"))
        request.extensions["decode"] = False
        async with await client.send(request, stream=True) as response:
            return b"".join([piece async for piece in response.aiter_raw(1000)])

    assert gzip.decompress(with_client(run, body)) == pattern(100_000)
    assert peer.requests[-1].values("accept-encoding") == []
    with hyperhttp.Session() as session, session.stream("GET", peer.url("/gzip")) as response:
        with pytest.raises(hyperhttp.StreamError, match="gzip"):
            response.iter_raw()
        assert b"".join(response.iter_bytes()) == pattern(100_000)


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/ok"), ("GET", "/nothing")])
def test_no_body(run, peer, method, path):
    async def body(client):
        async with client.stream(method, peer.url(path)) as response:
            return [piece async for piece in response.iter_bytes()], await response.aread()

    with pytest.raises(hyperhttp.StreamConsumed):
        with_client(run, body)

    async def read(client):
        async with client.stream(method, peer.url(path)) as response:
            return await response.read()

    assert with_client(run, read) == b""


def test_redirects_are_behind_us(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/redirect/2")) as response:
            await response.read()
            return response

    response = with_client(run, body)
    assert response.url == peer.url("/redirect/0?status=302")
    assert [each.status_code for each in response.history] == [302, 302]


# Reading it whole.


def test_read_keeps_the_body(run, peer):
    async def body(client):
        async with client.stream("POST", peer.url("/echo"), content=b"abc") as response:
            with pytest.raises(hyperhttp.ResponseNotRead):
                _ = response.content
            content = await response.read()
            assert await response.read() is content
            assert response.content is content
            told = await response.json()
            assert (await response.text()).encode() == content
            assert [piece async for piece in response.iter_bytes()] == [content]
        assert response.content is content
        assert response.is_closed
        return told

    assert with_client(run, body)["body"] == "abc"


def test_text_and_json_read_by_themselves(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/echo")) as response:
            told = await response.json()
        async with client.stream("GET", peer.url()) as response:
            return told["method"], await response.text()

    assert with_client(run, body) == ("GET", "hello \n")


def test_sync_read(peer):
    with hyperhttp.Session() as session:
        with session.stream("POST", peer.url("/echo"), content=b"abc") as response:
            for look in (lambda: response.content, lambda: response.text, response.json):
                with pytest.raises(hyperhttp.ResponseNotRead):
                    look()
            assert response.read() == response.content
            assert response.json()["body"] == "abc"
            assert response.text.encode() == response.content


def test_a_read_response_pickles(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/echo")) as response:
            with pytest.raises(hyperhttp.StreamError):
                pickle.dumps(response)
            await response.read()
            return response

    response = with_client(run, body)
    again = pickle.loads(pickle.dumps(response))
    assert again.content == response.content
    assert again.status_code == 200
    assert again.is_closed


def test_send_with_stream(run, peer):
    async def body(client):
        request = client.build_request("GET", peer.url("/bytes/100000"))
        response = await client.send(request, stream=True)
        assert response.request is request
        pieces = [piece async for piece in response.iter_bytes()]
        await response.aclose()
        return b"".join(pieces)

    assert with_client(run, body) == pattern(100_000)
    with hyperhttp.Session() as session:
        response = session.send(session.build_request("GET", peer.url()), stream=True)
        with response:
            assert response.read() == b"hello \n"


def test_times_are_known_at_the_end(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/bytes/100000")) as response:
            for name in ("elapsed", "timings", "trailers"):
                with pytest.raises(hyperhttp.ResponseNotRead, match="read to its end"):
                    getattr(response, name)
            async for _ in response.iter_bytes():
                pass
            assert response.elapsed.total_seconds() > 0
            assert response.timings.total > 0
            assert response.num_bytes_downloaded == 100_000
            assert len(response.trailers) == 0

    with_client(run, body)


# Wrong order.


def test_the_body_comes_once(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/bytes/100000")) as response:
            async for _ in response.iter_bytes():
                pass
            with pytest.raises(hyperhttp.StreamConsumed):
                async for _ in response.iter_bytes():
                    pass
            with pytest.raises(hyperhttp.StreamConsumed):
                await response.read()
            with pytest.raises(hyperhttp.StreamConsumed):
                _ = response.content

    with_client(run, body)
    with hyperhttp.Session() as session, session.stream("GET", peer.url()) as response:
        assert list(response.iter_bytes()) == [b"hello \n"]
        with pytest.raises(hyperhttp.StreamConsumed):
            list(response.iter_bytes())


def test_after_the_block_it_is_closed(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/bytes/100000")) as response:
            pass
        assert response.is_closed
        for read in (response.read, response.text, response.json):
            with pytest.raises(hyperhttp.StreamClosed):
                await read()
        with pytest.raises(hyperhttp.StreamClosed):
            _ = response.content
        await response.aclose()

    with_client(run, body)
    with hyperhttp.Session() as session:
        with session.stream("GET", peer.url("/bytes/100000")) as response:
            pass
        with pytest.raises(hyperhttp.StreamClosed):
            response.read()


def test_one_reader_at_a_time(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/stall")) as response:
            pieces = response.iter_bytes()
            assert await anext(pieces) == b"half of it"
            waiting = asyncio.ensure_future(anext(pieces))
            await asyncio.sleep(0)
            with pytest.raises(hyperhttp.StreamConsumed):
                await response.read()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    with_client(run, body)


# What breaks in the middle.


@pytest.mark.only_http1
def test_truncated(run, peer):
    async def body(client):
        got = b""
        async with client.stream("GET", peer.url("/truncated")) as response:
            with pytest.raises(hyperhttp.RemoteProtocolError) as caught:
                async for piece in response.iter_bytes():
                    got += piece
        assert got == b"only this"
        assert caught.value.request.url == peer.url("/truncated")
        assert response.is_closed

    with_client(run, body)
    with hyperhttp.Session() as session, session.stream("GET", peer.url("/truncated")) as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"only this"
        with pytest.raises(hyperhttp.RemoteProtocolError):
            next(pieces)


def test_stalled(run, peer):
    async def stall(client, timeout):
        async with client.stream("GET", peer.url("/stall"), timeout=timeout) as response:
            with pytest.raises(hyperhttp.ReadTimeout):
                await response.read()

    def stall_session(timeout):
        with hyperhttp.Session(timeout=timeout) as session:
            with session.stream("GET", peer.url("/stall")) as response:
                with pytest.raises(hyperhttp.ReadTimeout):
                    response.read()

    def run_out(attempt):
        for doubled in range(10):  # until the head comes in time, however busy the machine is
            with contextlib.suppress(hyperhttp.ReadTimeout):
                attempt(hyperhttp.Timeout(120, read=0.1 * 2**doubled))
                return
        pytest.fail("the head never comes")

    run_out(lambda timeout: with_client(run, lambda client: stall(client, timeout)))
    run_out(stall_session)


def test_damaged_coding(run, peer):
    async def body(client):
        with pytest.raises(hyperhttp.DecodingError):
            async with client.stream("GET", peer.url("/badgzip")) as response:
                await response.read()

    with_client(run, body)


@pytest.mark.only_http1
def test_failure_before_the_head(run, peer, closed_port):
    async def body(client):
        with pytest.raises(hyperhttp.ConnectError):
            async with client.stream("GET", f"http://127.0.0.1:{closed_port}/"):
                pytest.fail("entered")
        with pytest.raises(hyperhttp.RemoteProtocolError):
            async with client.stream("GET", peer.url("/garbage")):
                pytest.fail("entered")

    with_client(run, body)


def test_max_response_bytes(run, peer):
    async def body(client):
        async with client.stream("GET", peer.url("/chunked"), max_response_bytes=4) as response:
            with pytest.raises(hyperhttp.ResponseTooLarge):
                await response.read()

    with_client(run, body)


# Leaving early, and losing things.


def test_leaving_early_frees_the_slot(any_loop, peer):
    async def body(client):
        for _ in range(20):
            async with client.stream("GET", peer.url(f"/bytes/{BIG}")) as response:
                async for _ in response.iter_bytes():
                    break
        assert (await client.get(peer.url())).status_code == 200

    with_client(any_loop, body, max_connections=1, timeout=None)


def test_sync_leaving_early_frees_the_slot(peer):
    with hyperhttp.Session(max_connections=1, timeout=None) as session:
        for _ in range(20):
            with session.stream("GET", peer.url(f"/bytes/{BIG}")) as response:
                for _ in response.iter_bytes():
                    break
        assert session.get(peer.url()).status_code == 200


def test_leaving_by_an_exception_frees_the_slot(run, peer):
    async def body(client):
        with pytest.raises(KeyError):
            async with client.stream("GET", peer.url("/stall")):
                raise KeyError("mine")
        return (await client.get(peer.url())).status_code

    assert with_client(run, body, max_connections=1, timeout=None) == 200


def test_a_dropped_stream_frees_the_slot(run, peer):
    async def body(client):
        for reads in (False, True):
            request = client.build_request("GET", peer.url("/stall"))
            response = await client.send(request, stream=True)
            if reads:
                pieces = response.iter_bytes()
                await anext(pieces)
                await pieces.aclose()
            del response
            gc.collect()
            assert (await client.get(peer.url())).status_code == 200

    with_client(run, body, max_connections=1, timeout=None)


@pytest.mark.only_http1
def test_a_failed_stream_leaves_no_cycle(run, peer):
    """What failed is freed with the exception, not by the garbage collector some time."""

    async def body(client):
        kept = []
        gc.collect()
        gc.disable()
        try:
            try:
                async with client.stream("GET", peer.url("/truncated")) as response:
                    kept.append(weakref.ref(response))
                    await response.read()
            except hyperhttp.RemoteProtocolError:
                pass
            del response
            return kept[0]() is None
        finally:
            gc.enable()

    assert with_client(run, body)


def test_a_stream_in_a_cycle_is_collected(run, peer):
    async def body(client):
        request = client.build_request("GET", peer.url("/stall"))
        response = await client.send(request, stream=True)
        request.extensions["me"] = response
        response.extensions["me"] = response
        del response, request
        gc.collect()
        return (await client.get(peer.url())).status_code

    assert with_client(run, body, max_connections=1, timeout=None) == 200


def test_a_sync_dropped_stream_frees_the_slot(peer):
    with hyperhttp.Session(max_connections=1, timeout=None) as session:
        response = session.send(session.build_request("GET", peer.url("/stall")), stream=True)
        assert response.status_code == 200
        del response
        gc.collect()
        assert session.get(peer.url()).status_code == 200


def test_cancelled_while_reading(any_loop, peer):
    async def read(client, begun):
        async with client.stream("GET", peer.url("/stall")) as response:
            async for _ in response.iter_bytes():
                begun.set()

    async def body(client):
        begun = asyncio.Event()
        for has_begun in (begun.wait, lambda: asyncio.sleep(0)):
            task = asyncio.ensure_future(read(client, begun))
            await has_begun()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return (await client.get(peer.url())).status_code

    assert with_client(any_loop, body, max_connections=1, timeout=None) == 200


def test_closed_by_another_task(run, peer):
    async def body(client):
        response = await client.send(client.build_request("GET", peer.url("/stall")), stream=True)
        pieces = response.iter_bytes()
        await anext(pieces)
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        await response.aclose()
        with pytest.raises(hyperhttp.StreamClosed):
            await waiting

    with_client(run, body)


def test_closed_by_another_thread(peer):
    with hyperhttp.Session() as session:
        response = session.send(session.build_request("GET", peer.url("/stall")), stream=True)
        pieces = response.iter_bytes()
        assert next(pieces) == b"half of it"
        timer = threading.Timer(0.05, response.close)
        timer.start()
        with pytest.raises(hyperhttp.StreamClosed):
            next(pieces)
        timer.join()
        assert session.get(peer.url()).status_code == 200


def test_the_client_closed_under_it(any_loop, peer):
    async def main():
        client = hyperhttp.Client()
        stalled = await client.send(client.build_request("GET", peer.url("/stall")), stream=True)
        big = await client.send(client.build_request("GET", peer.url(f"/bytes/{BIG}")), stream=True)
        pieces = big.iter_bytes()
        await anext(pieces)
        waiting = asyncio.ensure_future(stalled.read())
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(hyperhttp.HTTPError):
            await waiting
        with pytest.raises(hyperhttp.HTTPError):
            async for _ in pieces:
                pass
        await big.aclose()

    any_loop(main())


def test_the_session_closed_under_it(peer):
    session = hyperhttp.Session()
    response = session.send(session.build_request("GET", peer.url("/stall")), stream=True)
    session.close()
    with pytest.raises(hyperhttp.HTTPError):
        response.read()
    response.close()


def test_the_loop_closed_under_it(peer):
    client = hyperhttp.Client(max_connections=1, timeout=None)
    kept = []

    async def begin():
        request = client.build_request("GET", peer.url("/stall"))
        kept.append(await client.send(request, stream=True))

    async def go_on():
        status = (await client.get(peer.url())).status_code
        with pytest.raises(hyperhttp.HTTPError):
            await kept[0].read()
        await client.close()
        return status

    asyncio.run(begin())
    assert asyncio.run(go_on()) == 200


# Memory.


def test_a_slow_reader_holds_the_server_up(run):
    """A body of 64 MiB: the server can send no more than the window and what the kernel buffers,
    until somebody reads."""
    total = 64 << 20
    sent = []
    held_up = threading.Event()

    def handler(connection: socket.socket) -> None:
        read_head(connection.makefile("rb"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        connection.settimeout(1)
        count = 0
        block = bytes(1 << 16)
        while count < total:
            try:
                count += connection.send(block[: total - count])
            except TimeoutError:
                sent.append(count)
                held_up.set()
                connection.settimeout(None)

    async def body(client, url):
        async with client.stream("GET", url) as response:
            pieces = response.iter_bytes()
            got = len(await anext(pieces))
            while not held_up.is_set():
                await asyncio.sleep(0.01)
            got += sum([len(piece) async for piece in pieces])
        return got

    with serve(handler) as url:
        assert with_client(run, lambda client: body(client, url)) == total
    assert sent[0] < 16 << 20
