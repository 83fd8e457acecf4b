"""How a call and the task that waits for it deal with each other, beside what test_call.py has."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

import hyperhttp

pytestmark = pytest.mark.both_protocols


class YieldsTheCall:
    """Awaits a call as asyncio's own futures are awaited: the call itself goes to the task."""

    def __init__(self, call):
        self.call = call

    def __await__(self):
        self.call._asyncio_future_blocking = True
        try:
            yield self.call
        except hyperhttp.TransportError as error:
            return "thrown", error
        return "sent", self.call.result()


def test_what_a_task_sends_and_throws(run, peer):
    async def main():
        async with hyperhttp.Client() as client:
            how, response = await YieldsTheCall(client.get(peer.url()))
            assert (how, response.content) == ("sent", b"hello \n")
            call = client.get(peer.url("/truncated"))
            assert await YieldsTheCall(call) == ("thrown", call.exception())

    run(main())


class OwnFuture(asyncio.Future):
    """As a loop may have it."""


class OwnLoop(asyncio.SelectorEventLoop):
    def create_future(self):
        return OwnFuture(loop=self)


class LoopWithoutFutures(asyncio.SelectorEventLoop):
    def create_future(self):
        raise NotImplementedError


class LoopWithoutReaders(asyncio.SelectorEventLoop):
    """As Windows has it."""

    is_ready = False

    def add_reader(self, *arguments):
        if self.is_ready:
            raise NotImplementedError("no readers here")
        return super().add_reader(*arguments)


@pytest.mark.parametrize("factory", [OwnLoop, LoopWithoutFutures])
def test_a_loop_with_futures_of_its_own(peer, factory):
    async def main():
        async with hyperhttp.Client() as client:
            for _ in range(3):
                assert (await client.get(peer.url())).status_code == 200
            with pytest.raises(hyperhttp.TransportError):
                await client.get(peer.url("/truncated"))

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def test_a_loop_that_refuses_is_not_kept(peer):
    client = hyperhttp.Client()

    async def main():
        asyncio.get_running_loop().is_ready = True
        with pytest.raises(NotImplementedError, match="no readers here"):
            await client.get(peer.url())

    with asyncio.Runner(loop_factory=LoopWithoutReaders) as runner:
        runner.run(main())
        gone = weakref.ref(runner.get_loop())
    del runner
    gc.collect()
    assert gone() is None
    asyncio.run(client.close())


def test_its_loop_is_its_own_when_the_client_goes_to_another(peer):
    client = hyperhttp.Client()
    loops, calls = [], []

    async def main():
        loops.append(asyncio.get_running_loop())
        calls.append(client.get(peer.url()))
        await calls[-1]

    asyncio.run(main())
    asyncio.run(main())
    assert loops[0] is not loops[1]
    assert [call.get_loop() for call in calls] == loops
    asyncio.run(client.close())


def test_a_thread_started_by_whom_a_call_woke_has_no_loop(run, peer):
    made = []

    async def main():
        async with hyperhttp.Client() as client:
            await client.get(peer.url())
            thread = threading.Thread(target=lambda: made.append(client.get(peer.url())))
            thread.start()
            thread.join()
            with pytest.raises(RuntimeError, match="no event loop yet"):
                made[0].get_loop()
            assert (await made[0]).status_code == 200

    run(main())


def test_another_loop_run_by_whom_a_call_woke_is_refused(peer):
    async def inside(client):
        await client.get(peer.url())

    async def main():
        outer = asyncio.get_running_loop()
        async with hyperhttp.Client() as client:
            await client.get(peer.url())
            asyncio._set_running_loop(None)
            try:
                with pytest.raises(RuntimeError, match="loop"):
                    asyncio.run(inside(client))
            finally:
                asyncio._set_running_loop(outer)
            assert (await client.get(peer.url())).status_code == 200

    asyncio.run(main())


def test_attributes_other_than_those_that_tasks_ask_for(run, peer):
    async def main():
        async with hyperhttp.Client() as client:
            call = client.get(peer.url())
            assert call._asyncio_future_blocking is False
            call._asyncio_future_blocking = True
            assert call._asyncio_future_blocking is True
            with pytest.raises(AttributeError):
                _ = call.unknown
            with pytest.raises(AttributeError):
                call.unknown = 1
            assert call.get_loop.__name__ == "get_loop"
            await call

    run(main())
