"""event_hooks: functions before a request is sent and after its answer has come."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from asleep import PATIENCE
from running import with_client

import hyperhttp

pytestmark = pytest.mark.both_protocols


def test_sync_and_async_hooks_in_order(any_loop, peer):
    told = []

    def before(request):
        told.append(("before", request.method, str(request.url)))

    async def before_async(request):
        await asyncio.sleep(0)
        told.append(("before async", request.headers["x-mine"]))

    def after(response):
        told.append(("after", response.status_code, response.request.method))

    async def after_async(response):
        await asyncio.sleep(0)
        told.append(("after async", await response.text()))

    hooks = {"request": [before, before_async], "response": [after, after_async]}

    async def body(client):
        return await client.get(peer.url(), headers={"X-Mine": "yes"})

    assert with_client(any_loop, body, event_hooks=hooks).status_code == 200
    assert told == [
        ("before", "GET", peer.url()),
        ("before async", "yes"),
        ("after", 200, "GET"),
        ("after async", "hello \n"),
    ]


def test_a_hook_may_change_the_request(run, peer):
    def change(request):
        request.headers["X-Added"] = "1"
        del request.headers["X-Removed"]
        request.url = str(request.url) + "?added"

    async def body(client):
        return await (await client.get(peer.url("/echo"), headers={"X-Removed": "1"})).json()

    told = with_client(run, body, event_hooks={"request": [change]})
    names = {name.lower() for name, _ in told["headers"]}
    assert told["target"] == "/echo?added"
    assert "x-added" in names
    assert "x-removed" not in names


def test_every_way_to_send(run, peer):
    count = []
    hooks = {"request": [lambda request: count.append(request.method)]}

    async def body(client):
        await client.get(peer.url())
        await client.post(peer.url("/echo"), json={"a": 1})
        await client.request("PUT", peer.url("/echo"), content=b"x")
        await client.send(client.build_request("DELETE", peer.url()))
        await client.post(peer.url("/echo"), content=iter([b"x"]))
        async with client.stream("GET", peer.url()) as response:
            await response.read()
        responses = await asyncio.gather(*[client.get(peer.url()) for _ in range(3)])
        assert {response.status_code for response in responses} == {200}

    with_client(run, body, event_hooks=hooks)
    assert count == ["GET", "POST", "PUT", "DELETE", "POST", "GET", "GET", "GET", "GET"]


def test_a_stream_is_unread_in_the_hook(run, peer):
    seen = []

    async def after(response):
        with pytest.raises(hyperhttp.ResponseNotRead):
            _ = response.content
        seen.append(response.status_code)

    async def body(client):
        async with client.stream("GET", peer.url()) as response:
            return await response.read()

    assert with_client(run, body, event_hooks={"response": [after]}) == b"hello \n"
    assert seen == [200]


def test_a_hook_that_reads_the_stream(run, peer):
    async def after(response):
        await response.read()

    async def body(client):
        async with client.stream("GET", peer.url()) as response:
            return response.content

    assert with_client(run, body, event_hooks={"response": [after]}) == b"hello \n"


@pytest.mark.parametrize("when", ["request", "response"])
def test_what_a_hook_raises(run, peer, when):
    def refuse(_):
        raise ZeroDivisionError("mine")

    async def body(client):
        with pytest.raises(ZeroDivisionError):
            await client.get(peer.url())
        with pytest.raises(ZeroDivisionError):
            async with client.stream("GET", peer.url("/stall")):
                pytest.fail("entered")
        client.event_hooks = {}
        return (await client.get(peer.url())).status_code

    assert with_client(run, body, event_hooks={when: [refuse]}, max_connections=1) == 200


def test_raise_for_status_as_a_hook(run, peer):
    async def body(client):
        with pytest.raises(hyperhttp.HTTPStatusError) as caught:
            await client.get(peer.url("/status/404"))
        assert caught.value.response.status_code == 404
        assert caught.value.request.url == peer.url("/status/404")

    with_client(run, body, event_hooks={"response": [lambda response: response.raise_for_status()]})


def test_cancelled_in_a_hook(run, peer):
    for when in ("request", "response"):
        entered = asyncio.Event()

        async def wait_for_ever(_, entered=entered):
            entered.set()
            await asyncio.Event().wait()

        async def body(client, entered=entered):
            task = asyncio.ensure_future(client.get(peer.url()))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        with_client(run, body, event_hooks={when: [wait_for_ever]})


def test_session(peer):
    told = []

    def before(request):
        request.headers["x-added"] = "1"
        told.append(request.method)

    def after(response):
        told.append(response.status_code)

    with hyperhttp.Session(event_hooks={"request": [before], "response": [after]}) as session:
        answer = session.get(peer.url("/echo")).json()
        with session.stream("GET", peer.url()) as response:
            assert told[-1] == 200
            response.read()
    assert told == ["GET", 200, "GET", 200]
    assert ["x-added", "1"] in [[name.lower(), value] for name, value in answer["headers"]]


def test_batches_of_one_session_in_many_threads(peer):
    told = []  # list.append is atomic
    hooks = {"request": [told.append], "response": [lambda response: told.append(response.read())]}
    urls = [peer.url(f"/ok/{number}") for number in range(10)]
    with ThreadPoolExecutor(8) as threads, hyperhttp.Session(event_hooks=hooks) as session:
        batches = list(threads.map(session.batch, [urls] * 40, timeout=PATIENCE))
    expected = [b"hello %d\n" % number for number in range(10)]
    assert [[answer.content for answer in batch] for batch in batches] == [expected] * 40
    assert len(told) == 2 * 400
    assert sorted(each for each in told if isinstance(each, bytes)) == sorted(expected * 40)


def test_a_session_takes_no_async_hooks(peer):
    async def hook(_):
        pass

    with hyperhttp.Session(event_hooks={"request": [hook]}) as session:
        with pytest.raises(TypeError, match="plain function"):
            session.get(peer.url())
    assert peer.requests == []
