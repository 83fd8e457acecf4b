async with Client() as client:
    # Set a timeout for a specific request
    response = await client.get(
        "https://httpbin.org/delay/1",
        timeout=2.0  # 2 second timeout
    )
    
    # Or set a default timeout for all requests
    client = Client(timeout=5.0)
