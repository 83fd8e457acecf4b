"""Functions called for every request and every response, async or not."""

import asyncio
import time

import hyperhttp


async def request_hook(request):
    print(f"Sending request: {request.method} {request.url}")
    request.headers["X-Request-ID"] = str(time.time())


async def response_hook(response):
    print(f"Received response: {response.status_code}")
    await response.aread()


async def with_hooks():
    async with hyperhttp.AsyncClient(
        event_hooks={"request": [request_hook], "response": [response_hook]}
    ) as client:
        response = await client.get("https://api.example.com/data")
        return await response.json()


print(float(asyncio.run(with_hooks())["headers"]["X-Request-Id"]) > 0)


def plain_hook(response):
    print(f"Plain: {response.status_code}")
    response.raise_for_status()


async def with_plain_hook():
    async with hyperhttp.AsyncClient(event_hooks={"response": [plain_hook]}) as client:
        try:
            await client.get("https://api.example.com/status/500")
        except hyperhttp.HTTPStatusError as error:
            print(error.response.status_code)


asyncio.run(with_plain_hook())
