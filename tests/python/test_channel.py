"""The engine's Exchange and Channel themselves: one request event by event, also used wrongly."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time

import pytest
from asleep import wait_until_main_thread_sleeps
from peer import pattern
from running import in_child, with_client

import hyperhttp
from hyperhttp import _engine
from hyperhttp._engine import PENDING, WANT_BODY

pytestmark = pytest.mark.both_protocols

ASK_REDIRECT = 1
ASK_RESOLVE = 2


def open_get(client, url, **options):
    return client._open(client.build_request("GET", url), **options)


async def next_event(exchange):
    while (event := exchange.take()) is PENDING:
        await exchange.wait()
    return event


async def collect(exchange):
    events = []
    while (event := await next_event(exchange)) is not None:
        events.append(event)
    return events


# Exchange.


def test_events_in_order(any_loop, peer):
    async def body(client):
        exchange = open_get(client, peer.url())
        assert type(exchange) is _engine.Exchange
        assert exchange.take() is PENDING
        assert not exchange.is_ended
        response, piece = await collect(exchange)
        assert response.status_code == 200
        assert piece == b"hello \n"
        assert exchange.is_ended
        assert exchange.take() is None
        assert exchange.take() is None
        await asyncio.wait_for(exchange.wait(), 120)
        exchange.close()
        exchange.close()
        with pytest.raises(RuntimeError, match="closed"):
            exchange.take()

    with_client(any_loop, body)


def test_a_whole_answer(run, peer):
    async def body(client):
        events = await collect(open_get(client, peer.url("/bytes/1000000"), stream=False))
        assert len(events) == 1
        return events[0].content

    assert with_client(run, body) == pattern(1_000_000)


def test_the_failure_comes_again(run, closed_port):
    async def body(client):
        exchange = open_get(client, f"http://127.0.0.1:{closed_port}/")
        for _ in range(2):
            with pytest.raises(hyperhttp.ConnectError):
                await next_event(exchange)
        assert exchange.is_ended

    with_client(run, body)


def test_one_waiter(run, peer):
    async def body(client):
        exchange = open_get(client, peer.url("/hang"))
        first = exchange.wait()
        with pytest.raises(RuntimeError, match="another task"):
            exchange.wait()
        first.cancel()
        second = exchange.wait(for_end=True)
        assert not second.done()
        exchange.close()
        assert second.done()
        assert exchange.wait().done()

    with_client(run, body)


def test_waiting_for_the_end(run, peer):
    async def body(client):
        exchange = open_get(client, peer.url("/stall"))
        await exchange.wait()
        end = exchange.wait(for_end=True)
        assert not end.done()
        peer.gate.set()
        await end
        response, piece = exchange.take(), exchange.take()
        assert (response.status_code, piece) == (200, b"half of it")
        with pytest.raises(hyperhttp.RemoteProtocolError):
            exchange.take()

    with_client(run, body)


def test_pushing_by_hand(run, peer):
    async def body(client):
        request = client.build_request("POST", peer.url("/echo"), content=iter([]))
        exchange = client._open(request, stream=False)
        assert exchange.push(b"too early", False) == 0
        assert await next_event(exchange) is WANT_BODY
        assert exchange.push(bytearray(b"abc"), False) == 3
        assert exchange.push(memoryview(b"xdef")[1:], True) == 3
        response = await next_event(exchange)
        assert exchange.push(b"too late", False) == 0
        with pytest.raises(TypeError):
            exchange.push("text", False)
        return await response.json()

    assert with_client(run, body)["body"] == "abcdef"


def test_partial_pushes(run, peer):
    data = pattern(20_000_000)

    async def body(client):
        request = client.build_request("POST", peer.url("/echo"), content=iter([]))
        exchange = client._open(request, stream=False)
        rest = memoryview(data)
        pushes = 0
        while (event := await next_event(exchange)) is WANT_BODY:
            rest = rest[exchange.push(rest, True) :]
            pushes += 1
        assert pushes > 1
        assert not rest
        return event.status_code

    assert with_client(run, body) == 200
    assert peer.requests[-1].body == data


def test_redirect_questions(run, peer):
    async def body(client):
        seen = []
        for verdict in ("default", "yes", "no", "fail"):
            exchange = open_get(client, peer.url("/redirect/1"), ask=ASK_REDIRECT, stream=False)
            kind, location, method, response = await next_event(exchange)
            assert (kind, method, response.status_code) == ("redirect", "GET", 302)
            assert location == peer.url("/redirect/0?status=302")
            exchange.answer(verdict)
            try:
                seen.append((await next_event(exchange)).status_code)
            except hyperhttp.HyperHTTPError as error:
                seen.append(error.code)
        return seen

    assert with_client(run, body) == [200, 200, 302, "HH_ERR_CANCELLED"]


def test_wrong_answers(run, peer):
    async def body(client):
        exchange = open_get(client, "http://name.invalid/", ask=ASK_RESOLVE)
        kind, host, port = await next_event(exchange)
        assert (kind, host, port) == ("resolve", "name.invalid", 80)
        with pytest.raises(ValueError, match="verdict"):
            exchange.answer("maybe")
        for addresses in (["name"], [], ["127.0.0.1"] * 33, ["127.0.0.1", "\0"]):
            with pytest.raises(ValueError):
                exchange.answer("yes", addresses)
        for addresses in (7, [7], None):
            with pytest.raises(TypeError):
                exchange.answer("yes", addresses)
        exchange.answer("no")
        with pytest.raises(hyperhttp.DNSError):
            await next_event(exchange)
        exchange.answer("no")

    with_client(run, body)


def test_trace(run, peer):
    async def body(client):
        events = await collect(open_get(client, peer.url(), trace=True))
        traces = [event for event in events if isinstance(event, tuple)]
        assert {kind for kind, *_ in traces} == {"trace"}
        assert {what for _, what, _ in traces} == {"info", "request", "response"}
        heads = [text for _, what, text in traces if what == "request"]
        assert heads[0].startswith("GET /ok HTTP/")

    with_client(run, body)


def test_dropped_in_flight(any_loop, peer):
    async def body(client):
        for i in range(50):
            exchange = open_get(client, peer.url("/bytes/3000000"))
            if i % 3:
                await exchange.wait()
            if i % 3 == 2:
                exchange.take()
            waiter = exchange.wait() if i % 2 else None
            del exchange
            del waiter
        gc.collect()
        assert (await client.get(peer.url())).status_code == 200
        stats = client._stats()
        assert stats["exchanges_in_flight"] == 0
        assert stats["exchanges_queued"] == 0

    with_client(any_loop, body, max_connections=2)


def test_the_client_dropped_under_it(run, peer):
    async def main():
        client = hyperhttp.Client()
        exchange = open_get(client, peer.url("/stall"))
        await exchange.wait()
        del client
        gc.collect()
        response = exchange.take()
        assert response.status_code == 200
        with pytest.warns(ResourceWarning):
            del exchange, response
            gc.collect()

    run(main())


def test_closing_the_client_voids_what_waits(run, peer):
    async def main():
        client = hyperhttp.Client()
        exchanges = [open_get(client, peer.url("/bytes/3000000")) for _ in range(5)]
        done = open_get(client, peer.url())
        await done.wait(for_end=True)
        for exchange in exchanges:
            await exchange.wait()
        await client.close()
        assert [
            event if type(event) is bytes else event.status_code for event in await collect(done)
        ] == [200, b"hello \n"]
        for exchange in exchanges:
            assert exchange.is_ended
            with pytest.raises(hyperhttp.HyperHTTPError):
                await collect(exchange)
            exchange.answer("no")
            assert exchange.push(b"", True) == 0

    run(main())


def test_no_loop_runs(peer):
    client = hyperhttp.Client()
    with pytest.raises(RuntimeError, match="event loop"):
        open_get(client, peer.url())
    asyncio.run(client.close())


def count_objects():
    gc.collect()
    return sum("hyperhttp" in str(type(each)) for each in gc.get_objects())


def test_no_references_are_lost(run, peer):
    async def body(client):
        request = client.build_request("GET", peer.url("/bytes/200000"))

        def count():
            return sys.getrefcount(request), sys.getrefcount(client), count_objects()

        await collect(client._open(request))
        before = count()
        for i in range(40):
            exchange = client._open(request)
            if i % 2:
                await collect(exchange)
            else:
                await exchange.wait()
                exchange.close()
        del exchange
        await client.get(peer.url())  # what was cancelled has been dealt with
        await asyncio.sleep(0)
        return before, count()

    before, after = with_client(run, body)
    assert after == before


def test_no_references_are_lost_by_channels(peer):
    with hyperhttp.Session() as session:
        request = session.build_request("GET", peer.url("/bytes/200000"))

        def count():
            return sys.getrefcount(request), sys.getrefcount(session), count_objects()

        drain(session._open(request))
        before = count()
        for i in range(40):
            channel = session._open(request)
            if i % 2:
                drain(channel)
            channel.close()
        del channel
        assert count() == before


# Channel.


def drain(channel):
    events = []
    while (event := channel.take()) is not None:
        events.append(event)
    return events


def test_channel_events(peer):
    with hyperhttp.Session() as session:
        channel = open_get(session, peer.url())
        assert type(channel) is _engine.Channel
        response, piece = drain(channel)
        assert (response.status_code, piece) == (200, b"hello \n")
        assert channel.is_ended
        assert channel.take() is None
        channel.close()
        channel.close()
        with pytest.raises(RuntimeError, match="closed"):
            channel.take()
        assert channel.push(b"", True) == 0
        channel.answer("no")


def test_channel_pushes(peer):
    data = pattern(5_000_000)
    with hyperhttp.Session() as session:
        request = session.build_request("POST", peer.url("/echo"), content=iter([]))
        channel = session._open(request, stream=False)
        rest = memoryview(data)
        while (event := channel.take()) is WANT_BODY:
            rest = rest[channel.push(rest, True) :]
        assert event.status_code == 200
    assert peer.requests[-1].body == data


def test_channel_fails(closed_port):
    with hyperhttp.Session() as session:
        channel = open_get(session, f"http://127.0.0.1:{closed_port}/")
        for _ in range(2):
            with pytest.raises(hyperhttp.ConnectError):
                channel.take()
        assert channel.is_ended


def test_channels_dropped_in_flight(peer):
    with hyperhttp.Session(max_connections=2) as session:
        for i in range(30):
            channel = open_get(session, peer.url("/bytes/3000000"))
            for _ in range(i % 3):
                channel.take()
            del channel
        assert session.get(peer.url()).status_code == 200
        assert session._stats()["exchanges_in_flight"] == 0


def test_a_channel_outlives_its_session(peer):
    session = hyperhttp.Session()
    channel = open_get(session, peer.url("/stall"))
    assert channel.take().status_code == 200
    session.close()
    with pytest.raises(hyperhttp.HyperHTTPError):
        drain(channel)
    channel.close()
    with pytest.raises(RuntimeError):
        open_get(session, peer.url())


def test_many_threads(peer):
    """Streams of sixteen threads over one session; a stalled one holds nobody up."""
    failures = []

    def work(session):
        try:
            for _ in range(10):
                with session.stream("GET", peer.url("/bytes/300000")) as response:
                    assert response.read() == pattern(300_000)
                assert session.get(peer.url()).status_code == 200
        except BaseException as error:
            failures.append(error)

    with hyperhttp.Session() as session:
        stalled = session.send(session.build_request("GET", peer.url("/stall")), stream=True)
        threads = [threading.Thread(target=work, args=(session,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
        stalled.close()
    assert failures == []


def test_ctrl_c_interrupts_a_wait(peer):
    def interrupt():
        peer.wait_for(1)
        wait_until_main_thread_sleeps()
        os.kill(os.getpid(), signal.SIGINT)

    with hyperhttp.Session(max_connections=1, timeout=None) as session:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            with session.stream("GET", peer.url("/hang")):
                pytest.fail("entered")
        thread.join()
        assert session.get(peer.url()).status_code == 200


def test_a_harmless_signal_doesnt(peer):
    count = []
    old = signal.signal(signal.SIGUSR1, lambda *_: (count.append(1), peer.gate.set()))
    try:

        def send_signal():
            peer.wait_for(1)
            # One that comes just before the wait has begun is seen when the next one ends it.
            while not count:
                os.kill(os.getpid(), signal.SIGUSR1)
                time.sleep(0.01)

        with hyperhttp.Session() as session:
            thread = threading.Thread(target=send_signal)
            thread.start()
            with session.stream("GET", peer.url("/gated")) as response:
                assert response.read() == b"through\n"
            thread.join()
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert count


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_streams_of_its_own(peer):
    with hyperhttp.Session() as session:
        kept = session.send(session.build_request("GET", peer.url("/bytes/3000000")), stream=True)
        pieces = kept.iter_bytes()
        first = next(pieces)

        def passes():
            with session.stream("GET", peer.url()) as response:
                assert response.read() == b"hello \n"
            with pytest.raises(RuntimeError):
                for _ in pieces:
                    pass
            kept.close()
            session.close()
            return True

        in_child(passes)
        assert first + b"".join(pieces) == pattern(3_000_000)
