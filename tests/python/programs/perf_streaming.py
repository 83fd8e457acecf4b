"""Lines of JSON as they come, blocking and not; a download that shows how far it is."""

import asyncio
import json
import os

import hyperhttp


def download_large_file_bad():
    response = hyperhttp.get("https://httpbin.org/stream/100")
    data = response.text
    print(f"Downloaded {data.count(chr(10))} lines")


def download_large_file_good():
    with hyperhttp.stream("GET", "https://httpbin.org/stream/100") as response:
        response.raise_for_status()

        processed_lines = 0
        for line in response.iter_lines():
            if line:
                json.loads(line)
                processed_lines += 1
                if processed_lines % 50 == 0:
                    print(f"Processed {processed_lines} lines...")

        print(f"Total processed: {processed_lines} lines")


download_large_file_bad()
download_large_file_good()


async def stream_and_process():
    url = "https://httpbin.org/stream/100"

    async with hyperhttp.AsyncClient() as client:
        async with client.stream("GET", url) as response:
            response.raise_for_status()

            buffer = ""
            processed = 0

            async for chunk in response.aiter_bytes(chunk_size=1024):
                buffer += chunk.decode("utf-8")

                while "\n" in buffer:
                    line, buffer = buffer.split("\n", 1)
                    if line.strip():
                        json.loads(line)
                        processed += 1
                        if processed % 50 == 0:
                            print(f"Processed {processed} items...")
                            await asyncio.sleep(0.01)

            print(f"Streaming complete: {processed} items processed")


asyncio.run(stream_and_process())


async def download_file_with_progress(url: str, filename: str):
    """Download large file with progress tracking"""

    async with hyperhttp.AsyncClient() as client:
        async with client.stream("GET", url) as response:
            response.raise_for_status()

            total_size = int(response.headers.get("content-length", 0))
            downloaded = 0
            percents = []

            with open(filename, "wb") as file:
                async for chunk in response.aiter_bytes(chunk_size=8192):
                    file.write(chunk)
                    downloaded += len(chunk)
                    percents.append((downloaded / total_size) * 100)

            print(f"Downloading: {percents[0]:.1f}% to {percents[-1]:.1f}% of {total_size} bytes")
            print(f"Download complete: {filename}, {len(percents)} pieces")


asyncio.run(
    download_file_with_progress("https://httpbin.org/bytes/1000000", "large_file.bin")
)
print(os.path.getsize("large_file.bin"))


async def handle_different_responses():
    async with hyperhttp.AsyncClient() as client:
        json_response = await client.get("https://httpbin.org/json")
        data = await json_response.json()

        async with client.stream("GET", "https://httpbin.org/stream/100") as response:
            text_data = ""
            async for chunk in response.aiter_text():
                text_data += chunk

        binary_response = await client.get("https://httpbin.org/bytes/1024")
        binary_data = binary_response.content

        compressed_response = await client.get("https://httpbin.org/gzip")

        return {
            "json": list(data),
            "text_lines": text_data.count("\n"),
            "binary_size": len(binary_data),
            "compressed": (await compressed_response.json())["gzipped"],
        }


print(asyncio.run(handle_different_responses()))
