"""niquests: `AsyncSession` and `Session`."""

import functools

import niquests
from clients import HTTP2_CA, Opened, check


def create():
    return niquests.AsyncSession()


def create_blocking():
    return niquests.Session()


def open_async(connections):
    session = niquests.AsyncSession(pool_maxsize=connections)
    get = session.get if HTTP2_CA is None else functools.partial(session.get, verify=HTTP2_CA)
    return Opened(get, check, session.close)


def open_blocking(connections):
    session = niquests.Session(pool_maxsize=connections)
    return Opened(session.get, check, session.close)
