"""A server that does with each connection what a function says: for bodies that come and go oddly.

The function runs on a thread of its own, gets the connected socket, and may read heads and chunked
bodies from `connection.makefile("rb")` by what is here. Nothing sleeps.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

Handler = Callable[[socket.socket], None]


@contextmanager
def serve(handler: Handler) -> Iterator[str]:
    """Gives the server's URL, without a slash at its end."""
    sockets: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        try:
            handler(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            sockets.append(connection)
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for each in [listener, *sockets]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        listener.close()


def read_head(stream: IO[bytes]) -> dict[str, str]:
    """A request's fields by lower-case name, the request line as "". Empty: the peer has gone."""
    head = {"": stream.readline().decode("latin-1").strip()}
    if not head[""]:
        return {}
    while line := stream.readline().decode("latin-1").strip():
        name, value = line.split(":", 1)
        head[name.lower()] = value.strip()
    return head


def read_chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """A chunked body, chunk by chunk. Raises EOFError when it is cut short."""
    while size := int(stream.readline().split(b";")[0] or b"-1", 16):
        if size < 0:
            raise EOFError("the body was cut short")
        left = size
        while left:
            piece = stream.read(min(left, 1 << 16))
            if not piece:
                raise EOFError("the body was cut short")
            left -= len(piece)
            yield piece
        stream.readline()
    stream.readline()
