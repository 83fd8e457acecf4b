"""Many requests by one client: gathered, in batches."""

import asyncio

import hyperhttp


async def connection_pooling_example():
    async with hyperhttp.AsyncClient(
        limits=hyperhttp.Limits(max_keepalive_connections=10)
    ) as client:
        tasks = [
            client.get("https://api.example.com/users"),
            client.get("https://api.example.com/posts"),
            client.get("https://api.example.com/comments"),
        ]

        responses = await asyncio.gather(*tasks)
        return [await r.json() for r in responses]


print([told["url"] for told in asyncio.run(connection_pooling_example())])


async def optimized_requests():
    async with hyperhttp.AsyncClient(
        base_url="https://api.example.com",
        limits=hyperhttp.Limits(max_keepalive_connections=20),
    ) as client:
        results = await asyncio.gather(
            client.get("/endpoint1"),
            client.get("/endpoint2"),
            client.get("/endpoint3"),
            client.get("/endpoint4"),
            client.get("/endpoint5"),
        )

        return [await r.json() for r in results]


print([told["url"][-1] for told in asyncio.run(optimized_requests())])


async def batch_requests(urls, batch_size=10):
    """Process URLs in batches to avoid overwhelming the server"""
    results = []

    async with hyperhttp.AsyncClient() as client:
        for i in range(0, len(urls), batch_size):
            batch = urls[i : i + batch_size]
            batch_results = await asyncio.gather(
                *[client.get(url) for url in batch], return_exceptions=True
            )
            results.extend(batch_results)

            await asyncio.sleep(0.01)

    return results


urls = [f"https://api.example.com/items/{i}" for i in range(25)]
urls[7] = "https://api.example.com/hang-up"
results = asyncio.run(batch_requests(urls))
print([i for i, result in enumerate(results) if isinstance(result, Exception)])
print([result.url.path for result in results[20:]])


async def fetch_async():
    urls = ["https://api.example.com/data"] * 10
    async with hyperhttp.AsyncClient() as client:
        return await asyncio.gather(*[client.get(url) for url in urls])


def fetch_sync():
    return [hyperhttp.get(url) for url in ["https://api.example.com/data"] * 10]


print([r.status_code for r in fetch_sync()] == [r.status_code for r in asyncio.run(fetch_async())])
