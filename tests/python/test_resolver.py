"""resolver=: a function that says which addresses a name has."""

from __future__ import annotations

import asyncio
import ipaddress
from urllib.parse import urlsplit

import pytest
from running import with_client

import hyperhttp


def named(peer, path="/ok", host="service.invalid"):
    return f"http://{host}:{urlsplit(peer.url()).port}{path}"


def get(run, url, resolver, **options):
    return with_client(run, lambda client: client.get(url), resolver=resolver, **options)


def test_sync_resolver(any_loop, peer):
    asked = []

    def resolve(host, port):
        asked.append((host, port))
        return ["127.0.0.1"]

    response = get(any_loop, named(peer, "/echo"), resolve)
    assert response.status_code == 200
    assert asked == [("service.invalid", peer.port)]
    assert peer.requests[0].values("host") == [f"service.invalid:{peer.port}"]


def test_async_resolver(any_loop, peer):
    async def resolve(host, port):
        await asyncio.sleep(0)
        return ["127.0.0.1"]

    assert get(any_loop, named(peer), resolve).status_code == 200


@pytest.mark.parametrize(
    "answer", ["127.0.0.1", ("127.0.0.1",), [ipaddress.ip_address("127.0.0.1")]]
)
def test_kinds_of_answers(run, peer, answer):
    assert get(run, named(peer), lambda host, port: answer).status_code == 200


def test_streams_and_uploads_ask_too(run, peer):
    async def body(client):
        async with client.stream("GET", named(peer)) as response:
            assert await response.read() == b"hello \n"
        posted = await client.post(named(peer, "/echo"), content=iter([b"abc"]))
        return (await posted.json())["body"]

    assert with_client(run, body, resolver=lambda host, port: ["127.0.0.1"]) == "abc"


def test_session(peer):
    with hyperhttp.Session(resolver=lambda host, port: ["127.0.0.1"]) as session:
        assert session.get(named(peer)).status_code == 200
        with session.stream("GET", named(peer)) as response:
            assert response.read() == b"hello \n"


def test_what_it_raises_is_the_cause(run, peer):
    def refuse(host, port):
        raise KeyError(host)

    async def refuse_async(host, port):
        raise KeyError(host)

    for resolver in (refuse, refuse_async):
        with pytest.raises(hyperhttp.DNSError) as caught:
            get(run, named(peer), resolver)
        assert isinstance(caught.value.__cause__, KeyError)
    with hyperhttp.Session(resolver=refuse) as session:
        with pytest.raises(hyperhttp.DNSError) as caught:
            session.get(named(peer))
        assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    "answer",
    [[], None, ["no address"], ["127.0.0.1\0"], [7], 7, ["127.0.0.1"] * 33],
    ids=["empty", "none", "text", "nul", "number", "no list", "many"],
)
def test_useless_answers(run, peer, answer):
    with pytest.raises(hyperhttp.DNSError):
        get(run, named(peer), lambda host, port: answer)
    assert peer.requests == []


def test_the_connect_timeout_bounds_it(any_loop, peer):
    states = []

    async def resolve(host, port):
        try:
            await asyncio.Event().wait()
        finally:
            states.append("left")

    async def body(client):
        with pytest.raises(hyperhttp.ConnectTimeout):
            await client.get(named(peer))
        assert asyncio.current_task().cancelling() == 0

    seconds = 0.05
    while not states:  # it was too late to be asked at all: the machine is busy
        seconds *= 2
        timeout = hyperhttp.Timeout(10, connect=seconds)
        with_client(any_loop, body, resolver=resolve, timeout=timeout)
    assert states == ["left"]


def test_cancelled_while_it_is_asked(run, peer):
    states = []
    asked = asyncio.Event()

    async def resolve(host, port):
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            states.append("left")

    async def body(client):
        call = asyncio.ensure_future(client.get(named(peer)))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    with_client(run, body, resolver=resolve)
    assert states == ["left"]


def test_a_session_takes_no_async_resolver(peer):
    async def resolve(host, port):
        return ["127.0.0.1"]

    with hyperhttp.Session(resolver=resolve) as session:
        with pytest.raises(TypeError, match="plain function"):
            session.get(named(peer))
