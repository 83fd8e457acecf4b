"""What goes wrong, caught as an httpx user catches it."""

import asyncio

import hyperhttp


async def handle_http_errors():
    async with hyperhttp.AsyncClient() as client:
        try:
            response = await client.get("https://api.example.com/status/404")
            response.raise_for_status()
            return await response.json()
        except hyperhttp.HTTPStatusError as e:
            print(f"HTTP error: {e.response.status_code}")
            print(f"Response: {await e.response.text()!r}")
            return None


asyncio.run(handle_http_errors())


async def handle_network_errors(path, **options):
    async with hyperhttp.AsyncClient() as client:
        try:
            response = await client.get(f"https://api.example.com{path}", **options)
            return await response.json()
        except hyperhttp.TimeoutException as e:
            print(f"Request timed out: {type(e).__name__}")
            return None
        except hyperhttp.RequestError as e:
            print(f"Network error: {type(e).__name__}, {e.request.url}")
            return None


asyncio.run(handle_network_errors("/hang-up"))
asyncio.run(handle_network_errors("/delay/10", timeout=0.1))


async def robust_request(url: str, max_retries: int = 3):
    for attempt in range(max_retries):
        try:
            async with hyperhttp.AsyncClient() as client:
                response = await client.get(url, timeout=10.0)
                response.raise_for_status()
                return await response.json()

        except hyperhttp.HTTPStatusError as e:
            if e.response.status_code < 500:
                print(f"Client error: {e.response.status_code}")
                return None
            else:
                print(f"Server error: {e.response.status_code}, retrying...")

        except hyperhttp.TimeoutException:
            print(f"Request timed out, attempt {attempt + 1}/{max_retries}")

        except hyperhttp.RequestError as e:
            print(f"Network error: {type(e).__name__}, attempt {attempt + 1}/{max_retries}")

        if attempt < max_retries - 1:
            await asyncio.sleep(0.01 * 2**attempt)

    print("All retry attempts failed")
    return None


print(asyncio.run(robust_request("https://api.example.com/flaky/2/503"))["url"])
print(asyncio.run(robust_request("https://api.example.com/status/404")))
print(asyncio.run(robust_request("https://api.example.com/hang-up", max_retries=2)))
