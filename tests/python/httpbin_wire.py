"""HTTP/1.1 as the local httpbin (httpbin.py) speaks it: requests in, answers out, by streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    scheme: str = "http"
    body: bytes = b""
    connection: int = 0  # counts from 1
    times: int = 1  # that this target was asked for since the server's list was cleared

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def host(self) -> str:
        return self.header("host") or "localhost"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.target}"

    def header(self, name: str) -> str | None:
        """The values of a field, joined by ", "; None where it didn't come."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def argument(self, name: str, default: str | None = None) -> str | None:
        return dict(self.query).get(name, default)


@dataclass
class Answer:
    """`body` as an iterator goes out in chunks, unless `headers` has a content-length."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return any(key.lower() == name for key, _ in self.headers)


class BadRequest(Exception):
    """What came is no request."""


def parse_head(head: bytes) -> Asked:
    first, *lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = first.split(" ")
        pairs = [line.split(":", 1) for line in lines if line]
        headers = [(name, value.strip(" \t")) for name, value in pairs]
    except ValueError:
        raise BadRequest(first) from None
    if version not in ("HTTP/1.1", "HTTP/1.0") or any(name != name.strip() for name, _ in headers):
        raise BadRequest(first)
    if target.startswith(("http://", "https://")):
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Asked(method, target, headers)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise BadRequest("chunk")
    while await reader.readline() not in (b"\r\n", b""):
        pass  # trailers
    return bytes(body)


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str
) -> Asked | None:
    """The next request with its body; None when the client has gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    asked = parse_head(head[:-4])
    asked.scheme = scheme
    length = asked.header("content-length")
    is_chunked = (asked.header("transfer-encoding") or "").lower() == "chunked"
    if (asked.header("expect") or "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        if is_chunked:
            asked.body = await read_chunks(reader)
        elif length is not None:
            asked.body = await reader.readexactly(int(length))
    except ValueError:
        raise BadRequest("length of the body") from None
    return asked


def format_head(answer: Answer, goes_on: bool) -> bytes:
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "UNKNOWN"
    lines = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"Connection: {'keep-alive' if goes_on else 'close'}", "Server: httpbin"]
    lines += ["Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


async def send_answer(
    writer: asyncio.StreamWriter, asked: Asked, answer: Answer, goes_on: bool
) -> None:
    has_body = asked.method != "HEAD" and answer.status not in (204, 304)
    is_chunked = not isinstance(answer.body, bytes) and not answer.has("content-length")
    if is_chunked:
        answer.headers.append(("Transfer-Encoding", "chunked"))
    elif isinstance(answer.body, bytes) and answer.status not in (204, 304):
        answer.headers.append(("Content-Length", str(len(answer.body))))
    head = format_head(answer, goes_on)
    if isinstance(answer.body, bytes):
        writer.write(head + answer.body if has_body else head)
    else:
        writer.write(head)
        async for piece in answer.body if has_body else ():
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            await writer.drain()
        if is_chunked and has_body:
            writer.write(b"0\r\n\r\n")
    await writer.drain()
