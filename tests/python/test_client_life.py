"""A client's life: loops one after another, threads, fork, closing, being forgotten, exit."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from asleep import PATIENCE, wait_until_process_sleeps
from descriptors import descriptors
from running import in_child

import hyperhttp

pytestmark = pytest.mark.both_protocols


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_one_loop_after_another_keeps_the_connection(peer):
    client = hyperhttp.Client()

    async def get():
        return (await client.get(peer.url())).status_code

    assert asyncio.run(get()) == 200
    assert asyncio.run(get()) == 200
    assert peer.connections == 1
    asyncio.run(client.close())


def test_a_loop_that_closed_with_a_request_in_flight(peer):
    client = hyperhttp.Client(max_connections=1)

    async def leave():
        client.get(peer.url("/hang"))
        await asyncio.to_thread(peer.wait_for, 1)

    async def get():
        return (await client.get(peer.url())).status_code

    asyncio.run(leave())
    assert asyncio.run(get()) == 200
    asyncio.run(client.close())


def test_two_living_loops_at_once(peer):
    client = hyperhttp.Client()

    async def get():
        return await client.get(peer.url())

    async def main():
        waiting = client.get(peer.url("/hang"))
        await asyncio.to_thread(peer.wait_for, 1)
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, get())
        waiting.cancel()
        await client.close()

    asyncio.run(main())


def test_an_idle_loop_that_is_not_closed_gives_way(peer):
    client = hyperhttp.Client()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    assert first.run_until_complete(client.get(peer.url())).status_code == 200
    assert second.run_until_complete(client.get(peer.url())).status_code == 200
    assert first.run_until_complete(client.get(peer.url())).status_code == 200
    first.run_until_complete(client.close())
    first.close()
    second.close()


def test_several_clients_in_one_loop(peer, other_peer):
    async def main():
        async with hyperhttp.Client() as one, hyperhttp.Client() as two:
            answers = await asyncio.gather(
                *[one.get(peer.url(f"/ok/{i}")) for i in range(10)],
                *[two.get(other_peer.url(f"/ok/{i}")) for i in range(10)],
            )
        assert all(answer.status_code == 200 for answer in answers)

    asyncio.run(main())
    assert len(peer.requests) == len(other_peer.requests) == 10


def test_use_after_close(peer):
    async def main():
        client = hyperhttp.Client()
        await client.close()
        await client.close()
        assert client.is_closed
        for attempt in (
            lambda: client.get(peer.url()),
            lambda: client.batch([peer.url()]),
            lambda: client.send(hyperhttp.Request("GET", peer.url())),
        ):
            with pytest.raises(RuntimeError, match="closed"):
                await attempt()

    asyncio.run(main())


def test_closing_with_requests_in_flight(peer):
    async def main():
        client = hyperhttp.Client()
        calls = [client.get(peer.url("/hang")) for _ in range(5)]
        await asyncio.to_thread(peer.wait_for, 5)
        await client.close()
        for call in calls:
            with pytest.raises(hyperhttp.RequestError, match="closed"):
                await call

    before = open_descriptors()
    asyncio.run(main())
    gc.collect()
    peer.gate.set()
    assert open_descriptors() <= before + 10


def test_an_unclosed_client_warns_and_frees_its_descriptors(peer):
    async def main():
        client = hyperhttp.Client()
        await client.get(peer.url())
        await asyncio.sleep(0)  # the engine's turn, in which this task was woken, is over
        before = open_descriptors()
        with pytest.warns(ResourceWarning, match="unclosed"):
            del client
            gc.collect()
        assert open_descriptors() < before

    asyncio.run(main())


@pytest.mark.only_http1
def test_a_forgotten_client_after_its_loop(peer):
    async def main():
        client = hyperhttp.Client()
        await client.get(peer.url())
        return client

    before = descriptors()
    client = asyncio.run(main())
    with pytest.warns(ResourceWarning):
        del client
        gc.collect()
    deadline = time.monotonic() + PATIENCE
    while descriptors() - before and time.monotonic() < deadline:
        time.sleep(0.001)  # the peer, which is in this process, has a descriptor to close, too
    assert not descriptors() - before


def test_no_loop_is_a_clear_error(peer):
    client = hyperhttp.Client()
    call = client.get(peer.url())
    with pytest.raises(RuntimeError, match="event loop"):
        call.send(None)
    with pytest.raises(RuntimeError, match="event loop"):
        client.batch([peer.url()]).send(None)


def test_trio_is_a_clear_error(peer):
    import trio

    async def main():
        async with hyperhttp.Client() as client:
            await client.get(peer.url())

    with pytest.raises(RuntimeError, match="trio"):
        trio.run(main)


def test_session_shared_by_threads(peer):
    with hyperhttp.Session(max_connections=16) as session:
        barrier = threading.Barrier(16)

        def work(number):
            barrier.wait()
            return [session.get(peer.url(f"/ok/{number}-{i}")).text for i in range(20)]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            results = list(pool.map(work, range(16)))
    assert results == [[f"hello {n}-{i}\n" for i in range(20)] for n in range(16)]


def test_sixteen_threads_are_sixteen_requests_at_once(peer):
    with hyperhttp.Session(max_connections=16) as session:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            futures = [pool.submit(session.get, peer.url("/gated")) for _ in range(16)]
            peer.wait_for(16)
            peer.gate.set()
            assert [future.result().text for future in futures] == ["through\n"] * 16
    assert peer.most_in_flight == 16


def test_one_slow_server_holds_nobody_up(peer, other_peer):
    with hyperhttp.Session() as session, concurrent.futures.ThreadPoolExecutor(4) as pool:
        slow = pool.submit(session.get, peer.url("/gated"))
        peer.wait_for(1)
        for i in range(50):
            assert session.get(other_peer.url(f"/ok/{i}")).status_code == 200
        assert not slow.done()
        peer.gate.set()
        assert slow.result().status_code == 200


def test_session_closed_while_another_thread_waits(peer):
    session = hyperhttp.Session()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.get, peer.url("/hang"))
        peer.wait_for(1)
        session.close()
        with pytest.raises(hyperhttp.RequestError, match="closed"):
            waiting.result(PATIENCE)
    with pytest.raises(RuntimeError, match="closed"):
        session.get(peer.url())


def run_program(program: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        **options,
    )


def test_ctrl_c_interrupts_a_blocking_wait(peer):
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, hyperhttp\n"
            "try:\n    hyperhttp.Session().get(sys.argv[1], timeout=None)\n"
            "except KeyboardInterrupt:\n    print('interrupted')",
            peer.url("/hang"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    peer.wait_for(1)
    wait_until_process_sleeps(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == "interrupted\n"


def test_a_signal_that_cuts_no_wait_short_is_seen(peer):
    """The main thread sleeps, another one drives, and the wait is restarted."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, signal, sys, threading, hyperhttp\n"
            "signal.siginterrupt(signal.SIGINT, False)\n"
            "session = hyperhttp.Session(timeout=None)\n"
            "get = lambda: session.get(sys.argv[1])\n"
            "threading.Thread(target=get, daemon=True).start()\n"
            "sys.stdin.readline()\n"
            "try:\n    get()\n"
            "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
            "os._exit(0)",
            peer.url("/hang"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    peer.wait_for(1)
    process.stdin.write("\n")
    process.stdin.flush()
    peer.wait_for(1)
    wait_until_process_sleeps(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == "interrupted\n"


def test_a_signal_whose_handler_returns_interrupts_nothing(peer):
    """PEP 475: the wait goes on, and the request isn't sent twice."""
    seen = []
    main_thread = threading.get_ident()
    old = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))

    def disturb():
        peer.wait_for(1)
        for count in range(1, 4):
            # One that comes just before the wait has begun is seen when the next one ends it.
            while len(seen) < count:
                signal.pthread_kill(main_thread, signal.SIGUSR1)
                time.sleep(0.01)
        peer.gate.set()

    thread = threading.Thread(target=disturb)
    try:
        with hyperhttp.Session() as session:
            thread.start()
            assert session.get(peer.url("/gated")).text == "through\n"
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert len(seen) >= 3
    assert peer.hits("/gated") == 1


@pytest.mark.only_http1
def test_fork_session(peer):
    with hyperhttp.Session() as session:
        assert session.get(peer.url("/ok/parent")).status_code == 200
        in_child(lambda: session.get(peer.url("/ok/child")).status_code == 200)
        assert session.get(peer.url("/ok/again")).status_code == 200
        assert session._stats()["connections_opened"] == 1
    assert peer.connections == 2


@pytest.mark.only_http1
def test_fork_client(peer):
    client = hyperhttp.Client()

    async def get(path):
        return (await client.get(peer.url(path))).status_code

    assert asyncio.run(get("/ok/parent")) == 200
    in_child(lambda: asyncio.run(get("/ok/child")) == 200)
    assert asyncio.run(get("/ok/again")) == 200
    asyncio.run(client.close())
    assert peer.connections == 2


def test_fork_while_another_thread_waits(peer):
    with hyperhttp.Session() as session, concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.get, peer.url("/gated"))
        peer.wait_for(1)
        in_child(lambda: session.get(peer.url("/ok/child")).status_code == 200)
        peer.gate.set()
        assert waiting.result(PATIENCE).status_code == 200


def test_multiprocessing_pool(peer):
    program = """
        import multiprocessing, sys
        import hyperhttp
        session = hyperhttp.Session()
        def get(path):
            return session.get(sys.argv[1] + path).status_code
        if __name__ == "__main__":
            get("/ok/first")
            context = multiprocessing.get_context("fork")
            with context.Pool(4) as pool:
                print(pool.map(get, [f"/ok/{i}" for i in range(20)]))
    """
    done = run_program(program, peer.url(""))
    assert done.stderr == ""
    assert done.stdout == str([200] * 20) + "\n"


@pytest.mark.parametrize(
    "ending", ["", "sys.exit(3)", "raise KeyError('end')", "os.kill(os.getpid(), 15)"]
)
def test_interpreter_exit_with_requests_in_flight(peer, ending):
    program = f"""
        import asyncio, os, sys
        import hyperhttp
        client = hyperhttp.Client()
        session = hyperhttp.Session()
        async def main():
            global call, stream
            call = client.get(sys.argv[1] + "/hang")
            client.get(sys.argv[1] + "/hang")
            stream = client.stream("GET", sys.argv[1] + "/stall")
            await stream.__aenter__()
            {ending or "pass"}
        asyncio.run(main())
    """
    done = run_program(program, peer.url(""))
    assert done.returncode in (0, 1, 3, -15)
    assert "Segmentation" not in done.stderr
    assert "Fatal" not in done.stderr


def test_exit_while_threads_wait(peer):
    program = """
        import sys, threading
        import hyperhttp
        session = hyperhttp.Session()
        for _ in range(4):
            threading.Thread(target=session.get, args=(sys.argv[1],), daemon=True).start()
        sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), peer.url("/hang")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    peer.wait_for(4)
    _, err = process.communicate(b"", timeout=PATIENCE)
    assert process.returncode == 0, err


def test_use_in_a_second_interpreter():
    interpreters = pytest.importorskip("_xxsubinterpreters")
    first = interpreters.create()
    interpreters.run_string(first, "import sys; sys.path = %r" % sys.path)
    try:
        interpreters.run_string(first, "import hyperhttp; hyperhttp.Session().close()")
    except interpreters.RunFailedError as failure:
        # asyncio's own extension may refuse; ours must not be what fails.
        assert "hyperhttp" not in str(failure)
    interpreters.destroy(first)


LEAVES_BY_SYSTEM_EXIT = """
    import asyncio, sys, hyperhttp

    async def main():
        async with hyperhttp.Client() as client:
            await client.get(sys.argv[1])
        sys.exit(3)

    asyncio.run(main())
"""


def test_exit_by_the_task_that_closed_the_client(peer):
    """The answer's own wake-up closes the engine, then ends the loop's turn by SystemExit."""
    ended = run_program(LEAVES_BY_SYSTEM_EXIT, peer.url())
    assert (ended.returncode, ended.stderr) == (3, "")


def test_a_request_whose_loop_closed_is_no_unseen_failure(peer):
    reports = []
    client = hyperhttp.Client()

    async def leave():
        client.get(peer.url("/hang"))
        await asyncio.to_thread(peer.wait_for, 1)

    async def get():
        asyncio.get_running_loop().set_exception_handler(lambda loop, it: reports.append(it))
        response = await client.get(peer.url())
        await asyncio.sleep(0)
        gc.collect()
        await client.close()
        return response.status_code

    asyncio.run(leave())
    assert asyncio.run(get()) == 200
    assert reports == []


def test_a_wrong_argument_names_the_method():
    with hyperhttp.Session() as session:
        with pytest.raises(TypeError, match=r"get\(\) got an unexpected keyword argument 'jsn'"):
            session.get("http://localhost", jsn=1)
        with pytest.raises(TypeError, match=r"post\(\) is missing the argument 'url'"):
            session.post()


def test_a_wrong_option_names_no_inner_class():
    for kind in (hyperhttp.Client, hyperhttp.Session):
        with pytest.raises(TypeError, match=r"^__init__\(\) got an unexpected keyword argument"):
            kind(tiemout=3)
