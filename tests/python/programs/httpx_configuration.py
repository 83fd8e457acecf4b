"""Time-outs, limits and trust, as an httpx user sets them."""

import asyncio
import ssl

import hyperhttp
from hyperhttp import Timeout


async def timeout_examples():
    client = hyperhttp.AsyncClient(timeout=10.0)
    await client.aclose()

    timeout = Timeout(connect=5.0, read=10.0, write=5.0, pool=10.0)
    client = hyperhttp.AsyncClient(timeout=timeout)
    await client.aclose()

    async with hyperhttp.AsyncClient() as client:
        response = await client.get("https://api.example.com/slow-endpoint", timeout=30.0)
        print(response.status_code)

    async with hyperhttp.AsyncClient(timeout=None) as client:
        response = await client.get("https://api.example.com/data")
        print(response.status_code)


asyncio.run(timeout_examples())


async def connection_limits():
    limits = hyperhttp.Limits(
        max_keepalive_connections=10,
        max_connections=100,
        keepalive_expiry=30.0,
    )

    async with hyperhttp.AsyncClient(limits=limits) as client:
        response = await client.get("https://api.example.com/data")
        print(response.status_code)


asyncio.run(connection_limits())


async def ssl_configuration():
    async with hyperhttp.AsyncClient(verify=False) as client:
        print((await client.get("https://api.example.com/data")).status_code)

    ssl_context = ssl.create_default_context()
    ssl_context.check_hostname = False
    ssl_context.verify_mode = ssl.CERT_NONE
    async with hyperhttp.AsyncClient(verify=ssl_context) as client:
        print((await client.get("https://api.example.com/data")).status_code)


asyncio.run(ssl_configuration())
