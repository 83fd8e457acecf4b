"""A fetcher with a bound, retries and a session of its own."""

import asyncio

import hyperhttp


async def fetch_with_retry(session, url, max_retries=3):
    for attempt in range(max_retries):
        try:
            async with session.get(url) as response:
                response.raise_for_status()
                return await response.json()
        except (hyperhttp.HTTPError, hyperhttp.HTTPStatusError, asyncio.TimeoutError) as e:
            wait_time = 0.01 * 2**attempt
            print(f"Attempt {attempt + 1} failed: {type(e).__name__}. Retrying...")
            if attempt < max_retries - 1:
                await asyncio.sleep(wait_time)
    raise Exception(f"All {max_retries} retries failed for {url}")


async def retried():
    async with hyperhttp.Client() as session:
        print((await fetch_with_retry(session, "https://api.example.com/flaky/2/500"))["url"])
        try:
            await fetch_with_retry(session, "https://api.example.com/status/502")
        except Exception as e:
            print(e)


asyncio.run(retried())


async def parallel_fetch(urls, max_concurrent=10, max_retries=3):
    semaphore = asyncio.Semaphore(max_concurrent)
    results = {}

    async def fetch_one(session, url):
        async with semaphore:
            for attempt in range(max_retries):
                try:
                    async with session.get(url) as response:
                        response.raise_for_status()
                        data = await response.json()
                        results[url] = {"status": "ok", "data": data}
                        return
                except Exception as e:
                    results[url] = {"status": "error", "error": str(e)}
                    if attempt < max_retries - 1:
                        await asyncio.sleep(0.01 * 2**attempt)

    timeout = hyperhttp.Timeout(total=30)
    async with hyperhttp.Client(timeout=timeout) as session:
        tasks = [fetch_one(session, url) for url in urls]
        await asyncio.gather(*tasks)

    return results


urls = [f"https://api.example.com/items/{i}" for i in range(30)]
urls += ["https://api.example.com/flaky/1/503", "https://api.example.com/status/404"]
results = asyncio.run(parallel_fetch(urls))
print(len(results), [url for url, told in results.items() if told["status"] == "error"])
print("404" in results["https://api.example.com/status/404"]["error"])
