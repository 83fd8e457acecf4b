"""The functions of the module, and the verbs and batches of both clients."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys

import pytest

import hyperhttp

pytestmark = pytest.mark.both_protocols

VERBS = ["get", "options", "head", "delete", "post", "put", "patch"]
BODIED = ["post", "put", "patch", "delete"]


# One shot.


@pytest.mark.parametrize("verb", VERBS)
def test_functions(peer, verb):
    response = getattr(hyperhttp, verb)(peer.url("/ok"), params={"a": 1}, headers={"B": "c"})
    assert type(response) is hyperhttp.SyncResponse
    assert response.status_code == 200
    [request] = peer.requests
    assert (request.method, request.target) == (verb.upper(), "/ok?a=1")
    assert request.values("b") == ["c"]
    if verb != "head":
        assert response.text == "hello \n"


def test_request(peer):
    told = hyperhttp.request("PURGE", peer.url("/echo"), content=b"x", timeout=120.0).json()
    assert (told["method"], told["body"]) == ("PURGE", "x")


@pytest.mark.parametrize("verb", BODIED)
def test_functions_with_bodies(peer, verb):
    getattr(hyperhttp, verb)(peer.url("/ok"), json=[1])
    assert peer.requests[0].body == b"[1]"


def test_stream(peer):
    with hyperhttp.stream("GET", peer.url("/bytes/1000000")) as response:
        assert sum(len(chunk) for chunk in response.iter_bytes()) == 1_000_000


def test_stream_that_is_left_early(peer):
    with hyperhttp.stream("GET", peer.url("/bytes/100000000")) as response:
        assert next(response.iter_bytes())


def test_functions_take_tls_options(nginx):
    with pytest.raises(hyperhttp.TLSError):
        hyperhttp.get(nginx.tls_url())
    assert hyperhttp.get(nginx.tls_url(), verify=False).status_code
    assert hyperhttp.get(nginx.tls_url(), verify=nginx.certificate).status_code
    with pytest.raises(FileNotFoundError):
        hyperhttp.get(nginx.tls_url(), cert="/no/such/file")


def test_functions_leave_nothing_open(peer, recwarn):
    hyperhttp.get(peer.url("/ok"))
    with pytest.raises(hyperhttp.HyperHTTPError):
        hyperhttp.get("nonsense")
    assert not [each for each in recwarn if issubclass(each.category, ResourceWarning)]


@pytest.mark.parametrize("keyword", ["retries", "cookies", "proxy"])
def test_unknown_keywords(peer, keyword):
    with pytest.raises(TypeError, match=keyword):
        hyperhttp.get(peer.url("/ok"), **{keyword: None})
    assert not peer.requests


# The module.


def test_all():
    assert all(hasattr(hyperhttp, name) for name in hyperhttp.__all__)
    assert len(set(hyperhttp.__all__)) == len(hyperhttp.__all__)
    namespace: dict[str, object] = {}
    exec("from hyperhttp import *", namespace)
    assert set(hyperhttp.__all__) <= set(namespace)


def test_version():
    assert hyperhttp.__version__.count(".") == 2


def test_documented():
    for name in hyperhttp.__all__:
        value = getattr(hyperhttp, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
        if inspect.isclass(value) and value.__module__.startswith("hyperhttp"):
            for key, member in vars(value).items():
                if not key.startswith("_") and (callable(member) or isinstance(member, property)):
                    assert member.__doc__, f"{name}.{key}"


def test_several_interpreters_may_load_it():
    code = "import hyperhttp; print(hyperhttp.Timeout(1))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""


# Verbs.


@pytest.mark.parametrize("verb", [*VERBS, "request"])
def test_session_mirrors_client(verb):
    ours = inspect.signature(getattr(hyperhttp.Client, verb))
    theirs = inspect.signature(getattr(hyperhttp.Session, verb))
    assert list(ours.parameters.values()) == list(theirs.parameters.values())
    assert getattr(hyperhttp.Client, verb).__doc__
    assert getattr(hyperhttp.Session, verb).__doc__
    assert inspect.iscoroutinefunction(getattr(hyperhttp.Client, verb))
    assert not inspect.iscoroutinefunction(getattr(hyperhttp.Session, verb))


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def test_session_mirrors_client_in_everything_else():
    assert public(hyperhttp.Client) - public(hyperhttp.Session) == {"aclose"}
    assert public(hyperhttp.Session) <= public(hyperhttp.Client)


@pytest.mark.parametrize("verb", ["get", "options", "head"])
def test_verbs_without_a_body(peer, verb):
    for keyword in ("content", "json", "data", "files"):
        with hyperhttp.Session() as session, pytest.raises(TypeError, match=keyword):
            getattr(session, verb)(peer.url("/ok"), **{keyword: b""})
    assert not peer.requests


def test_delete_with_a_body(peer, run):
    async def delete():
        async with hyperhttp.Client() as client:
            await client.delete(peer.url("/ok"), json={"a": 1})
            await client.delete(peer.url("/ok"))

    run(delete())
    assert [request.body for request in peer.requests] == [b'{"a":1}', b""]


def test_aclose(run):
    async def close():
        client = hyperhttp.Client()
        await client.aclose()
        assert client.is_closed
        await client.close()

    run(close())


# Requests made first and sent later.


def test_build_request(peer):
    with hyperhttp.Session(base_url=peer.url("/"), headers={"A": "b"}, params={"c": 1}) as session:
        request = session.build_request("PUT", "echo", params={"d": 2}, json=[1])
        assert (request.method, str(request.url)) == ("PUT", peer.url("/echo?c=1&d=2"))
        assert request.headers["a"] == "b"
        assert request.content == b"[1]"
        request.headers["E"] = "f"
        for _ in range(2):
            told = session.send(request).json()
            assert (told["target"], told["body"]) == ("/echo?c=1&d=2", "[1]")
            assert ["E", "f"] in told["headers"] or ["e", "f"] in told["headers"]


def test_send(peer, run):
    async def send():
        async with hyperhttp.Client() as client:
            request = client.build_request("POST", peer.url("/echo"), content="x")
            first, second = await asyncio.gather(client.send(request), client.send(request))
            assert (await first.json())["body"] == (await second.json())["body"] == "x"
            response = await client.send(request, stream=True)
            assert not response.is_closed
            assert b'"body": "x"' in await response.read()
            with pytest.raises(TypeError, match="Request"):
                await client.send(peer.url("/ok"))

    run(send())


# Batches.


def test_batch(peer, run):
    async def batch():
        async with hyperhttp.Client() as client:
            request = client.build_request("POST", peer.url("/echo"), content="x")
            responses = await client.batch([peer.url("/ok/1"), request, peer.url("/ok/2")])
            return [(await each.text())[:8] for each in responses]

    assert run(batch()) == ["hello 1\n", '{"method', "hello 2\n"]


def test_batch_of_a_session(peer):
    with hyperhttp.Session() as session:
        responses = session.batch(peer.url(f"/ok/{number}") for number in range(50))
        assert [each.text for each in responses] == [f"hello {number}\n" for number in range(50)]


def test_batch_with_failures(peer, closed_port, run):
    urls = [
        peer.url("/ok"),
        f"http://127.0.0.1:{closed_port}/",
        "nonsense",
        peer.url("/status/500"),
    ]

    async def batch():
        async with hyperhttp.Client() as client:
            results = await client.batch(urls, return_exceptions=True)
            with pytest.raises(hyperhttp.ConnectError):
                await client.batch(urls)
            return results

    results = run(batch())
    with hyperhttp.Session() as session:
        same = session.batch(urls, return_exceptions=True)
        with pytest.raises(hyperhttp.ConnectError):
            session.batch(urls)
    for first, second, third, fourth in (results, same):
        assert first.status_code == 200
        assert type(second) is hyperhttp.ConnectError
        assert type(third) is hyperhttp.InvalidURL
        assert fourth.status_code == 500


@pytest.mark.parametrize("hooked", [False, True])
def test_max_concurrent(peer, run, hooked):
    async def batch():
        hooks = {"request": [lambda request: None]} if hooked else None
        async with hyperhttp.Client(event_hooks=hooks) as client:
            task = asyncio.ensure_future(client.batch([peer.url("/gated")] * 10, max_concurrent=3))
            while len(peer.requests) < 3:
                await asyncio.sleep(0)
            peer.gate.set()
            return await task

    assert len(run(batch())) == 10
    assert peer.most_in_flight == 3


@pytest.mark.parametrize("max_concurrent", [0, -1])
def test_wrong_max_concurrent(max_concurrent):
    with hyperhttp.Session() as session, pytest.raises(ValueError, match="max_concurrent"):
        session.batch([], max_concurrent=max_concurrent)


def test_batch_of_what_is_no_list(peer):
    with hyperhttp.Session() as session:
        assert session.batch([]) == []
        for wrong in (peer.url("/ok"), 5, None):
            with pytest.raises(TypeError):
                session.batch(wrong)


def test_batch_runs_hooks(peer, run):
    seen = []
    hooks = {"request": [seen.append], "response": [seen.append]}

    async def batch():
        async with hyperhttp.Client(event_hooks=hooks) as client:
            return await client.batch([peer.url("/ok"), "nonsense"], return_exceptions=True)

    results = run(batch())
    with hyperhttp.Session(event_hooks=hooks) as session:
        same = session.batch([peer.url("/ok"), "nonsense"], return_exceptions=True)
        with pytest.raises(hyperhttp.InvalidURL):
            session.batch(["nonsense"])
    assert len(seen) == 4
    for response, error in (results, same):
        assert response.status_code == 200
        assert type(error) is hyperhttp.InvalidURL


def test_batch_refuses_bodies_from_iterators(peer, run):
    async def batch():
        async with hyperhttp.Client() as client:
            requests = [
                client.build_request("POST", peer.url("/echo"), content=iter([b"a", b"b"])),
                client.build_request("POST", peer.url("/echo"), content=b"c"),
            ]
            return await client.batch(requests, return_exceptions=True)

    first, second = run(batch())
    assert isinstance(first, TypeError)
    assert second.status_code == 200
    assert [request.body for request in peer.requests] == [b"c"]


@pytest.mark.parametrize("keywords", [{}, {"headers": {"A": "b"}, "timeout": 120.0}])
def test_batch_get(peer, closed_port, run, keywords):
    urls = [peer.url("/ok"), peer.url("/status/404"), f"http://127.0.0.1:{closed_port}/", "no"]

    async def batch():
        async with hyperhttp.Client() as client:
            return await client.batch_get(urls, **keywords)

    with hyperhttp.Session() as session:
        for results in (run(batch()), session.batch_get(iter(urls), **keywords)):
            assert [each["url"] for each in results] == urls
            assert [each["success"] for each in results] == [True, True, False, False]
            found, missing, refused, wrong = results
            assert found["status_code"] == 200
            assert found["content"] == b"hello \n"
            assert found["headers"] == {"content-length": "7", "content-type": "text/plain"}
            assert missing["status_code"] == 404
            assert set(refused) == set(wrong) == {"url", "error", "success"}
            assert "127.0.0.1" in refused["error"]
            assert wrong["error"]
    assert all(request.values("a") == (["b"] if keywords else []) for request in peer.requests)


def test_batch_get_raises_for_its_own_arguments(peer):
    with hyperhttp.Session() as session:
        with pytest.raises(TypeError, match="colour"):
            session.batch_get([peer.url("/ok")], colour=1)
        with pytest.raises(ValueError, match="A b"):
            session.batch_get([peer.url("/ok")], headers={"A b": "c"})


# trio.


def test_under_trio(peer):
    import trio

    async def get():
        async with hyperhttp.Client() as client:
            await client.get(peer.url("/ok"))

    with pytest.raises(RuntimeError, match="trio"):
        trio.run(get)
    assert not peer.requests
