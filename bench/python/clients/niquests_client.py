"""niquests: `AsyncSession` and `Session`."""

import niquests
from clients import Opened, check


def create():
    return niquests.AsyncSession()


def create_blocking():
    return niquests.Session()


def open_async(connections):
    session = niquests.AsyncSession(pool_maxsize=connections)
    return Opened(session.get, check, session.close)


def open_blocking(connections):
    session = niquests.Session(pool_maxsize=connections)
    return Opened(session.get, check, session.close)
