"""Requests without number, cancelled, timed out and closed at random; then the books are looked at.

    storm.py [requests [seed]]

A server of its own, in a process of its own, answers at once, late, in part, or never. Afterwards
every slot and every descriptor must be back. `make soak` runs 100,000 over HTTP/1.1, and as many
over HTTP/2; the tests run a short form.
"""

from __future__ import annotations

import asyncio
import collections
import gc
import multiprocessing
import random
import sys
import time
from multiprocessing.connection import Connection

from descriptors import descriptors
from storm_http2 import Http2Server

import hyperhttp

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
WORKERS = 150


class Server(asyncio.Protocol):
    """Answers by the path asked for; requests have no bodies."""

    def __init__(self, dice: random.Random):
        self.dice = dice
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, self.received = self.received.split(b"\r\n\r\n", 1)
            self.answer(head.split(b" ", 2)[1].split(b"?")[0])

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def answer(self, path: bytes) -> None:
        if path == b"/ok":
            self.write(ANSWER)
        elif path == b"/late":
            asyncio.get_running_loop().call_later(self.dice.random() * 0.02, self.write, ANSWER)
        elif path == b"/large":
            self.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(200000))
        elif path == b"/part":
            self.write(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + bytes(70000))
        elif path == b"/chunks":
            self.write(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 99
            )
            self.write(b"0\r\n\r\n")
        elif path == b"/drop":
            self.transport.close()
        # /never gets no answer.


def serve(pipe: Connection, seed: int, over: str = "HTTP/1.1") -> None:
    async def main() -> None:
        dice = random.Random(seed)
        loop = asyncio.get_running_loop()
        kind = Server if over == "HTTP/1.1" else Http2Server
        server = await loop.create_server(lambda: kind(dice), "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)

    asyncio.run(main())


class Storm:
    def __init__(self, url: str, requests: int, seed: int, over: str):
        self.url = url
        self.options = {"http2_prior_knowledge": over == "HTTP/2"}
        self.left = requests
        self.dice = random.Random(seed)
        self.outcomes: collections.Counter[str] = collections.Counter()

    def path(self) -> str:
        paths = ["/ok", "/late", "/large", "/part", "/chunks", "/drop", "/never"]
        return self.url + self.dice.choices(paths, [10, 4, 1, 1, 2, 2, 2])[0]

    def take(self, count: int = 1) -> int:
        count = min(count, self.left)
        self.left -= count
        return count

    async def cancelled(self, client: hyperhttp.Client) -> None:
        call = client.get(self.path())
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        call.cancel()
        await call

    async def task_cancelled(self, client: hyperhttp.Client) -> None:
        async def get() -> None:
            await client.get(self.path())

        task = asyncio.create_task(get())
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        task.cancel()
        await task

    async def patient(self, client: hyperhttp.Client) -> None:
        await client.get(self.url + "/ok")

    async def waited(self, client: hyperhttp.Client) -> None:
        await asyncio.wait_for(client.get(self.path()), self.dice.random() * 0.02)

    async def timed(self, client: hyperhttp.Client) -> None:
        bound = 0.001 + self.dice.random() * 0.02
        timeout = self.dice.choice([bound, hyperhttp.Timeout(total=bound)])
        await client.get(self.path(), timeout=timeout)

    async def streamed(self, client: hyperhttp.Client) -> None:
        timeout = 0.05
        async with client.stream("GET", self.path(), timeout=timeout) as response:
            chunks = self.dice.randrange(3)
            async for _ in response.iter_bytes():
                chunks -= 1
                if chunks <= 0:
                    break

    async def gathered(self, client: hyperhttp.Client) -> None:
        calls = [client.get(self.path()) for _ in range(self.take(self.dice.randrange(1, 8)) or 1)]
        gathered = asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(self.dice.random() * 0.01)
        gathered.cancel()
        await gathered

    async def batched(self, client: hyperhttp.Client) -> None:
        paths = [self.path() for _ in range(self.take(self.dice.randrange(1, 20)) or 1)]
        await asyncio.wait_for(
            client.batch(paths, max_concurrent=self.dice.randrange(1, 9), return_exceptions=True),
            self.dice.random() * 0.03,
        )

    async def closed(self, client: hyperhttp.Client) -> None:
        own = hyperhttp.Client(max_connections=5, **self.options)
        calls = [own.get(self.path()) for _ in range(self.take(self.dice.randrange(1, 8)) or 1)]
        await asyncio.sleep(self.dice.random() * 0.003)
        await own.close()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(call.done() for call in calls)

    async def work(self, client: hyperhttp.Client) -> None:
        ways = [self.cancelled, self.task_cancelled, self.waited, self.timed, self.streamed]
        ways += [self.gathered, self.batched, self.closed, self.patient]
        while self.take():
            way = self.dice.choices(ways, [8, 8, 6, 6, 4, 1, 1, 1, 4])[0]
            try:
                await way(client)
                self.outcomes["answered or left"] += 1
            except asyncio.CancelledError:
                self.outcomes["cancelled"] += 1
            except TimeoutError:
                self.outcomes["timed out"] += 1
            except hyperhttp.RequestError as error:
                self.outcomes[type(error).__name__] += 1

    async def rage(self) -> None:
        async with hyperhttp.Client(max_connections=40, **self.options) as client:
            await asyncio.gather(*[self.work(client) for _ in range(WORKERS)])
            await client.get(self.url + "/ok")  # the client still works
            stats = client._stats()
            assert stats["exchanges_in_flight"] == 0, stats
            assert stats["exchanges_queued"] == 0, stats
            assert stats["connections_open"] == stats["connections_idle"], stats
        self.outcomes["exchanges"] = stats["exchanges_started"]


def run(requests: int, seed: int, over: str = "HTTP/1.1") -> collections.Counter[str]:
    """Raises AssertionError at the first wrong turn; gives what came of it all."""
    pipe, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, seed, over))
    server.start()
    try:
        storm = Storm(f"http://127.0.0.1:{pipe.recv()}", requests, seed, over)
        before = descriptors()
        asyncio.run(storm.rage())
        gc.collect()
        assert not descriptors() - before, descriptors() - before
        calls = [
            it for it in gc.get_objects() if type(it).__name__ in ("Call", "Exchange", "Batch")
        ]
        assert not calls, f"{len(calls)} are still there"
        return storm.outcomes
    finally:
        pipe.send(None)
        server.join()


if __name__ == "__main__":
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"{requests:,} requests, seed {seed}", flush=True)
    for over in ("HTTP/1.1", "HTTP/2"):
        begun = time.monotonic()
        print(over)
        for outcome, count in sorted(run(requests, seed, over).items()):
            print(f"{count:10,}  {outcome}")
        took = time.monotonic() - begun
        print(f"every slot and descriptor is back, after {took:.0f} s", flush=True)
