"""pycurl's easy interface: one handle for each thread, reused from request to request."""

import threading
from io import BytesIO

import pycurl
from clients import BODY, Opened


def create_blocking():
    return pycurl.Curl()


def open_blocking(connections):
    local = threading.local()

    def get(url):
        handle = getattr(local, "handle", None)
        if handle is None:
            handle = local.handle = pycurl.Curl()
        body = BytesIO()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.WRITEDATA, body)
        handle.perform()
        return handle.getinfo(pycurl.RESPONSE_CODE), body.getvalue()

    return Opened(get, lambda result: result == (200, BODY), lambda: None)
