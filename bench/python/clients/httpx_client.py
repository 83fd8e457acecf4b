"""httpx: `AsyncClient` and `Client`."""

import ssl

import httpx
from clients import HTTP2_CA, Opened, check


def limits(connections):
    # 20 kept alive is its default, and faster here than keeping all of them.
    return httpx.Limits(max_connections=connections, max_keepalive_connections=20)


def create():
    return httpx.AsyncClient()


def create_blocking():
    return httpx.Client()


def open_async(connections):
    # Whoever asks for more at once than the pool holds waits longer than the default of 5 s.
    more = {}
    if HTTP2_CA is not None:
        more = {"http2": True, "verify": ssl.create_default_context(cafile=HTTP2_CA)}
    client = httpx.AsyncClient(limits=limits(connections), timeout=60, **more)
    return Opened(client.get, check, client.aclose)


def open_blocking(connections):
    client = httpx.Client(limits=limits(connections))
    return Opened(client.get, check, client.close)
