"""Many at once: gathered, with exceptions as values, behind a semaphore."""

import asyncio

import hyperhttp


async def fetch(session, url):
    async with session.get(url) as response:
        return {"url": url, "status": response.status, "data": await response.json()}


async def main():
    urls = [f"https://api.example.com/items/{i}" for i in range(100)]
    urls[50] = "https://api.example.com/hang-up"

    async with hyperhttp.Client() as session:
        tasks = [fetch(session, url) for url in urls]
        results = await asyncio.gather(*tasks, return_exceptions=True)

    successes = [r for r in results if not isinstance(r, Exception)]
    failures = [r for r in results if isinstance(r, Exception)]
    print(f"Success: {len(successes)}, Failed: {len(failures)}")
    print(all(r["data"]["url"] == r["url"] for r in successes))


asyncio.run(main())


async def fetch_with_limit(session, url, semaphore):
    async with semaphore:
        async with session.get(url) as response:
            return await response.json()


async def limited():
    urls = [f"https://api.example.com/items/{i}" for i in range(1000)]
    semaphore = asyncio.Semaphore(10)

    async with hyperhttp.Client() as session:
        tasks = [fetch_with_limit(session, url, semaphore) for url in urls]
        results = await asyncio.gather(*tasks)
    print([told["url"] for told in results] == urls)


asyncio.run(limited())
