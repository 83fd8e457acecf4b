"""aiohttp: `ClientSession`."""

import aiohttp
from clients import BODY, Opened


def create():
    return aiohttp.ClientSession()


def open_async(connections):
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections))

    async def get(url):
        async with session.get(url) as response:
            return response.status, await response.read()

    return Opened(get, lambda result: result == (200, BODY), session.close)
