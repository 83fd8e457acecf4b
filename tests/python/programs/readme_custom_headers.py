async with Client() as client:
    # Set headers for a specific request
    response = await client.get(
        "https://httpbin.org/headers",
        headers={
            "X-Custom-Header": "Value",
            "User-Agent": "MyApp/1.0"
        }
    )
    
    # Or set default headers for all requests
    client = Client(
        headers={
            "User-Agent": "MyApp/1.0",
            "Accept": "application/json"
        }
    )
