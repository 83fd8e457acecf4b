"""A client that counts and logs what it did."""

import asyncio
import logging
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Dict

import hyperhttp


@dataclass
class HTTPMetrics:
    """Track HTTP performance metrics"""

    total_requests: int = 0
    successful_requests: int = 0
    failed_requests: int = 0
    total_time: float = 0.0
    response_times: list = field(default_factory=list)
    status_codes: Dict[int, int] = field(default_factory=lambda: defaultdict(int))
    errors: Dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add_request(self, response_time: float, status_code: int = None, error: str = None):
        self.total_requests += 1
        self.total_time += response_time
        self.response_times.append(response_time)

        if error:
            self.failed_requests += 1
            self.errors[error] += 1
        else:
            self.successful_requests += 1
            self.status_codes[status_code] += 1

    def get_stats(self) -> Dict[str, Any]:
        if not self.response_times:
            return {"no_data": True}

        return {
            "total_requests": self.total_requests,
            "success_rate": self.successful_requests / self.total_requests * 100,
            "avg_response_time": sum(self.response_times) / len(self.response_times),
            "status_code_distribution": dict(self.status_codes),
            "error_distribution": dict(self.errors),
        }


class MonitoredHTTPClient:
    """HTTP client with built-in monitoring and error handling"""

    def __init__(self):
        self.client = hyperhttp.AsyncClient()
        self.metrics = HTTPMetrics()
        self.logger = logging.getLogger(__name__)

    async def request_with_monitoring(
        self, method: str, url: str, **kwargs
    ) -> hyperhttp.Response:
        """Make request with automatic monitoring"""
        start_time = time.time()

        try:
            response = await self.client.request(method, url, **kwargs)
            response_time = time.time() - start_time

            if response.status_code >= 400:
                self.logger.warning(f"{method} {url} -> {response.status_code}")
            else:
                self.logger.debug(f"{method} {url} -> {response.status_code}")

            self.metrics.add_request(response_time, response.status_code)
            return response

        except Exception as e:
            response_time = time.time() - start_time
            error_type = type(e).__name__

            self.logger.error(f"{method} {url} -> ERROR")
            self.metrics.add_request(response_time, error=error_type)
            raise

    async def get(self, url: str, **kwargs) -> hyperhttp.Response:
        return await self.request_with_monitoring("GET", url, **kwargs)

    def print_stats(self):
        stats = self.metrics.get_stats()

        if stats.get("no_data"):
            print("No requests made yet")
            return

        print("HTTP Performance Statistics:")
        print(f"   Total requests: {stats['total_requests']}")
        print(f"   Success rate: {stats['success_rate']:.1f}%")
        print(f"   Avg response time: {stats['avg_response_time']:.3f}s")
        print(f"   Status codes: {stats['status_code_distribution']}")
        print(f"   Errors: {sum(stats['error_distribution'].values())}")

    async def close(self):
        await self.client.aclose()


async def monitored_example():
    client = MonitoredHTTPClient()
    client.print_stats()

    urls = [
        "https://httpbin.org/status/200",
        "https://httpbin.org/status/404",
        "https://httpbin.org/delay/0.1",
        "https://httpbin.org/status/500",
        "https://httpbin.org/hang-up",
        "https://httpbin.org/json",
    ]

    try:
        for url in urls:
            try:
                response = await client.get(url)
                print(f"ok {url} -> {response.status_code}")
            except Exception:
                print(f"failed {url}")

    finally:
        client.print_stats()
        await client.close()


logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(message)s")
asyncio.run(monitored_example())
