"""A request entered by `async with`, as an aiohttp user writes it."""

import asyncio

import hyperhttp


async def get(url):
    async with hyperhttp.Client() as session:
        async with session.get(url) as response:
            return await response.read()


async def gathered():
    coroutines = [get("http://example.com") for _ in range(8)]
    return await asyncio.gather(*coroutines)


print("Results: %s" % {body[:15] for body in asyncio.run(gathered())})


async def main():
    async with hyperhttp.Client() as session:
        async with session.get("https://api.example.com/data") as response:
            print(f"Status: {response.status}")
            data = await response.json()
            print(data["url"])


asyncio.run(main())


async def create_user(session, user_data):
    async with session.post("/users", json=user_data) as response:
        print(f"Status: {response.status}")
        result = await response.json()
        return result


async def with_defaults():
    async with hyperhttp.Client(
        base_url="https://api.example.com",
        headers={"Authorization": "Bearer my-token"},
    ) as session:
        async with session.get("/users") as response:
            data = await response.json()
            print(data["url"], data["headers"]["Authorization"])
        new_user = {"name": "Alice", "email": "alice@example.com"}
        result = await create_user(session, new_user)
        print(result["json"])


asyncio.run(with_defaults())


async def handle_responses():
    url = "https://httpbin.org/relative-redirect/1"
    async with hyperhttp.Client() as session:
        async with session.get(url) as response:
            print(response.status)
            print(response.reason)

            content_type = response.headers.get("Content-Type")
            print(content_type)

            text = await response.text()
            data = await response.json()
            raw = await response.read()
            print(text.encode() == raw, data["url"])

            print(response.url)


asyncio.run(handle_responses())
