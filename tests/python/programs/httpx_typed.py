"""A request with types, and one client for several paths."""

import asyncio
from typing import Dict, Optional

import hyperhttp


async def typed_request(
    client: hyperhttp.AsyncClient, url: str, params: Optional[Dict[str, str]] = None
) -> Optional[Dict]:
    """Make a typed HTTP request"""
    try:
        response = await client.get(url, params=params)
        response.raise_for_status()
        return await response.json()
    except hyperhttp.HTTPError:
        return None


async def test_chat_endpoints():
    thread_id = "t-1"
    async with hyperhttp.AsyncClient(
        base_url="https://api.example.com/v1", timeout=hyperhttp.Timeout(30.0)
    ) as client:
        token = "your-jwt-token"
        headers = {"Authorization": f"Bearer {token}"}
        results = []

        response = await client.get(f"/chat/{thread_id}/sentiments", headers=headers)
        results.append(await response.json())

        response = await client.get(
            "/chat-threads", headers=headers, params={"page": 1, "limit": 10}
        )
        results.append(await response.json())

        response = await client.delete(f"/chat/{thread_id}", headers=headers)
        results.append(await response.json())

        response = await client.post("/debug/set-env", headers=headers, json={"debug": "1"})
        results.append(await response.json())

        print((await typed_request(client, "/typed", {"a": "b"}))["args"])
        print(await typed_request(client, "https://httpbin.org/status/418"))
        return results


for told in asyncio.run(test_chat_endpoints()):
    print(told["method"], told["url"], told["headers"]["Authorization"], told["json"])
