"""Blocking requests side by side, on threads."""

from concurrent import futures

import hyperhttp

with futures.ThreadPoolExecutor(max_workers=4) as executor:
    waiting = [executor.submit(lambda: hyperhttp.get("http://example.org")) for _ in range(8)]

results = [f.result().status_code for f in waiting]
print("Results: %s" % results)

with hyperhttp.Session() as session, futures.ThreadPoolExecutor(max_workers=8) as executor:
    waiting = [executor.submit(session.get, "http://example.org") for _ in range(8)]
    results = [f.result().status_code for f in waiting]
print("Results: %s" % results)
