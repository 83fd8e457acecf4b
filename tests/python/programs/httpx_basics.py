"""Requests of each kind, as an httpx user writes them."""

import asyncio

import hyperhttp
from hyperhttp import Timeout


async def basic_usage():
    async with hyperhttp.AsyncClient() as client:
        response = await client.get("https://api.example.com/users")
        return await response.json()


result = asyncio.run(basic_usage())
print(result["method"], result["url"])


async def configured_client():
    client = hyperhttp.AsyncClient(
        base_url="https://api.example.com",
        timeout=Timeout(10.0, connect=5.0, read=10.0, write=5.0, pool=10.0),
        limits=hyperhttp.Limits(max_keepalive_connections=10, max_connections=100),
        headers={
            "User-Agent": "MyApp/1.0",
            "Accept": "application/json",
            "Content-Type": "application/json",
        },
        follow_redirects=True,
        verify=True,
        cert=None,
    )

    async with client:
        response = await client.get("/users")
        return await response.json()


result = asyncio.run(configured_client())
print(result["url"], result["headers"]["User-Agent"], result["headers"]["Accept"])


class APIClient:
    def __init__(self, base_url: str):
        self.base_url = base_url
        self.client = None

    async def __aenter__(self):
        self.client = hyperhttp.AsyncClient(base_url=self.base_url)
        return self

    async def __aexit__(self, exc_type, exc_val, exc_tb):
        if self.client:
            await self.client.aclose()

    async def get_users(self):
        response = await self.client.get("/users")
        return await response.json()

    async def get_user(self, user_id: int):
        response = await self.client.get(f"/users/{user_id}")
        return await response.json()


async def main():
    async with APIClient("https://api.example.com") as client:
        users = await client.get_users()
        user = await client.get_user(1)
        return users, user


for told in asyncio.run(main()):
    print(told["url"])


async def get_examples():
    async with hyperhttp.AsyncClient() as client:
        response = await client.get("https://api.example.com/users")
        print((await response.json())["args"])

        response = await client.get(
            "https://api.example.com/users", params={"page": 1, "limit": 10}
        )
        print((await response.json())["args"])

        response = await client.get(
            "https://api.example.com/users", headers={"Authorization": "Bearer token123"}
        )
        print((await response.json())["headers"]["Authorization"])


asyncio.run(get_examples())


async def post_examples():
    async with hyperhttp.AsyncClient() as client:
        user_data = {"name": "John", "email": "john@example.com"}
        response = await client.post("https://api.example.com/users", json=user_data)
        told = await response.json()
        print(told["headers"]["Content-Type"], told["json"])

        form_data = {"username": "john", "password": "secret"}
        response = await client.post("https://api.example.com/login", data=form_data)
        told = await response.json()
        print(told["headers"]["Content-Type"], told["form"])

        with open("test.txt", "wb") as file:
            file.write(b"from a file")
        files = {"file": ("test.txt", open("test.txt", "rb"), "text/plain")}
        response = await client.post("https://api.example.com/upload", files=files)
        print((await response.json())["files"])


asyncio.run(post_examples())


async def other_methods():
    async with hyperhttp.AsyncClient() as client:
        user_data = {"name": "John Updated", "email": "john@example.com"}
        response = await client.put("https://api.example.com/users/1", json=user_data)
        print((await response.json())["json"]["name"])

        patch_data = {"name": "John Patched"}
        response = await client.patch("https://api.example.com/users/1", json=patch_data)
        print((await response.json())["json"]["name"])

        response = await client.delete("https://api.example.com/users/1")
        print((await response.json())["method"])

        response = await client.head("https://api.example.com/users/1")
        return response.status_code


print(asyncio.run(other_methods()))
