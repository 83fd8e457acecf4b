"""One module a client, with the same few functions, each written as that client's own documentation has it.

A module has what its client can do of:

    open_async(connections)      an Opened for `await`; called inside the running loop
    open_blocking(connections)   an Opened for plain calls, to be shared by threads
    drive(...)                   a client with a loop of its own runs that (see pycurl_multi)
    create(), create_blocking()  a client as its defaults make it, to time its making

Clients keep their defaults, the size of the connection pool apart, and see HTTP2_CA. `get(url)` is what a user writes for one
request whose body is read; `check(result)` says whether it was a 200 with the expected body.
"""

from __future__ import annotations

import os

# Set where HTTP/2 is to be spoken, over TLS: the file of certificates to trust. Then a client keeps its
# defaults but for what turns HTTP/2 on, where it has to be asked.
HTTP2_CA = os.environ.get("BENCH_HTTP2_CA")

BODY = (b'{"id":12345,"name":"hyperhttp benchmark","tags":["a","b","c"],'
        b'"nested":{"x":1,"y":2,"z":3},"ok":true,"note":"some 130 bytes here"}')


class Opened:
    """A client that is open: `get(url)` and `check(result)` for one request, `close()` at the end."""

    __slots__ = ("check", "close", "get", "raw")

    def __init__(self, get, check, close, raw=None) -> None:
        self.get, self.check, self.close, self.raw = get, check, close, raw


def check(response) -> bool:
    """For all that have the names requests gave the world."""
    return response.status_code == 200 and response.content == BODY
