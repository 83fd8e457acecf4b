import asyncio
from hyperhttp import Client

async def main():
    client = Client()
    
    # Simple GET request
    response = await client.get("https://example.com")
    print(f"Status: {response.status_code}")
    print(f"Body: {await response.text()}")
    
    # POST with JSON
    response = await client.post(
        "https://httpbin.org/post",
        json={"key": "value"}
    )
    data = await response.json()
    print(data)
    
    await client.close()

if __name__ == "__main__":
    asyncio.run(main())
