"""HyperHTTP: `Client` under asyncio, `Session` for blocking calls."""

from clients import Opened, check

import hyperhttp


def create():
    return hyperhttp.Client()


def create_blocking():
    return hyperhttp.Session()


def open_async(connections):
    client = hyperhttp.Client(max_connections=connections)
    return Opened(client.get, check, client.close, client)


def open_blocking(connections):
    session = hyperhttp.Session(max_connections=connections)
    return Opened(session.get, check, session.close, session)
