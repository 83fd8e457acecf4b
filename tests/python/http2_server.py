"""A scripted HTTP/2 server without TLS: each test says what it does about each event.

    def refuse(link, event):
        if isinstance(event, h2.events.RequestReceived):
            link.state.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)

    with Http2Server(refuse) as server: ... http2_prior_knowledge=True ... server.url("/")

`link.state` is the h2.connection.H2Connection of one connection; what it has to send goes out after
each event.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.events


class Link:
    """One connection."""

    def __init__(self, connection: socket.socket, acknowledges_pings: bool):
        self.connection = connection
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.acknowledges_pings = acknowledges_pings
        self.pings = 0

    def answer(self, stream_id: int, body: bytes = b"", **fields: str) -> None:
        """A whole answer, 200 unless `fields` says otherwise."""
        headers = {":status": "200", "content-length": str(len(body))} | fields
        self.state.send_headers(stream_id, list(headers.items()), end_stream=not body)
        if body:
            self.state.send_data(stream_id, body, end_stream=True)

    def flush(self) -> None:
        data = self.state.data_to_send()
        if data:
            self.connection.sendall(data)

    def run(self, script: Callable[[Link, Any], None]) -> None:
        self.state.initiate_connection()
        self.flush()
        while data := self.connection.recv(65536):
            for event in self.state.receive_data(data):
                if isinstance(event, h2.events.PingReceived):
                    self.pings += 1
                    if not self.acknowledges_pings:
                        self.state.data_to_send()  # the answer is thrown away
                script(self, event)
            self.flush()


class Http2Server:
    """Listens on a free loopback port; a thread for each connection."""

    def __init__(self, script: Callable[[Link, Any], None], *, acknowledges_pings: bool = True):
        self.script = script
        self.acknowledges_pings = acknowledges_pings
        self.links: list[Link] = []
        self.ended: queue.Queue[Link] = queue.Queue()  # all that came on them has been read

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Http2Server:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for link in self.links:
            try:
                link.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            link = Link(connection, self.acknowledges_pings)
            self.links.append(link)
            self._threads.append(threading.Thread(target=self._serve, args=(link,)))
            self._threads[-1].start()

    def _serve(self, link: Link) -> None:
        try:
            link.run(self.script)
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            link.connection.close()
            self.ended.put(link)
