"""One after another, on threads, on an event loop: each does what it should, and says how long."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import hyperhttp

URL = "http://httpbin.org/delay/0.1"
TRIES = 10
took = {}


@contextlib.contextmanager
def report_time(test):
    t0 = time.time()
    yield
    took[test] = time.time() - t0
    print("Time needed for `%s' called: %.2fs" % (test, time.time() - t0))


with report_time("serialized"):
    for i in range(TRIES):
        hyperhttp.get(URL)

session = hyperhttp.Session()
with report_time("Session"):
    for i in range(TRIES):
        session.get(URL)

with report_time("threads"), ThreadPoolExecutor(max_workers=TRIES) as executor:
    futures = [executor.submit(session.get, URL) for i in range(TRIES)]
    for f in futures:
        f.result()
session.close()


async def get_all():
    async with hyperhttp.Client() as client:
        for response in await asyncio.gather(*[client.get(URL) for i in range(TRIES)]):
            await response.read()


with report_time("asyncio"):
    asyncio.run(get_all())

# Ten waits of 0.1 s, one after another or all at once.
print(took["serialized"] >= 1.0, took["Session"] >= 1.0)
print(took["threads"] < took["Session"], took["asyncio"] < took["Session"])
