"""Hypercorn on a thread of its own, with an application that shows what an HTTP/2 client does.

    with Hypercorn(certificate) as server: server.url("/echo")

Pages: /echo tells what came; /body/N is N bytes; /digest the SHA-256 of the body sent; /status/N;
/gated answers once the gate is open; /hang never, until the client gives it up.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import hypercorn.config

MOST_STREAMS = 250  # of one connection, at once
PIECE = bytes(range(256)) * 256


def body_of(count: int) -> bytes:
    """What /body/N answers."""
    return (PIECE * (count // len(PIECE) + 1))[:count]


class Hypercorn:
    """The server; `certificate` is a folder with cert.pem and key.pem, None: no TLS."""

    def __init__(self, certificate: Path | None, alpn: tuple[str, ...] = ("h2", "http/1.1")):
        self.certificate = certificate
        self.alpn = alpn
        self._changed = threading.Condition()
        self.in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Forgets what was; a test's first deed."""
        self.wait_until(lambda server: server.in_flight == 0)
        self._gate = asyncio.Event()
        self.connections: set[int] = set()  # the ports clients came from
        self.most_in_flight = 0
        self.given_up = 0

    @property
    def ca(self) -> str:
        return str(self.certificate / "cert.pem") if self.certificate is not None else ""

    def url(self, path: str = "/echo") -> str:
        if self.certificate is None:
            return f"http://127.0.0.1:{self.port}{path}"
        return f"https://localhost:{self.port}{path}"

    def open_gate(self) -> None:
        self._loop.call_soon_threadsafe(self._gate.set)

    def wait_until(self, condition: Any) -> None:
        """Waits for what the application notes: `condition(server)`."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), timeout=120)

    def __enter__(self) -> Hypercorn:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listener.getsockname()[1]
        config = hypercorn.config.Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.accesslog = config.errorlog = None
        config.h2_max_concurrent_streams = MOST_STREAMS
        config.keep_alive_timeout = 600
        config.keep_alive_max_requests = 1_000_000
        config.graceful_timeout = 0.1
        if self.certificate is not None:
            config.certfile = str(self.certificate / "cert.pem")
            config.keyfile = str(self.certificate / "key.pem")
            config.alpn_protocols = list(self.alpn)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(config,), name="hypercorn")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def _run(self, config: hypercorn.config.Config) -> None:
        serve = hypercorn.asyncio.serve(self._answer, config, shutdown_trigger=self._stop.wait)
        self._loop.run_until_complete(serve)

    def _note(self, **changes: int) -> None:
        with self._changed:
            for name, by in changes.items():
                setattr(self, name, getattr(self, name) + by)
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self._changed.notify_all()

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.connections.add(scope["client"][1])
        self._note(in_flight=1)
        try:
            await self._answer_page(scope, receive, send)
        finally:
            self._note(in_flight=-1)

    async def _live(self, receive: Any, send: Any) -> None:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer_page(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = await read_body(receive)
        name, *rest = scope["path"].strip("/").split("/")
        if name == "body":
            await self._send_pieces(send, int(rest[0]))
            return
        if name in ("gated", "hang") and not await self._wait(name, receive):
            self._note(given_up=1)
            return
        status = int(rest[0]) if name == "status" else 200
        await send_whole(send, status, describe(name, scope, body))

    async def _send_pieces(self, send: Any, count: int) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for at in range(0, count, len(PIECE)):
            piece = PIECE[: count - at]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _wait(self, name: str, receive: Any) -> bool:
        """Whether the gate was opened before the client gave up."""
        gone = asyncio.ensure_future(receive())
        gate = self._gate if name == "gated" else asyncio.Event()
        opened = asyncio.ensure_future(gate.wait())
        both = {gone, opened}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return opened.done()
        finally:
            for each in both:
                each.cancel()


async def read_body(receive: Any) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def describe(name: str, scope: dict[str, Any], body: bytes) -> bytes:
    if name == "digest":
        return hashlib.sha256(body).hexdigest().encode()
    headers = [(key.decode(), value.decode()) for key, value in scope["headers"]]
    told = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "scheme": scope["scheme"],
        "http_version": scope["http_version"],
        "headers": headers,
        "body": body.decode("latin-1"),
    }
    return json.dumps(told).encode()


async def send_whole(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
