"""Batches behind a semaphore, a rate kept by hand, and the client's own batches."""

import asyncio
import time
from collections import deque
from typing import Any, Dict, List

import hyperhttp


class HTTPBatcher:
    def __init__(self, max_batch_size: int = 10, max_concurrent: int = 5):
        self.max_batch_size = max_batch_size
        self.max_concurrent = max_concurrent
        self.client = hyperhttp.AsyncClient()

    async def batch_get_requests(self, urls: List[str]) -> List[Dict[str, Any]]:
        """Process URLs in concurrent batches"""
        results = []

        for i in range(0, len(urls), self.max_batch_size):
            batch = urls[i : i + self.max_batch_size]
            semaphore = asyncio.Semaphore(self.max_concurrent)

            async def fetch_with_semaphore(url):
                async with semaphore:
                    try:
                        response = await self.client.get(url)
                        return {
                            "url": url,
                            "status": response.status_code,
                            "data": await response.json()
                            if response.headers.get("content-type", "").startswith(
                                "application/json"
                            )
                            else await response.text(),
                        }
                    except Exception as e:
                        return {"url": url, "error": str(e)}

            batch_results = await asyncio.gather(*[fetch_with_semaphore(url) for url in batch])
            results.extend(batch_results)

        return results

    async def close(self):
        await self.client.aclose()


async def batch_api_calls():
    base_url = "https://httpbin.org/delay/0.02"
    urls = [f"{base_url}?id={i}" for i in range(20)] + ["https://httpbin.org/html"]

    batcher = HTTPBatcher(max_batch_size=5, max_concurrent=3)

    start = time.time()
    results = await batcher.batch_get_requests(urls)
    end = time.time()

    print(f"Processed {len(results)} requests in {end - start:.2f}s")
    print(f"Success rate: {sum(1 for r in results if 'error' not in r)}/{len(results)}")
    print([r["data"]["args"]["id"] for r in results[:20]] == [str(i) for i in range(20)])
    print("Moby-Dick" in results[20]["data"])

    await batcher.close()


asyncio.run(batch_api_calls())


class RateLimitedBatcher:
    def __init__(self, requests_per_second: float = 10):
        self.requests_per_second = requests_per_second
        self.request_times = deque()
        self.client = hyperhttp.AsyncClient()

    async def rate_limited_request(self, url: str):
        """Make request while respecting rate limits"""
        now = time.time()

        while self.request_times and self.request_times[0] < now - 1:
            self.request_times.popleft()

        if len(self.request_times) >= self.requests_per_second:
            sleep_time = 1 - (now - self.request_times[0])
            if sleep_time > 0:
                await asyncio.sleep(sleep_time)

        self.request_times.append(time.time())

        return await self.client.get(url)


async def rate_limited_example():
    batcher = RateLimitedBatcher(requests_per_second=5)

    urls = [f"https://httpbin.org/delay/0.01?id={i}" for i in range(15)]

    start = time.time()
    tasks = [batcher.rate_limited_request(url) for url in urls]
    responses = await asyncio.gather(*tasks)
    end = time.time()

    print(f"Made {len(responses)} requests in {end - start:.2f}s")
    print(end - start >= 0.9)
    await batcher.client.close()


asyncio.run(rate_limited_example())


async def in_one_call():
    urls = [f"https://httpbin.org/anything?id={i}" for i in range(20)]
    urls.insert(3, "https://httpbin.org/hang-up")
    async with hyperhttp.Client() as client:
        results = await client.batch(urls, max_concurrent=4, return_exceptions=True)
        for i, result in enumerate(results):
            if isinstance(result, Exception):
                print(i, result)
        print((await results[20].json())["args"])

        results = await client.batch_get(urls)
        for i, result in enumerate(results):
            if not result["success"]:
                print(i, result["error"])
        print(sorted(results[0]), sorted(results[3]))
        print(results[0]["status_code"], results[0]["headers"]["content-type"])


asyncio.run(in_one_call())
