"""Clients that are closed, one way or another."""

import asyncio

import hyperhttp


async def context_manager_example():
    async with hyperhttp.AsyncClient() as client:
        response = await client.get("https://api.example.com/data")
        return await response.json()


print(asyncio.run(context_manager_example())["url"])


async def multiple_requests():
    async with hyperhttp.AsyncClient(base_url="https://api.example.com") as client:
        users = await client.get("/users")
        posts = await client.get("/posts")
        comments = await client.get("/comments")

        return {
            "users": await users.json(),
            "posts": await posts.json(),
            "comments": await comments.json(),
        }


for name, told in asyncio.run(multiple_requests()).items():
    print(name, told["url"])


async def manual_management():
    client = hyperhttp.AsyncClient()
    try:
        response = await client.get("https://api.example.com/data")
        return await response.json()
    finally:
        await client.aclose()


print(asyncio.run(manual_management())["url"])
