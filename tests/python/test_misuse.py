"""Whatever is done to it by mistake or malice: an exception that says what, never a crash."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import warnings
from functools import partial

import pytest

import hyperhttp

pytestmark = [
    pytest.mark.both_protocols,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SURROGATE = "\ud800"


@pytest.fixture
def session():
    with hyperhttp.Session() as session:
        yield session


class Text(str):
    """A str that can be neither compared nor hashed."""

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError


# Arguments.

WRONG = [
    ("url", [5, None, b"http://x/", object(), [], 1.5], TypeError),
    ("url", ["", "x", "http://", "//x", "http://a b/", "http://[::", "ftp://x/"], ValueError),
    ("url", [f"http://x/{SURROGATE}", SURROGATE], ValueError),
    ("method", [5, None, b"GET", object(), []], TypeError),
    ("method", ["", "A B", "a\0b", "GET\r\nX: y", SURROGATE, "A" * 65, "CONNECT"], Exception),
    ("headers", [5, "a", b"a", [1], [("a",)], {1: "a"}, {"a": 1}, {"a": None}], TypeError),
    (
        "headers",
        [{"a\r\nb": "c"}, {"a": "b\nc"}, {"a": "b\0"}, {"": "a"}, {"a b": "c"}],
        ValueError,
    ),
    ("headers", [{SURROGATE: "a"}, {"a": SURROGATE}, {"Content-Length": "5"}], ValueError),
    ("headers", [{f"a{i}": "b" for i in range(300)}], ValueError),
    ("params", [5, object(), [1], [("a",)]], TypeError),
    ("params", [SURROGATE, {"a": SURROGATE}], ValueError),
    ("content", [5, object(), {"a": "b"}, ["a"], ("a", "b")], TypeError),
    ("content", [SURROGATE], ValueError),
    ("data", [5, object(), [1]], TypeError),
    ("data", [{"a": SURROGATE}], ValueError),
    ("files", [5, object(), b"a", "a", [1], {"a": object()}, {"a": None}], TypeError),
    ("json", [object(), {1, 2}, {"a": b"b"}, {(1, 2): 3}], TypeError),
    ("json", [float("nan"), float("inf")], ValueError),
    ("auth", [5, "user", ["user", "password"], ("user",), (1, 2), ("a", None)], TypeError),
    ("auth", [("a:b", "c"), ("a\0", "b"), ("a", "b\0"), (SURROGATE, "b")], ValueError),
    ("timeout", ["5", b"5", True, object(), [], {}, ("a", "b")], TypeError),
    ("timeout", [-1, -1e300, float("nan"), float("inf"), float("-inf"), 10**400], ValueError),
    ("timeout", [(1, 2, 3), ()], ValueError),
    ("follow_redirects", [1, 0, "yes", [], object()], TypeError),
    ("max_response_bytes", ["5", 1.5, True, object(), []], TypeError),
    ("max_response_bytes", [-1, 10**30], ValueError),
]


def arguments(keyword: str, value: object) -> tuple[object, object, dict[str, object]]:
    method = value if keyword == "method" else "POST"
    url = value if keyword == "url" else "http://127.0.0.1:9/"
    return method, url, {} if keyword in ("method", "url") else {keyword: value}


def send_built(session, method, url, keywords):
    return session.send(session.build_request(method, url, **keywords))


def send_by_client(run, method, url, keywords):
    async def send():
        async with hyperhttp.Client() as client:
            await client.request(method, url, **keywords)

    return run(send())


@pytest.mark.parametrize(("keyword", "values", "error"), WRONG)
def test_wrong_arguments(run, session, keyword, values, error):
    for value in values:
        method, url, keywords = arguments(keyword, value)
        attempts = [
            partial(session.request, method, url, **keywords),
            partial(send_built, session, method, url, keywords),
            partial(send_by_client, run, method, url, keywords),
        ]
        for attempt in attempts:
            with pytest.raises(error) as caught:
                attempt()
            if error is Exception:
                assert isinstance(caught.value, (ValueError, hyperhttp.RequestError, TypeError))
            assert not isinstance(caught.value, (SystemError, hyperhttp.ConnectError))
            assert str(caught.value), (keyword, value)
    assert session._stats()["exchanges_started"] == 0


def test_unknown_and_repeated_keywords(session):
    for wrong in ({"colour": "red"}, {"Params": {}}, {"": 1}, {SURROGATE: 1}):
        with pytest.raises(TypeError, match="unexpected"):
            session.get("http://x/", **wrong)
    with pytest.raises(TypeError, match="json"):
        session.get("http://x/", json={})
    with pytest.raises(TypeError, match="positional"):
        session.get("http://x/", {"a": "b"})
    with pytest.raises(TypeError, match="twice"):
        session.get("http://x/", url="http://y/")
    with pytest.raises(TypeError, match="url"):
        session.get()
    with pytest.raises(TypeError, match="method"):
        session.request(url="http://x/")
    with pytest.raises(TypeError, match="one body"):
        session.post("http://x/", json={}, content=b"a")


def test_strange_str(peer, session):
    """Its text counts, not what it says of itself."""
    url = Text(peer.url("/ok"))
    assert session.get(url).status_code == 200
    assert session.request(Text("GET"), url).status_code == 200
    assert session.get(url, headers=[(Text("A"), Text("b"))]).status_code == 200
    assert [each.status_code for each in session.batch([url, url])] == [200, 200]


def test_giant_timeouts(peer, session):
    for timeout in (1e300, sys.float_info.max, 10**300, (1e300, 1e300), 5e-324):
        if timeout == 5e-324:  # a millisecond: may be enough, or not
            with contextlib.suppress(TimeoutError):
                session.get(peer.url("/ok"), timeout=timeout)
        else:
            assert session.get(peer.url("/ok"), timeout=timeout).status_code == 200
    assert hyperhttp.Timeout(1e300).read > 1e9


# Objects that were never made, or made twice.


@pytest.mark.parametrize("cls", [hyperhttp.Client, hyperhttp.Session])
def test_without_init(run, cls):
    class Lazy(cls):
        def __init__(self) -> None:
            pass

    request = hyperhttp.Request("GET", "http://x/")

    async def use(client):
        for attempt in (
            lambda: client.get("http://x/"),
            lambda: client.build_request("GET", "http://x/"),
            lambda: client.stream("GET", "http://x/"),
            lambda: client.send(request),
            lambda: client._open(request),
            lambda: client._batch(["http://x/"], 0, False),
            lambda: client.headers,
            lambda: setattr(client, "headers", {}),
            lambda: client.memory(),
        ):
            with pytest.raises(RuntimeError, match="__init__"):
                attempt()
        with pytest.raises((RuntimeError, AttributeError)):
            result = client.post("http://x/", content=iter([b"a"]))
            await result
        assert type(client).__name__ in repr(client)
        assert not client.is_closed
        client._close()

    run(use(Lazy()))
    run(use(cls.__new__(cls)))


@pytest.mark.parametrize("cls", [hyperhttp.Client, hyperhttp.Session])
def test_init_twice(cls):
    client = cls()
    with pytest.raises(RuntimeError, match="twice"):
        client.__init__(timeout=1)
    client._close()
    with pytest.raises(RuntimeError, match="twice"):
        client.__init__()


def test_unbound_methods():
    for cls in (hyperhttp.Client, hyperhttp.Session):
        for attempt in (
            lambda: cls.get(1, "http://x/"),  # noqa: B023
            lambda: cls.get(),  # noqa: B023
            lambda: cls.request(None, "GET", "http://x/"),  # noqa: B023
            lambda: cls.build_request(1, "GET", "http://x/"),  # noqa: B023
            lambda: cls._close(object()),  # noqa: B023
            lambda: cls._start(1, 2),  # noqa: B023
        ):
            with pytest.raises(TypeError):
                attempt()


# What Python code does in between.


class Closing:
    """Closes the client while its argument is looked at."""

    def __init__(self, client):
        self.client = client

    def __float__(self) -> float:
        self.client._close()
        return 1.0

    def __iter__(self):
        self.client._close()
        return iter(["http://x/"])


class ClosingLength(list):
    client = None

    def __len__(self) -> int:
        self.client._close()
        return 5

    def __length_hint__(self) -> int:
        return len(self)


def test_closed_while_arguments_are_read(run, peer):
    url = peer.url("/ok")

    async def use_client(attempt):
        return await attempt(hyperhttp.Client())

    def sized(client):
        urls = ClosingLength([url])
        urls.client = client
        return client.batch(urls)

    for attempt in (
        lambda client: client.get(url, timeout=Closing(client)),
        lambda client: client.batch(Closing(client)),
        sized,
    ):
        with pytest.raises(RuntimeError, match="closed"):
            attempt(hyperhttp.Session())
        with pytest.raises(RuntimeError, match="closed"):
            run(use_client(attempt))
    assert not peer.requests


def test_closed_by_the_iterable_of_a_batch(run, peer):
    def urls(client):
        yield peer.url("/ok")
        client._close()
        yield peer.url("/ok")

    async def use_client():
        client = hyperhttp.Client()
        return await client.batch(urls(client), return_exceptions=True)

    session = hyperhttp.Session()
    with pytest.raises(RuntimeError, match="closed"):
        session.batch(urls(session), return_exceptions=True)
    with pytest.raises(RuntimeError, match="closed"):
        run(use_client())


def test_iterables_that_raise(run, peer, session):
    def urls():
        yield peer.url("/ok")
        raise ZeroDivisionError("the iterable's own")

    async def use_client():
        async with hyperhttp.Client() as client:
            with pytest.raises(ZeroDivisionError, match="own"):
                await client.batch(urls(), return_exceptions=True)
            assert (await client.get(peer.url("/ok"))).status_code == 200

    with pytest.raises(ZeroDivisionError, match="own"):
        session.batch(urls(), return_exceptions=True)
    assert session.get(peer.url("/ok")).status_code == 200
    run(use_client())


def test_batch_cancelled_by_its_iterable(run, peer):
    async def use_client():
        task = asyncio.current_task()

        def urls():
            for _ in range(5):
                yield peer.url("/ok")
                task.cancel()

        async with hyperhttp.Client() as client:
            with pytest.raises(asyncio.CancelledError):
                await client.batch(urls(), max_concurrent=1)
            task.uncancel()
            assert (await client.get(peer.url("/ok"))).status_code == 200

    run(use_client())


def test_batch_inside_a_batch(peer, session):
    def urls():
        yield peer.url("/ok")
        assert len(session.batch([peer.url("/ok")] * 3)) == 3
        yield peer.url("/ok")

    assert [each.status_code for each in session.batch(urls())] == [200, 200]


def test_empty_and_wrong_batches(run, session):
    async def use_client():
        async with hyperhttp.Client() as client:
            return await client.batch([]), await client.batch(iter(())), await client.batch_get([])

    assert run(use_client()) == ([], [], [])
    assert session.batch([]) == session.batch_get([]) == []
    assert session.batch([], max_concurrent=10**30) == []
    results = session.batch([None, 5, "x"], return_exceptions=True)
    assert [type(each) for each in results] == [TypeError, TypeError, hyperhttp.InvalidURL]
    for wrong in ("5", 1.5, True):
        with pytest.raises(TypeError, match="max_concurrent"):
            session.batch([], max_concurrent=wrong)


def test_params_that_replace_themselves(peer, session):
    class Params(dict):
        def items(self):
            session.params = None
            return [("a", "b")]

    session.params = Params(a="c")
    gc.collect()
    assert session.get(peer.url("/ok")).status_code == 200


def test_hooks_that_call_the_client(run, peer):
    depth = 0

    async def hook(request):
        nonlocal depth
        depth += 1
        if depth < 20:
            await client.get(peer.url("/ok"))

    async def endless(request):
        await client.get(peer.url("/ok"))

    async def use():
        nonlocal client
        async with hyperhttp.Client(event_hooks={"request": [hook]}) as client:
            await client.get(peer.url("/ok"))
        assert depth == 20
        async with hyperhttp.Client(event_hooks={"request": [endless]}) as client:
            with pytest.raises(RecursionError):
                await client.get(peer.url("/ok"))

    client = None
    run(use())


def test_client_dropped_inside_its_hook(run, peer):
    async def use():
        clients = []
        clients.append(hyperhttp.Client(event_hooks={"request": [lambda _: clients.clear()]}))
        response = await clients[0].get(peer.url("/ok"))
        return response.status_code

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(use()) == 200
        gc.collect()


def test_client_closed_inside_its_hook(peer):
    session = hyperhttp.Session(event_hooks={"request": [lambda _: session.close()]})
    with pytest.raises(RuntimeError, match="closed"):
        session.get(peer.url("/ok"))


# Twice, after the end, from elsewhere.


def test_a_body_used_twice(peer, session):
    request = session.build_request("POST", peer.url("/ok"), content=iter([b"a", b"b"]))
    session.send(request)
    with pytest.raises(hyperhttp.StreamConsumed):
        session.send(request)


def test_read_after_close(peer, session):
    with session.stream("GET", peer.url("/ok")) as response:
        pass
    for read in (response.read, lambda: list(response.iter_bytes()), lambda: response.content):
        with pytest.raises((hyperhttp.HyperHTTPError, RuntimeError)) as caught:
            read()
        assert str(caught.value)


def test_client_in_two_threads(peer):
    """Each thread's loop wants the client: one gets it, the other is told why not."""
    failures = []

    async def use():
        async with hyperhttp.Client() as client:
            await client.get(peer.url("/ok"))

            def other():
                try:
                    asyncio.run(get())
                except RuntimeError as error:
                    failures.append(error)

            async def get():
                await client.get(peer.url("/ok"))

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            return (await client.get(peer.url("/ok"))).status_code

    assert asyncio.run(use()) == 200
    assert "event loop" in str(failures[0])
