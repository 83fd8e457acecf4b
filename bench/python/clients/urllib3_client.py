"""urllib3: `PoolManager`."""

import urllib3
from clients import BODY, Opened


def create_blocking():
    return urllib3.PoolManager()


def open_blocking(connections):
    pool = urllib3.PoolManager(maxsize=connections)

    def get(url):
        return pool.request("GET", url)

    return Opened(get, lambda response: response.status == 200 and response.data == BODY, pool.clear)
