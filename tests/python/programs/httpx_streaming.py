"""Bodies as they come: bytes, lines, to a file."""

import asyncio
import os

import hyperhttp


async def stream_response():
    async with hyperhttp.AsyncClient() as client:
        total = 0
        async with client.stream("GET", "https://api.example.com/large-data") as response:
            async for chunk in response.aiter_bytes():
                total += len(chunk)
        print(f"Received {total} bytes")

        async with client.stream("GET", "https://api.example.com/logs") as response:
            async for line in response.aiter_lines():
                print(f"Log line: {line}")


asyncio.run(stream_response())


async def memory_efficient_download(url, filename):
    """Download large files without loading into memory"""
    async with hyperhttp.AsyncClient() as client:
        async with client.stream("GET", url) as response:
            with open(filename, "wb") as f:
                async for chunk in response.aiter_bytes(chunk_size=8192):
                    f.write(chunk)

    print(f"Downloaded {filename}")


asyncio.run(memory_efficient_download("https://httpbin.org/bytes/1000000", "large_file.bin"))
print(os.path.getsize("large_file.bin"))
