"""A client made of everything: a bound, a rate, retries, batches, streams."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Dict, List

import hyperhttp


@dataclass
class RequestConfig:
    """Configuration for HTTP requests"""

    max_concurrent: int = 10
    requests_per_second: float = 20
    timeout: float = 30
    max_retries: int = 3
    backoff_factor: float = 0.5


class HighPerformanceHTTPClient:
    def __init__(self, config: RequestConfig = None):
        self.config = config or RequestConfig()
        self.client = None
        self.request_times = deque()
        self.semaphore = None

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, exc_type, exc_val, exc_tb):
        await self.close()

    async def start(self):
        limits = hyperhttp.Limits(
            max_keepalive_connections=20, max_connections=100, keepalive_expiry=30.0
        )

        timeout = hyperhttp.Timeout(
            timeout=self.config.timeout,
            connect=10.0,
            read=self.config.timeout,
            write=10.0,
            pool=5.0,
        )

        self.client = hyperhttp.AsyncClient(limits=limits, timeout=timeout, follow_redirects=True)
        self.semaphore = asyncio.Semaphore(self.config.max_concurrent)

    async def close(self):
        if self.client:
            await self.client.aclose()

    async def _rate_limit(self):
        if self.config.requests_per_second <= 0:
            return

        now = time.time()
        while self.request_times and self.request_times[0] < now - 1:
            self.request_times.popleft()

        if len(self.request_times) >= self.config.requests_per_second:
            sleep_time = 1 - (now - self.request_times[0])
            if sleep_time > 0:
                await asyncio.sleep(sleep_time)

        self.request_times.append(time.time())

    async def _make_request_with_retry(
        self, method: str, url: str, **kwargs
    ) -> hyperhttp.Response:
        last_exception = None

        for attempt in range(self.config.max_retries + 1):
            try:
                async with self.semaphore:
                    await self._rate_limit()
                    response = await self.client.request(method, url, **kwargs)

                    if response.status_code >= 500 or response.status_code == 429:
                        if attempt < self.config.max_retries:
                            wait_time = self.config.backoff_factor * (2**attempt)
                            await asyncio.sleep(wait_time)
                            continue

                    return response

            except (hyperhttp.RequestError, hyperhttp.TimeoutException) as e:
                last_exception = e
                if attempt < self.config.max_retries:
                    wait_time = self.config.backoff_factor * (2**attempt)
                    await asyncio.sleep(wait_time)
                    continue
                else:
                    raise

        raise last_exception

    async def get(self, url: str, **kwargs) -> hyperhttp.Response:
        return await self._make_request_with_retry("GET", url, **kwargs)

    async def post(self, url: str, **kwargs) -> hyperhttp.Response:
        return await self._make_request_with_retry("POST", url, **kwargs)

    async def batch_get(self, urls: List[str], **kwargs) -> List[Dict[str, Any]]:
        async def fetch_one(url: str) -> Dict[str, Any]:
            try:
                response = await self.get(url, **kwargs)
                return {
                    "url": url,
                    "status_code": response.status_code,
                    "headers": dict(response.headers),
                    "content": response.content,
                    "success": True,
                }
            except Exception as e:
                return {"url": url, "error": str(e), "success": False}

        tasks = [fetch_one(url) for url in urls]
        return await asyncio.gather(*tasks)

    async def stream_download(self, url: str, chunk_size: int = 8192) -> AsyncIterator[bytes]:
        async with self.semaphore:
            await self._rate_limit()

            async with self.client.stream("GET", url) as response:
                response.raise_for_status()

                async for chunk in response.aiter_bytes(chunk_size=chunk_size):
                    yield chunk

    async def download_file(self, url: str, filename: str) -> Dict[str, Any]:
        try:
            downloaded = 0
            with open(filename, "wb") as file:
                async for chunk in self.stream_download(url):
                    file.write(chunk)
                    downloaded += len(chunk)

            return {"filename": filename, "size": downloaded, "success": True}

        except Exception as e:
            return {"filename": filename, "error": str(e), "success": False}


async def comprehensive_example():
    config = RequestConfig(
        max_concurrent=15, requests_per_second=100, timeout=20, max_retries=3, backoff_factor=0.01
    )

    async with HighPerformanceHTTPClient(config) as client:
        print("1. Testing batch requests...")
        urls = [f"https://httpbin.org/delay/{i % 3 / 20}" for i in range(10)]
        urls += ["https://httpbin.org/flaky/2/503", "https://httpbin.org/hang-up"]

        results = await client.batch_get(urls)

        successful = sum(1 for r in results if r["success"])
        print(f"   Completed {successful}/{len(urls)} requests")
        print(results[10]["status_code"], results[11]["success"])

        print("2. Testing single request with retries...")
        response = await client.get("https://httpbin.org/status/200")
        print(f"   Status: {response.status_code}")

        print("3. Testing JSON API...")
        json_response = await client.post(
            "https://httpbin.org/post", json={"test": "data", "performance": "optimized"}
        )
        data = await json_response.json()
        print(f"   Echo response received: {data['json']}")

        print("4. Testing streaming...")
        lines_processed = 0
        async for chunk in client.stream_download(
            "https://httpbin.org/stream/100", chunk_size=1024
        ):
            lines_processed += chunk.decode().count("\n")

        print(f"   Streamed and processed {lines_processed} lines")
        print(await client.download_file("https://httpbin.org/bytes/300000", "file.bin"))
        print((await client.download_file("https://httpbin.org/status/404", "none"))["success"])


if __name__ == "__main__":
    asyncio.run(comprehensive_example())
