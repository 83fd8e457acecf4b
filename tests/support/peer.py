"""A scripted HTTP/1.1 server that behaves, or misbehaves, by the path asked for.

One thread a connection, requests recorded in order. Handlers write raw bytes, so a test sees what a
client does with anything. Nothing here sleeps: what must wait, waits on `Peer.gate` or for the client
to go away.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

PATIENCE = 120.0  # seconds; a machine may be busy, a sanitizer slow


@dataclass
class Request:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def pattern(count: int, seed: int = 0) -> bytes:
    """`count` bytes that repeat only after 251, so a lost or doubled block shows."""
    block = bytes((i + seed) % 251 for i in range(251))
    return (block * (count // 251 + 1))[:count]


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Made", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@dataclass
class Peer:
    unix_path: str | None = None
    requests: list[Request] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    in_flight: int = 0
    most_in_flight: int = 0
    connections: int = 0
    _counts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> Peer:
        if self.unix_path is not None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.unix_path)
        else:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> None:
        """Leaves nothing behind: the next test may count threads and descriptors."""
        self.gate.set()
        shut_down(self._listener)
        self._acceptor.join(PATIENCE)
        self._listener.close()
        for connection in self._sockets:
            shut_down(connection)
        for thread in [self._acceptor, *self._threads]:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a connection is still being served"

    def hits(self, path: str) -> int:
        with self._lock:
            return sum(request.path == path for request in self.requests)

    def wait_for(self, count: int, timeout: float = PATIENCE) -> None:
        """Waits until `count` more requests have arrived."""
        for _ in range(count):
            assert self.arrived.acquire(timeout=timeout), "the request never came"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._sockets.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        try:
            while (request := read_request(stream)) is not None:
                with self._lock:
                    self.requests.append(request)
                    self.in_flight += 1
                    self.most_in_flight = max(self.most_in_flight, self.in_flight)
                self.arrived.release()
                try:
                    goes_on = self._handle(connection, request)
                finally:
                    with self._lock:
                        self.in_flight -= 1
                if not goes_on:
                    break
        except (OSError, ValueError):
            pass
        finally:
            shut_down(connection)
            stream.close()
            connection.close()

    def _count(self, key: str) -> int:
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key]

    def _handle(self, out: socket.socket, request: Request) -> bool:
        """Answers; whether the connection may go on."""
        name, *rest = request.path.strip("/").split("/")
        handler = getattr(self, "do_" + name.replace("-", "_"), None)
        if handler is None:
            out.sendall(answer(404, b"no such page\n"))
            return True
        return handler(out, request, rest) is not False

    # Pages that behave.

    def do_ok(self, out, request, rest):
        body = ("hello " + "/".join(rest) + "\n").encode()
        head = answer(200, body, "Content-Type: text/plain")
        out.sendall(head[: -len(body)] if request.method == "HEAD" else head)

    def do_echo(self, out, request, rest):
        told = {
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": request.body.decode("latin-1") if len(request.body) < 65536 else None,
            "length": len(request.body),
        }
        out.sendall(answer(200, json.dumps(told).encode(), "Content-Type: application/json"))

    def do_bytes(self, out, request, rest):
        count = int(rest[0])
        out.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n".encode())
        block = pattern(251 * 4096)
        while count > 0:
            out.sendall(block[:count])
            count -= len(block)

    def do_chunked(self, out, request, rest):
        out.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in b"chunked\n":
            out.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
        out.sendall(b"0\r\n\r\n")

    def do_status(self, out, request, rest):
        out.sendall(answer(int(rest[0]), f"status {rest[0]}\n".encode()))

    def do_redirect(self, out, request, rest):
        left = int(rest[0])
        status = int(parse_qs(urlsplit(request.target).query).get("status", ["302"])[0])
        if left == 0:
            return self.do_echo(out, request, [])
        target = f"/redirect/{left - 1}?status={status}"
        out.sendall(answer(status, b"moved\n", f"Location: {target}"))
        return True

    def do_elsewhere(self, out, request, rest):
        to = parse_qs(urlsplit(request.target).query)["to"][0]
        out.sendall(answer(302, b"", f"Location: {to}"))

    def do_gzip(self, out, request, rest):
        plain = pattern(100_000)
        out.sendall(answer(200, gzip.compress(plain), "Content-Encoding: gzip"))

    def do_latin(self, out, request, rest):
        out.sendall(answer(200, b"x", "X-Name: caf\xe9"))

    def do_binary(self, out, request, rest):
        out.sendall(answer(200, b"\x00\x01\x02"))

    def do_nothing(self, out, request, rest):
        out.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    # Pages that fail at first.

    def do_flaky(self, out, request, rest):
        """/flaky/KEY/N/STATUS: N times the status, then well."""
        extra = ["Retry-After: 1"] if len(rest) > 3 else []
        if self._count("flaky " + rest[0]) <= int(rest[1]):
            out.sendall(answer(int(rest[2]), b"not yet\n", *extra))
        else:
            out.sendall(answer(200, b"at last\n"))

    # Pages that misbehave.

    def do_truncated(self, out, request, rest):
        out.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return False

    def do_empty(self, out, request, rest):
        return False

    def do_garbage(self, out, request, rest):
        out.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        return False

    def do_badgzip(self, out, request, rest):
        out.sendall(answer(200, b"this is no gzip at all", "Content-Encoding: gzip"))

    def do_hang(self, out, request, rest):
        self.gate.wait()
        return False

    def do_stall(self, out, request, rest):
        out.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
        self.gate.wait()
        return False

    def do_gated(self, out, request, rest):
        self.gate.wait()
        out.sendall(answer(200, b"through\n"))


def shut_down(connection: socket.socket) -> None:
    """Ends what waits on it in any thread, which closing doesn't."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def read_request(stream) -> Request | None:
    line = stream.readline().decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    headers: list[tuple[str, str]] = []
    while (line := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, value = line.split(":", 1)
        headers.append((name, value.strip()))
    request = Request(method, target, headers)
    if request.values("transfer-encoding"):
        pieces = []
        while (size := int(stream.readline().split(b";")[0], 16)) > 0:
            pieces.append(stream.read(size))
            stream.readline()
        stream.readline()
        request.body = b"".join(pieces)
    elif request.values("content-length"):
        request.body = stream.read(int(request.values("content-length")[0]))
    return request
