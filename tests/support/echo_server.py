"""A well-behaved HTTP/1.1 server on a free loopback port, for examples and documents.

Unlike a scripted peer it knows a few paths: /status/N, /bytes/N, /redirect/PATH, /json. Any other is
answered with a line that names it; POST, PUT and PATCH get their own body back. What was asked is
kept in `requests`.

    with EchoServer() as server: server.url("/hello")
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def make_bytes(length: int) -> bytes:
    """The body of /bytes/N: no two neighbouring blocks alike."""
    return b"".join(b"%015d\n" % i for i in range(length // 16 + 1))[:length]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(Asked(self.command, self.path, dict(self.headers), body))
        path = self.path.partition("?")[0]
        _, kind, *rest = path.split("/", 2)
        argument = rest[0] if rest else ""
        if kind == "status":
            self.answer(int(argument), b"status %b\n" % argument.encode())
        elif kind == "bytes":
            self.answer(200, make_bytes(int(argument)), Content_Type="application/octet-stream")
        elif kind == "redirect":
            self.answer(302, b"elsewhere\n", Location=f"/{argument}")
        elif self.command in ("POST", "PUT", "PATCH"):
            self.answer(200, body, Content_Type=self.headers.get("Content-Type", "text/plain"))
        elif kind == "json":
            answer = json.dumps({"path": path, "hello": "world"}).encode()
            self.answer(200, answer, Content_Type="application/json")
        else:
            self.answer(200, f"hello from {path}\n".encode(), Content_Type="text/plain")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is none of the tests' business."""


@dataclass
class EchoServer:
    requests: list[Asked] = field(default_factory=list)

    def __enter__(self) -> EchoServer:
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.requests = self.requests
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"
