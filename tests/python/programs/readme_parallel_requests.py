async with Client() as client:
    # Create tasks for parallel execution
    tasks = [
        client.get("https://httpbin.org/get"),
        client.get("https://httpbin.org/ip"),
        client.get("https://httpbin.org/headers")
    ]
    
    # Execute all requests in parallel
    responses = await asyncio.gather(*tasks)
