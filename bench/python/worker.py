"""Measures one client in one shape, in a process of its own, and prints one line of JSON.

    python bench/python/worker.py SHAPE MODULE LOOP URL CONCURRENCY CONNECTIONS AMOUNT LIMIT

    loop      CONCURRENCY tasks, each a loop of `await get(url)`, for AMOUNT seconds
    waves     `gather` of CONCURRENCY requests, again and again, for AMOUNT seconds
    gather    AMOUNT requests in one `gather`, through CONNECTIONS connections
    batch     AMOUNT URLs handed to the client's own `batch`
    threads   CONCURRENCY threads on one client, each a loop of `get(url)`, for AMOUNT seconds
    create    making a client, AMOUNT times
    create-blocking
    idle      no client: AMOUNT tasks that wait, gathered, for what Python itself needs

LOOP is asyncio or uvloop. A client that isn't done LIMIT seconds after the warm-up's or the measurement's
beginning is rated by what it did until then, and the result says `cut`. CPU is `getrusage` of the process from after the warm-up to the last answer, all
threads counted; peak memory is VmHWM of the whole process. Every answer is checked: one that isn't 200 with
the expected body ends the process with a traceback. Little is imported, since memory is measured.
"""

import asyncio
import importlib
import json
import os
import resource
import signal
import statistics
import sys
from time import perf_counter

WARM_UP_SECONDS = 0.1


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


class Wrong(Exception):
    """An answer that isn't the one the server gives."""


def demand(is_right):
    if not is_right:
        raise Wrong


def end(result):
    """Prints the result and ends at once: cancelling thousands of requests can take a client minutes."""
    print(json.dumps(result), flush=True)
    os._exit(0)


class Stopwatch:
    """From its making to `report`: requests, wall and CPU seconds, latencies in seconds."""

    def __init__(self):
        self.cpu, self.started = cpu_seconds(), perf_counter()

    def report(self, requests, latencies=(), **more):
        seconds, cpu = perf_counter() - self.started, cpu_seconds() - self.cpu
        rank = sorted(latencies)
        last = len(rank) - 1
        return {"requests": requests, "seconds": seconds, "cpu": cpu,
                "p50_us": rank[last // 2] * 1e6 if rank else 0,
                "p99_us": rank[last * 99 // 100] * 1e6 if rank else 0, "rss_kib": peak_kib(), **more}


class Limited:
    """`with Limited(least, count, latencies):` rates the client by what it did when it takes too long.

    `count()` is the number of requests done; fewer than `least` rate nothing. The signal comes through even
    where a client keeps the event loop busy for seconds.
    """

    seconds = 0.0

    def __init__(self, least, count, latencies=()):
        self.least, self.count, self.latencies = least, count, latencies
        self.watch = Stopwatch()

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.cut)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self.watch

    def __exit__(self, *exception):
        signal.setitimer(signal.ITIMER_REAL, 0)

    def cut(self, *signal_and_frame):
        done = self.count()
        if done < self.least:
            end({"too_slow": f"{done} answers within {self.seconds:g} s"})
        end(self.watch.report(done, self.latencies, cut=True))


async def run_loops(opened, url, concurrency, seconds, latencies):
    get, check = opened.get, opened.check
    note = latencies.append
    deadline = perf_counter() + seconds

    async def one():
        started = perf_counter()
        while True:
            demand(check(await get(url)))
            now = perf_counter()
            note(now - started)
            started = now
            if now >= deadline:
                return

    if concurrency == 1:
        await one()
    else:
        await asyncio.gather(*[one() for _ in range(concurrency)])


async def warm_up(opened, url, concurrency):
    """Opens the connections."""
    latencies = []
    with Limited(concurrency, latencies.__len__, latencies):
        await run_loops(opened, url, concurrency, WARM_UP_SECONDS, latencies)


async def measure_loop(opened, url, concurrency, seconds):
    await warm_up(opened, url, concurrency)
    latencies = []
    with Limited(concurrency, latencies.__len__, latencies) as watch:
        await run_loops(opened, url, concurrency, seconds, latencies)
        return watch.report(len(latencies), latencies)


async def measure_waves(opened, url, concurrency, seconds):
    get, check = opened.get, opened.check
    await warm_up(opened, url, concurrency)
    done = 0
    with Limited(concurrency, lambda: done) as watch:
        deadline = watch.started + seconds
        while perf_counter() < deadline:
            for response in await asyncio.gather(*[get(url) for _ in range(concurrency)]):
                demand(check(response))
            done += concurrency
        return watch.report(done)


def is_done(awaitable):
    """Whether a gathered coroutine or future has come to its end."""
    if asyncio.isfuture(awaitable):
        return awaitable.done()
    return awaitable.cr_frame is None


async def measure_gather(opened, url, concurrency, total):
    await warm_up(opened, url, concurrency)
    requests = []
    with Limited(concurrency, lambda: sum(map(is_done, requests))) as watch:
        requests += [opened.get(url) for _ in range(total)]
        responses = await asyncio.gather(*requests)
        report = watch.report(total)
    demand(all(map(opened.check, responses)))
    return report


async def measure_batch(opened, url, concurrency, total):
    await opened.raw.batch([url] * concurrency)
    urls = [f"{url}?{number}" for number in range(total)]
    watch = Stopwatch()
    responses = await opened.raw.batch(urls)
    report = watch.report(total)
    demand(len(responses) == total and all(map(opened.check, responses)))
    return report


async def measure_create(make, times):
    took = []
    for _ in range(times):
        started = perf_counter()
        client = make()
        took.append(perf_counter() - started)
        close = getattr(client, "aclose", None) or getattr(client, "close", None) or client.clear
        closing = close()
        if hasattr(closing, "__await__"):
            await closing
    return {"create_us": statistics.median(took) * 1e6}


async def measure_idle(total):
    gate = asyncio.get_running_loop().create_future()

    async def wait():
        await gate

    asyncio.get_running_loop().call_later(0.2, gate.set_result, None)
    await asyncio.gather(*[wait() for _ in range(total)])
    return {"rss_kib": peak_kib()}


def measure_threads(opened, url, concurrency, seconds):
    import threading

    get, check = opened.get, opened.check
    failures = []

    def run(latencies, deadline):
        note = latencies.append
        try:
            started = perf_counter()
            while True:
                demand(check(get(url)))
                now = perf_counter()
                note(now - started)
                started = now
                if now >= deadline:
                    return
        except BaseException as error:
            failures.append(error)

    def all_at_once(seconds):
        latencies = [[] for _ in range(concurrency)]
        deadline = perf_counter() + seconds
        threads = [threading.Thread(target=run, args=(mine, deadline)) for mine in latencies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [latency for mine in latencies for latency in mine]

    all_at_once(WARM_UP_SECONDS)
    watch = Stopwatch()
    latencies = all_at_once(seconds)
    return watch.report(len(latencies), latencies)


def measure_blocking(opened, url, seconds):
    """One caller, in the main thread."""
    get, check = opened.get, opened.check

    def run(seconds):
        latencies = []
        note = latencies.append
        deadline = perf_counter() + seconds
        started = perf_counter()
        while True:
            demand(check(get(url)))
            now = perf_counter()
            note(now - started)
            started = now
            if now >= deadline:
                return latencies

    run(WARM_UP_SECONDS)
    watch = Stopwatch()
    latencies = run(seconds)
    return watch.report(len(latencies), latencies)


def measure_driven(module, shape, url, concurrency, connections, amount):
    """A client that has its own loop."""
    many = module.Many(url, concurrency, connections)
    module.loop(many, concurrency, 0 if shape == "gather" else WARM_UP_SECONDS)
    watch = Stopwatch()
    if shape == "gather":
        return watch.report(len(module.gather(many, int(amount))))
    latencies = module.loop(many, concurrency, amount)
    return watch.report(len(latencies), latencies)


ASYNC = {"loop": measure_loop, "waves": measure_waves, "gather": measure_gather,
         "batch": measure_batch}


async def measure_async(module, shape, url, concurrency, connections, amount):
    if shape == "create":
        return await measure_create(module.create, int(amount))
    if shape == "create-blocking":
        return await measure_create(module.create_blocking, int(amount))
    opened = module.open_async(connections)
    if shape in ("gather", "batch"):
        amount = int(amount)
    result = await ASYNC[shape](opened, url, concurrency, amount)
    await opened.close()
    return result


def run_async(coroutine, loop):
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(coroutine)


def main():
    shape, name, loop, url, concurrency, connections, amount, limit = sys.argv[1:]
    concurrency, connections = int(concurrency), int(connections)
    amount, Limited.seconds = float(amount), float(limit)
    if shape == "idle":
        return asyncio.run(measure_idle(int(amount)))
    module = importlib.import_module(f"clients.{name}")
    if hasattr(module, "Many") and not shape.startswith("create"):
        return measure_driven(module, shape, url, concurrency, connections, amount)
    if shape in ("sequential", "threads"):
        opened = module.open_blocking(connections)
        result = (measure_blocking(opened, url, amount) if shape == "sequential" else
                  measure_threads(opened, url, concurrency, amount))
        opened.close()
        return result
    return run_async(measure_async(module, shape, url, concurrency, connections, amount), loop)


if __name__ == "__main__":
    end(main())
