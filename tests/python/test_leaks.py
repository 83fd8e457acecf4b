"""Nothing is kept: objects, blocks and resident memory stay flat over 100,000 requests."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest
import storm

import hyperhttp

SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
ROUNDS = 5
REQUESTS = 2_000 if SANITIZED else 20_000  # in a round


def run_server(over: str) -> Iterator[str]:
    pipe, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn").Process
    server = spawn(target=storm.serve, args=(theirs, 1, over))
    server.start()
    yield f"http://127.0.0.1:{pipe.recv()}"
    pipe.send(None)
    server.join()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from run_server("HTTP/1.1")


@pytest.fixture(scope="module")
def http2_url() -> Iterator[str]:
    yield from run_server("HTTP/2")


def resident_kib() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def books() -> tuple[int, int, int]:
    """Objects the collector knows, allocated blocks, and references where Python counts them."""
    gc.collect()
    references = getattr(sys, "gettotalrefcount", lambda: 0)()
    return len(gc.get_objects()), sys.getallocatedblocks(), references


async def get(client: hyperhttp.Client, url: str) -> None:
    response = await client.get(url + "/ok")
    assert response.headers["content-length"] == "5"
    assert await response.text() == "hello"
    assert response.request.method == "GET" and response.url.path == "/ok"


async def get_with_everything(client: hyperhttp.Client, url: str) -> None:
    await client.get(url + "/ok", params={"a": [1, None]}, headers={"x-a": "b"}, timeout=120.0)


async def gather(client: hyperhttp.Client, url: str) -> None:
    await asyncio.gather(*[client.get(url + "/ok") for _ in range(10)])


async def batch(client: hyperhttp.Client, url: str) -> None:
    await client.batch([url + "/ok"] * 10 + ["nonsense"], return_exceptions=True)


async def fail(client: hyperhttp.Client, url: str) -> None:
    with pytest.raises(hyperhttp.RequestError):
        await client.get(url + "/drop")


async def cancel(client: hyperhttp.Client, url: str) -> None:
    call = client.get(url + "/late")
    await asyncio.sleep(0)
    call.cancel()


async def refuse(client: hyperhttp.Client, url: str) -> None:
    with pytest.raises(TypeError):
        await client.get(url, headers=1)
    with pytest.raises(hyperhttp.InvalidURL):
        await client.get("http://[")


async def stream(client: hyperhttp.Client, url: str) -> None:
    async with client.stream("GET", url + "/chunks") as response:
        async for _ in response.iter_bytes():
            break


WAYS: list[tuple[Callable[[hyperhttp.Client, str], Awaitable[None]], int]] = [
    (get, 40), (get_with_everything, 15), (gather, 1), (batch, 1),
    (fail, 5), (cancel, 10), (refuse, 5), (stream, 5),
]  # fmt: skip


async def do_round(client: hyperhttp.Client, url: str, requests: int) -> None:
    for _ in range(requests // 100):
        for way, times in WAYS:
            for _ in range(times):
                await way(client, url)
    while client._stats()["exchanges_in_flight"] > 0:
        await asyncio.sleep(0.001)


def check(books_of_rounds: list[tuple[int, int, int]], resident: list[int]) -> None:
    """What grows by something for each request grows by thousands in a round."""
    first, last = books_of_rounds[1], books_of_rounds[-1]
    for before, after in zip(first, last, strict=True):
        assert after - before < 300, books_of_rounds
    if not SANITIZED:
        assert resident[-1] - resident[1] < 2048, resident


def watch(url: str, requests: int, **options: bool) -> None:
    counted, resident = [], []

    async def main():
        async with hyperhttp.Client(**options) as client:
            for _ in range(ROUNDS):
                await do_round(client, url, requests)
                counted.append(books())
                resident.append(resident_kib())

    asyncio.run(main())
    check(counted, resident)


def test_client(url):
    watch(url, REQUESTS)


def test_client_over_http2(http2_url):
    watch(http2_url, REQUESTS // 10, http2_prior_knowledge=True)  # the server is slow


def test_session(url):
    counted, resident = [], []
    with hyperhttp.Session() as session:
        for _ in range(ROUNDS):
            for _ in range(REQUESTS // 40):
                response = session.get(url + "/ok", headers={"x-a": "b"})
                assert response.text == "hello" and response.headers["content-length"] == "5"
                with pytest.raises(hyperhttp.RequestError):
                    session.get(url + "/drop")
                with session.stream("GET", url + "/chunks") as streamed:
                    next(streamed.iter_bytes())
                session.batch([url + "/ok"] * 5)
            counted.append(books())
            resident.append(resident_kib())
    check(counted, resident)


def test_clients(url):
    async def use() -> None:
        async with hyperhttp.Client() as client:
            await client.get(url + "/ok")

    async def main() -> list[tuple[int, int, int]]:
        counted = []
        for _ in range(4):
            for _ in range(50 if SANITIZED else 400):
                await use()
            counted.append(books())
        return counted

    check(asyncio.run(main()), [0, 0])
