"""Credentials: a token in the client's headers, a name and a password."""

import asyncio

import hyperhttp


async def bearer_token_auth():
    token = "your-jwt-token-here"
    headers = {"Authorization": f"Bearer {token}"}

    async with hyperhttp.AsyncClient(headers=headers) as client:
        response = await client.get("https://httpbin.org/bearer")
        return await response.json()


print(asyncio.run(bearer_token_auth()))


async def basic_auth():
    auth = hyperhttp.BasicAuth("username", "password")

    async with hyperhttp.AsyncClient(auth=auth) as client:
        response = await client.get("https://httpbin.org/basic-auth/username/password")
        return await response.json()


print(asyncio.run(basic_auth()))


async def wrong_password():
    async with hyperhttp.AsyncClient() as client:
        response = await client.get(
            "https://httpbin.org/basic-auth/username/password", auth=("username", "guess")
        )
        return response.status_code


print(asyncio.run(wrong_password()))
