"""HyperHTTP: `Client` under asyncio, `Session` for blocking calls."""

from clients import HTTP2_CA, Opened, check

import hyperhttp


def create():
    return hyperhttp.Client()


def create_blocking():
    return hyperhttp.Session()


def open_async(connections):
    more = {} if HTTP2_CA is None else {"http1": False, "verify": HTTP2_CA}
    client = hyperhttp.Client(max_connections=connections, **more)
    return Opened(client.get, check, client.close, client)


def open_blocking(connections):
    session = hyperhttp.Session(max_connections=connections)
    return Opened(session.get, check, session.close, session)
