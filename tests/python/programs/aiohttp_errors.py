"""Failures told apart, and time-outs, as an aiohttp user does it."""

import asyncio

import hyperhttp


async def fetch_safely(session, url, **options):
    try:
        async with session.get(url, **options) as response:
            response.raise_for_status()
            return await response.json()
    except hyperhttp.HTTPStatusError as e:
        print(f"HTTP error {e.response.status}: {e.response.reason}")
    except asyncio.TimeoutError:
        print(f"Request timed out: {url}")
    except hyperhttp.TransportError:
        print(f"Connection failed: {url}")
    except Exception as e:
        print(f"Unexpected error: {type(e).__name__}")
    return None


async def main():
    timeout = hyperhttp.Timeout(
        total=30,  # Total timeout for the entire operation
        connect=5,  # Timeout for establishing the connection
        read=10,  # Timeout for reading a chunk of data
    )
    async with hyperhttp.Client(timeout=timeout) as session:
        print((await fetch_safely(session, "https://api.example.com/data"))["url"])
        await fetch_safely(session, "https://api.example.com/status/404")
        await fetch_safely(session, "https://api.example.com/hang-up")
        await fetch_safely(session, "https://example.com/")  # no JSON
        short = hyperhttp.Timeout(total=0.1)
        await fetch_safely(session, "https://api.example.com/delay/10", timeout=short)


asyncio.run(main())
