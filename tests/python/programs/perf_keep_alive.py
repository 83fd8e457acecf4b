"""A session that keeps its connection, against one request at a time."""

import time

import hyperhttp

urls = ["https://httpbin.org/delay/0.1", "https://httpbin.org/delay/0.1", "https://httpbin.org/get"]


def slow_multiple_requests():
    start = time.time()
    for url in urls:
        response = hyperhttp.get(url)
        print(f"Status: {response.status_code}")
    print(f"Total time: {time.time() - start:.2f}s")


def fast_multiple_requests():
    start = time.time()
    with hyperhttp.Session() as session:
        for url in urls:
            response = session.get(url)
            print(f"Status: {response.status_code}, reused: {response.is_reused}")
    print(f"Total time: {time.time() - start:.2f}s")


slow_multiple_requests()
fast_multiple_requests()
