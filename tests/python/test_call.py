"""What get() returns: a Future and a coroutine in one, for everything asyncio does with either."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import unittest.mock
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from running import with_client

import hyperhttp

pytestmark = pytest.mark.both_protocols

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
    asyncio.new_event_loop,
    uvloop.new_event_loop,
]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    def runner(coroutine):
        with asyncio.Runner(loop_factory=request.param) as loop:
            return loop.run(coroutine)

    return runner


# As a future.


def test_await(run, peer):
    async def body(client):
        response = await client.get(peer.url())
        return response.status_code, response.content

    assert with_client(run, body) == (200, b"hello \n")


def test_is_a_future_of_the_running_loop(run, peer):
    async def body(client):
        call = client.get(peer.url())
        assert asyncio.isfuture(call)
        assert not call.done()
        assert not call.cancelled()
        assert call.get_loop() is asyncio.get_running_loop()
        with pytest.raises(asyncio.InvalidStateError):
            call.result()
        with pytest.raises(asyncio.InvalidStateError):
            call.exception()
        assert "pending" in repr(call)
        response = await call
        assert call.done()
        assert call.result() is response
        assert call.exception() is None
        assert await call is response
        assert "answered" in repr(call)

    with_client(run, body)


def test_gather_needs_no_task(run, peer):
    async def body(client):
        before = asyncio.all_tasks()
        calls = [client.get(peer.url(f"/ok/{i}")) for i in range(20)]
        assert all(asyncio.ensure_future(call) is call for call in calls)
        gathered = asyncio.gather(*calls)
        assert asyncio.all_tasks() == before
        return len(await gathered)

    assert with_client(run, body) == 20


def test_gather_keeps_the_order(run, peer):
    async def body(client):
        answers = await asyncio.gather(*[client.get(peer.url(f"/ok/{i}")) for i in range(50)])
        assert [answer.content for answer in answers] == [b"hello %d\n" % i for i in range(50)]

    with_client(run, body)


def test_gather_returns_exceptions(run, peer):
    async def body(client):
        good, bad = await asyncio.gather(
            client.get(peer.url()), client.get(peer.url("/truncated")), return_exceptions=True
        )
        assert good.status_code == 200
        assert isinstance(bad, hyperhttp.TransportError)

    with_client(run, body)


def test_gather_cancelled_cancels_the_calls(run, peer):
    async def body(client):
        calls = [client.get(peer.url("/hang")) for _ in range(3)]
        gathered = asyncio.gather(*calls)
        await asyncio.sleep(0)
        gathered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathered
        assert all(call.cancelled() for call in calls)

    with_client(run, body)


def test_create_task(run, peer):
    async def body(client):
        task = asyncio.create_task(client.get(peer.url()))
        assert repr(task)
        assert (await task).status_code == 200

    with_client(run, body)


def test_task_group(run, peer):
    async def body(client):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.get(peer.url(f"/ok/{i}"))) for i in range(5)]
        assert [task.result().content for task in tasks] == [b"hello %d\n" % i for i in range(5)]

    with_client(run, body)


def test_task_group_failure_cancels_the_others(run, peer):
    async def body(client):
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                hanging = group.create_task(client.get(peer.url("/hang")))
                group.create_task(client.get(peer.url("/truncated")))
        assert caught.group_contains(hyperhttp.TransportError)
        assert hanging.cancelled()

    with_client(run, body)


def test_wait_for(run, peer):
    async def body(client):
        assert (await asyncio.wait_for(client.get(peer.url()), 120)).status_code == 200
        call = client.get(peer.url("/hang"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.01)
        assert call.cancelled()

    with_client(run, body)


def test_timeout_block(run, peer):
    async def body(client):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.get(peer.url("/hang"))

    with_client(run, body)


def test_shield(run, peer):
    async def body(client):
        call = client.get(peer.url("/gated"))
        waiter = asyncio.ensure_future(asyncio.shield(call))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert not call.done()
        peer.gate.set()
        assert (await call).content == b"through\n"

    with_client(run, body)


def test_as_completed(run, peer):
    async def body(client):
        calls = [client.get(peer.url(f"/ok/{i}")) for i in range(4)]
        return sorted([(await call).content for call in asyncio.as_completed(calls)])

    assert with_client(run, body) == [b"hello %d\n" % i for i in range(4)]


def test_wait_refuses_it_as_it_refuses_coroutines(run, peer):
    async def body(client):
        call = client.get(peer.url())
        with pytest.raises(TypeError):
            await asyncio.wait([call])
        await call

    with_client(run, body)


def test_two_tasks_await_one_call(run, peer):
    async def body(client):
        call = client.get(peer.url("/gated"))

        async def wait():
            return await call

        first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        peer.gate.set()
        assert await first is await second

    with_client(run, body)


def test_async_with(run, peer):
    async def body(client):
        async with client.get(peer.url()) as response:
            assert response.status_code == 200
        return response.content

    assert with_client(run, body) == b"hello \n"


def test_callbacks(run, peer):
    variable = contextvars.ContextVar("variable", default="outside")

    async def body(client):
        seen = []
        call = client.get(peer.url("/gated"))

        def note(done):
            seen.append((done, variable.get()))

        def removed(done):
            seen.append("never")

        call.add_done_callback(note)
        context = contextvars.copy_context()
        context.run(variable.set, "inside")
        call.add_done_callback(note, context=context)
        call.add_done_callback(removed)
        call.add_done_callback(removed)
        assert call.remove_done_callback(removed) == 2
        assert call.remove_done_callback(removed) == 0
        peer.gate.set()
        await call
        await asyncio.sleep(0)
        assert seen == [(call, "outside"), (call, "inside")]
        call.add_done_callback(note)
        assert len(seen) == 2
        await asyncio.sleep(0)
        assert seen[2] == (call, "outside")
        with pytest.raises(TypeError):
            call.add_done_callback()
        with pytest.raises(TypeError):
            call.add_done_callback(note, other=1)

    with_client(run, body)


def test_first_callback_can_be_removed(run, peer):
    async def body(client):
        seen = []
        call = client.get(peer.url("/gated"))
        call.add_done_callback(seen.append)
        assert call.remove_done_callback(seen.append) == 1
        call.add_done_callback(lambda done: seen.append("second"))
        peer.gate.set()
        await call
        await asyncio.sleep(0)
        assert seen == ["second"]

    with_client(run, body)


def test_a_callback_that_raises_goes_to_the_loop_and_spares_the_others(run, peer):
    async def body(client):
        reports, seen = [], []
        asyncio.get_running_loop().set_exception_handler(lambda loop, it: reports.append(it))
        call = client.get(peer.url("/gated"))

        def fail(done):
            raise ZeroDivisionError

        call.add_done_callback(fail)
        call.add_done_callback(seen.append)
        peer.gate.set()
        await call
        await asyncio.sleep(0)
        assert seen == [call]
        assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]

    with_client(run, body)


# Cancelling.


def test_cancel(run, peer):
    async def body(client):
        call = client.get(peer.url("/hang"))
        await asyncio.sleep(0)
        assert call.cancel("enough") is True
        assert call.cancelled() and call.done()
        assert call.cancel() is False
        with pytest.raises(asyncio.CancelledError, match="enough"):
            call.result()
        with pytest.raises(asyncio.CancelledError):
            call.exception()
        with pytest.raises(asyncio.CancelledError):
            await call

    with_client(run, body)


def test_cancelling_frees_the_connection(run, peer):
    async def body(client):
        call = client.get(peer.url("/hang"))
        await asyncio.to_thread(peer.wait_for, 1)
        call.cancel()
        assert (await client.get(peer.url())).status_code == 200
        assert client._stats()["exchanges_in_flight"] == 0

    with_client(run, body, max_connections=1)


def test_cancelling_a_task_that_awaits_it(run, peer):
    async def body(client):
        async def wait():
            await client.get(peer.url("/hang"))

        task = asyncio.create_task(wait())
        await asyncio.to_thread(peer.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.get(peer.url())).status_code == 200

    with_client(run, body, max_connections=1)


def test_cancelling_a_task_made_of_it_before_it_ran(run, peer):
    async def body(client):
        call = client.get(peer.url("/hang"))
        task = asyncio.create_task(call)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert call.cancelled()

    with_client(run, body)


# As a coroutine.


def test_asyncio_run_takes_it(peer):
    client = hyperhttp.Client()
    call = client.get(peer.url())
    assert asyncio.iscoroutine(call)
    assert not asyncio.isfuture(call)
    assert "not started" in repr(call)
    assert asyncio.run(call).status_code == 200
    asyncio.run(client.close())


def test_run_until_complete_takes_it(peer):
    client = hyperhttp.Client()
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.get(peer.url())).status_code == 200
    loop.run_until_complete(client.close())
    loop.close()


def test_run_coroutine_threadsafe_takes_it(peer):
    import threading

    client = hyperhttp.Client()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    future = asyncio.run_coroutine_threadsafe(client.get(peer.url()), loop)
    assert future.result(30).status_code == 200
    asyncio.run_coroutine_threadsafe(client.close(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_call_made_before_the_loop_is_gathered_in_it(run, peer):
    client = hyperhttp.Client()
    calls = [client.get(peer.url(f"/ok/{i}")) for i in range(3)]
    assert peer.requests == []

    async def main():
        answers = await asyncio.gather(*calls)
        await client.close()
        return [answer.content for answer in answers]

    assert run(main()) == [b"hello 0\n", b"hello 1\n", b"hello 2\n"]


def test_a_lazy_call_can_be_cancelled(peer):
    client = hyperhttp.Client()
    call = client.get(peer.url())
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(call)
    assert peer.requests == []


def test_a_lazy_call_has_no_loop(peer):
    client = hyperhttp.Client()
    call = client.get(peer.url())
    with pytest.raises(RuntimeError, match="no event loop"):
        call.get_loop()
    with pytest.raises(RuntimeError, match="no event loop"):
        call.add_done_callback(print)
    call.close()


def test_a_call_never_awaited_warns(peer):
    client = hyperhttp.Client()
    with pytest.warns(RuntimeWarning, match="never awaited"):
        client.get(peer.url())


def test_coroutine_protocol_by_hand(run, peer):
    async def body(client):
        call = client.get(peer.url("/gated"))
        assert call.send(None) is call
        assert call._asyncio_future_blocking is True
        call._asyncio_future_blocking = False
        peer.gate.set()
        await call
        with pytest.raises(StopIteration) as stop:
            call.send(None)
        assert stop.value.value is call.result()
        other = client.get(peer.url("/hang"))
        with pytest.raises(KeyError):
            other.throw(KeyError("x"))
        assert other.cancelled()
        with pytest.raises(TypeError):
            client.get(peer.url()).throw("no exception")

    with_client(run, body)


def test_looks_like_a_coroutine_function():
    client = hyperhttp.Client()
    for name in ("get", "post", "put", "patch", "delete", "head", "options", "request"):
        assert inspect.iscoroutinefunction(getattr(client, name)), name
        assert asyncio.iscoroutinefunction(getattr(client, name)), name
        assert inspect.getdoc(getattr(client, name))
    signature = inspect.signature(client.get)
    assert list(signature.parameters)[:1] == ["url"]
    assert "timeout" in signature.parameters
    assert client.get.__name__ == "get"
    assert isinstance(unittest.mock.create_autospec(client).get, unittest.mock.AsyncMock | object)


def test_mock_autospec_gives_an_async_mock(run):
    mock = unittest.mock.create_autospec(hyperhttp.Client, instance=True)
    mock.get.return_value = "answer"

    async def main():
        return await mock.get("https://example.com")

    assert run(main()) == "answer"


# Failures nobody looks at.


def test_an_unseen_failure_is_reported(run, peer):
    async def body(client):
        reports = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, it: reports.append(it))
        done = asyncio.Event()
        call = client.get(peer.url("/truncated"))
        call.add_done_callback(lambda _: done.set())
        del call
        await done.wait()
        await asyncio.sleep(0)
        gc.collect()
        assert len(reports) == 1
        assert isinstance(reports[0]["exception"], hyperhttp.TransportError)

    with_client(run, body)


def test_a_seen_failure_is_not(run, peer):
    async def body(client):
        reports = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, it: reports.append(it))
        with pytest.raises(hyperhttp.TransportError):
            await client.get(peer.url("/truncated"))
        gc.collect()
        assert reports == []

    with_client(run, body)


def test_a_call_nobody_awaits_runs_on(run, peer):
    async def body(client):
        client.get(peer.url("/ok/alone"))
        while peer.hits("/ok/alone") == 0:
            await asyncio.sleep(0.001)

    with_client(run, body)


def test_nothing_keeps_an_ended_call(run, peer):
    async def body(client):
        call = client.get(peer.url())
        await call
        reference = weakref.ref(call)
        del call
        await asyncio.sleep(0)  # the engine's turn, in which this task was woken, is over
        gc.collect()
        assert reference() is None

    with_client(run, body)


# What ends a loop's turn.


def test_keyboard_interrupt_in_a_waiter_loses_nothing(peer):
    client = hyperhttp.Client()
    loop = asyncio.new_event_loop()

    async def interrupted():
        await client.get(peer.url("/ok/1"))
        raise KeyboardInterrupt

    async def patient():
        return (await client.get(peer.url("/ok/2"))).content

    first = loop.create_task(interrupted())
    second = loop.create_task(patient())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.gather(first, second))
    assert loop.run_until_complete(second) == b"hello 2\n"
    assert isinstance(first.exception(), KeyboardInterrupt)
    loop.run_until_complete(client.close())
    loop.close()


def test_closing_the_client_inside_a_waiter(run, peer):
    async def main():
        client = hyperhttp.Client()
        first, second = client.get(peer.url("/ok/1")), client.get(peer.url("/hang"))

        async def close():
            await first
            await client.close()

        closer = asyncio.create_task(close())
        with pytest.raises(hyperhttp.RequestError):
            await second
        await closer
        with pytest.raises(RuntimeError, match="closed"):
            await client.get(peer.url())

    run(main())
