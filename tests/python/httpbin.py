"""A local server that answers as httpbin.org does, over HTTP/1.1 with keep-alive, plain and by TLS,
and over HTTP/2 by TLS where it is told to offer that.

It runs on a thread of its own with an asyncio loop, listens on a free loopback port and, where
asked to, on a Unix socket. Each connection shows by its first byte whether it speaks TLS, so one
port takes both. What was asked is kept in `requests`, in order of arrival. The pages are in
httpbin_pages.py, the protocols in httpbin_wire.py and httpbin_http2.py.

    with Httpbin(certificate) as server: server.url("/get"), server.tls_url("/get")
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

from httpbin_http2 import Conversation
from httpbin_pages import answer_bad_request, answer_request
from httpbin_wire import Asked, BadRequest, read_request, send_answer

TLS_HANDSHAKE_RECORD = b"\x16"
MOST_HEAD_BYTES = 1 << 20


@dataclass
class Httpbin:
    """The server. `certificate` is a folder with cert.pem and key.pem."""

    certificate: Path
    unix_path: str | None = None
    scheme: str = "http"  # what url() gives
    alpn: tuple[str, ...] = ()  # what TLS offers
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _times: dict[str, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task] = field(default_factory=set)

    @property
    def ca(self) -> str:
        """The path of the certificate that vouches for this server."""
        return str(self.certificate / "cert.pem")

    def url(self, path: str = "/") -> str:
        return self.tls_url(path) if self.scheme == "https" else self.plain_url(path)

    def plain_url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def tls_url(self, path: str = "/") -> str:
        return f"https://localhost:{self.port}{path}"

    def hits(self, path: str) -> int:
        """How many requests came for a path, whatever its query."""
        return sum(asked.path == path for asked in list(self.requests))

    def start(self) -> Httpbin:
        self._listeners = [socket.create_server(("127.0.0.1", 0), backlog=1024)]
        self.port = self._listeners[0].getsockname()[1]
        if self.unix_path is not None:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(self.unix_path)
            listener.listen(1024)
            self._listeners.append(listener)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate / "cert.pem", self.certificate / "key.pem")
        if self.alpn:
            self._context.set_alpn_protocols(list(self.alpn))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="httpbin")
        self._thread.start()
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> Httpbin:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        # A client that goes away while it is answered is none of the tests' business.
        self._loop.set_exception_handler(lambda loop, context: None)
        for listener in self._listeners:
            listener.setblocking(False)
            self._spawn(self._accept(listener))
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # transports close in the next turn
        for listener in self._listeners:
            listener.close()
        self._loop.close()

    def _record(self, asked: Asked) -> None:
        if not self.requests:
            self._times.clear()
        self.requests.append(asked)
        asked.times = self._times[asked.target] = self._times.get(asked.target, 0) + 1

    def _spawn(self, coroutine) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = await self._loop.sock_accept(listener)
            self.connections += 1
            self._spawn(self._serve(connection, self.connections))

    async def _serve(self, connection: socket.socket, number: int) -> None:
        reader = asyncio.StreamReader(MOST_HEAD_BYTES, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        try:
            is_tls = await self._first_byte(connection) == TLS_HANDSHAKE_RECORD
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._context if is_tls else None
            )
        except (OSError, ssl.SSLError):
            connection.close()
            return
        except asyncio.CancelledError:
            connection.close()
            raise
        writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        tls = transport.get_extra_info("ssl_object")
        try:
            if tls is not None and tls.selected_alpn_protocol() == "h2":
                await Conversation(reader, writer, number, self._record).run()
            else:
                await self._converse(reader, writer, "https" if is_tls else "http", number)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _first_byte(self, connection: socket.socket) -> bytes:
        readable = self._loop.create_future()
        self._loop.add_reader(connection, lambda: readable.done() or readable.set_result(None))
        try:
            await readable
        finally:
            self._loop.remove_reader(connection)
        return connection.recv(1, socket.MSG_PEEK)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str, number: int
    ) -> None:
        while True:
            try:
                asked = await read_request(reader, writer, scheme)
            except BadRequest:
                await send_answer(writer, Asked("GET", "/", []), answer_bad_request(), False)
                return
            if asked is None:
                return
            asked.connection = number
            self._record(asked)
            goes_on = (asked.header("connection") or "").lower() != "close"
            answer = await answer_request(asked)
            goes_on = goes_on and not answer.has("connection")
            await send_answer(writer, asked, answer, goes_on)
            if not goes_on:
                return
