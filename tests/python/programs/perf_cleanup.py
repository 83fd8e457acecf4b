"""A client behind a context manager, and one shared by a whole program."""

import asyncio
from contextlib import asynccontextmanager

import hyperhttp


@asynccontextmanager
async def http_client_manager(config):
    """Properly manage HTTP client lifecycle"""
    client = hyperhttp.AsyncClient(
        limits=hyperhttp.Limits(max_connections=config["max_concurrent"]),
        timeout=hyperhttp.Timeout(30.0),
    )

    try:
        yield client
    finally:
        await client.aclose()


async def safe_http_operations():
    async with http_client_manager({"max_concurrent": 10}) as client:
        response = await client.get("https://httpbin.org/json")
        return await response.json()


print(asyncio.run(safe_http_operations())["slideshow"]["title"])


class HTTPClientPool:
    """Singleton pattern for shared HTTP client"""

    _instance = None

    def __new__(cls):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance.client = None
        return cls._instance

    async def get_client(self):
        if self.client is None:
            self.client = hyperhttp.AsyncClient(
                limits=hyperhttp.Limits(max_keepalive_connections=20, max_connections=100)
            )
        return self.client

    async def close(self):
        if self.client:
            await self.client.aclose()
            self.client = None


pool = HTTPClientPool()


async def api_call():
    client = await pool.get_client()
    return await client.get("https://api.example.com/data")


# One event loop after another.
print(asyncio.run(api_call()).status_code)
print(asyncio.run(api_call()).is_reused)
print(HTTPClientPool() is pool)
asyncio.run(pool.close())
