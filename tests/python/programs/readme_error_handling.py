async with Client() as client:
    try:
        response = await client.get("https://httpbin.org/status/404")
        response.raise_for_status()  # Raises exception for 4XX/5XX responses
    except Exception as e:
        print(f"Request failed: {e}")
