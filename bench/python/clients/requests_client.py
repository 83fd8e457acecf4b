"""requests: `Session`, with a pool that holds as many connections as there are threads."""

import requests
from clients import Opened, check
from requests.adapters import HTTPAdapter


def create_blocking():
    return requests.Session()


def open_blocking(connections):
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=connections))
    return Opened(session.get, check, session.close)
