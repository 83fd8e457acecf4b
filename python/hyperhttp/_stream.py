"""Answers whose bodies are read as they come.

A StreamedResponse is a Response that a `Body` stands behind until it is read. The engine receives
no more than its window (1 MiB) ahead of who reads.
"""

from __future__ import annotations

from ._perform import run
from ._response import Response, SyncResponse
from .errors import ResponseNotRead, StreamClosed, StreamConsumed, StreamError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import timedelta
    from typing import Any

    from ._client import Client
    from ._engine import Headers, Request, ResponseBase, Timings
    from ._perform import Flow
    from ._session import Session


class Body:
    """A body on its way."""

    __slots__ = ("flow", "is_closed", "is_consumed", "is_whole")

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.is_closed = False
        self.is_consumed = False  # somebody reads, or has read
        self.is_whole = False  # to its end

    def begin(self) -> None:
        """Claims the body for one reader."""
        if self.is_consumed:
            raise StreamConsumed(
                "the body of this answer was iterated over before: it comes only once, "
                "read() keeps it"
            )
        if self.is_closed:
            raise StreamClosed("this answer was closed before its body was read")
        self.is_consumed = True

    async def next(self) -> bytes | None:
        """The next piece, None at the end. Whatever else ends it closes it."""
        if self.is_closed:
            raise StreamClosed("this answer was closed while its body was read")
        try:
            piece = await self.flow.next()
        except BaseException as error:
            was_closed = self.is_closed
            self.close()
            if was_closed and isinstance(error, Exception):  # by another task, or thread
                raise StreamClosed("this answer was closed while its body was read") from None
            raise
        if piece is None:
            self.is_whole = True
            self.close()
        return piece  # type: ignore[return-value]  # there is only one answer

    def close(self) -> None:
        """Gives the connection back, or up, when the body hasn't come to its end."""
        self.is_closed = True
        self.flow.close()

    def content(self) -> bytes:
        """Never: _fill() replaces this object once the body was read. Raises StreamError."""
        if self.is_consumed:
            raise StreamConsumed("the body of this answer was iterated over, not kept: use read()")
        if self.is_closed:
            raise StreamClosed("this answer was closed before its body was read")
        raise ResponseNotRead("the body of this answer isn't read yet: use read() first")


def _refuse_undone(response: StreamedResponse | SyncStreamedResponse) -> None:
    coding = response.headers.get("content-encoding", "identity")
    if response._stream is None or coding.lower() in ("", "identity"):
        return
    if response.request.extensions.get("decode", True):
        raise StreamError(
            f"the content coding of this answer ({coding}) was undone on the way; to have the body "
            'as it is sent, set request.extensions["decode"] = False before sending'
        )


def _refuse_early(body: Body | None, what: str) -> None:
    if body is not None and not body.is_whole:
        raise ResponseNotRead(f"{what} is known only once the body was read to its end")


class StreamedResponse(Response):
    """An answer whose body is read as it comes, by one of the iterators, or whole by `read()`.

        async with client.stream("GET", url) as response:
            async for chunk in response.iter_bytes():
                file.write(chunk)

    The body comes once: iterating again raises StreamConsumed, after the block StreamClosed.
    Leaving the block early ends the request. What breaks in the middle (ReadError,
    RemoteProtocolError, ReadTimeout ...) is raised by the iterator. ``content`` raises
    ResponseNotRead until `read()`.
    """

    __slots__ = ()

    _stream: Body | None

    async def _chunks(self) -> AsyncIterator[bytes]:
        body = self._stream
        if body is None:
            yield self.content
            return
        body.begin()
        try:
            while (piece := await body.next()) is not None:
                yield piece
        finally:
            body.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.iter_bytes()

    async def iter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body as it comes over the wire.

        Content codings are undone in the engine, unless ``request.extensions["decode"]`` is False.
        Where one was, this raises StreamError: there are no raw bytes any more.
        """
        _refuse_undone(self)
        async for piece in self.iter_bytes(chunk_size):
            yield piece

    aiter_raw = iter_raw

    async def read(self) -> bytes:  # type: ignore[override]
        """The whole body, kept from then on. Raises as the iterators do."""
        if self._stream is not None:
            self._fill(b"".join([piece async for piece in self._chunks()]))
        return self.content

    aread = read  # type: ignore[assignment]

    async def text(self) -> str:  # type: ignore[override]
        """The body as str, read first where it isn't yet."""
        await self.read()
        return await super().text()

    async def json(self, **keywords: Any) -> Any:  # type: ignore[override]
        """The body parsed as JSON, read first where it isn't yet."""
        await self.read()
        return await super().json(**keywords)

    async def aclose(self) -> None:
        """Ends it. An answer that wasn't read to its end costs its connection. Twice is fine."""
        if self._stream is not None:
            self._stream.close()

    @property
    def is_closed(self) -> bool:
        """True once the body was read to its end, or the answer was closed."""
        return self._stream is None or self._stream.is_closed

    @property
    def is_stream_consumed(self) -> bool:
        """True once somebody has begun to read the body."""
        return self._stream is None or self._stream.is_consumed

    @property
    def elapsed(self) -> timedelta:
        """From sending to the last byte. ResponseNotRead until the body was read to its end."""
        _refuse_early(self._stream, "elapsed")
        return super().elapsed

    @property
    def timings(self) -> Timings:
        """Where the time went. ResponseNotRead until the body was read to its end."""
        _refuse_early(self._stream, "timings")
        return super().timings

    @property
    def trailers(self) -> Headers:
        """The trailer fields. ResponseNotRead until the body was read to its end."""
        _refuse_early(self._stream, "trailers")
        return super().trailers


class SyncStreamedResponse(SyncResponse):
    """The same for a Session.

        with session.stream("GET", url) as response:
            for chunk in response.iter_bytes():
                file.write(chunk)

    ``content``, ``text`` and ``json()`` raise ResponseNotRead until `read()`.
    """

    __slots__ = ()

    _stream: Body | None

    def _chunks(self) -> Iterator[bytes]:
        body = self._stream
        if body is None:
            yield self.content
            return
        body.begin()
        try:
            while (piece := run(body.next())) is not None:
                yield piece
        finally:
            body.close()

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_bytes()

    def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body as it comes over the wire.

        Content codings are undone in the engine, unless ``request.extensions["decode"]`` is False.
        Where one was, this raises StreamError: there are no raw bytes any more.
        """
        _refuse_undone(self)
        return self.iter_bytes(chunk_size)

    def read(self) -> bytes:
        """The whole body, kept from then on. Raises as the iterators do."""
        if self._stream is not None:
            self._fill(b"".join(self._chunks()))
        return self.content

    def close(self) -> None:
        """Ends it. An answer that wasn't read to its end costs its connection. Twice is fine."""
        if self._stream is not None:
            self._stream.close()

    @property
    def is_closed(self) -> bool:
        """True once the body was read to its end, or the answer was closed."""
        return self._stream is None or self._stream.is_closed

    @property
    def is_stream_consumed(self) -> bool:
        """True once somebody has begun to read the body."""
        return self._stream is None or self._stream.is_consumed

    @property
    def elapsed(self) -> timedelta:
        """From sending to the last byte. ResponseNotRead until the body was read to its end."""
        _refuse_early(self._stream, "elapsed")
        return super().elapsed

    @property
    def timings(self) -> Timings:
        """Where the time went. ResponseNotRead until the body was read to its end."""
        _refuse_early(self._stream, "timings")
        return super().timings

    @property
    def trailers(self) -> Headers:
        """The trailer fields. ResponseNotRead until the body was read to its end."""
        _refuse_early(self._stream, "trailers")
        return super().trailers


class StreamContext:
    """What Client.stream() returns: sends the request when entered, ends it when left."""

    __slots__ = ("_client", "_request", "_response")

    def __init__(self, client: Client, request: Request) -> None:
        self._client = client
        self._request = request
        self._response: StreamedResponse | None = None

    async def __aenter__(self) -> StreamedResponse:
        self._response = response = await self._client.send(self._request, stream=True)
        return response

    async def __aexit__(self, *exc_info: object) -> None:
        if self._response is not None:
            await self._response.aclose()


class SyncStreamContext:
    """What Session.stream() returns."""

    __slots__ = ("_request", "_response", "_session")

    def __init__(self, session: Session, request: Request) -> None:
        self._session = session
        self._request = request
        self._response: SyncStreamedResponse | None = None

    def __enter__(self) -> SyncStreamedResponse:
        self._response = response = self._session.send(self._request, stream=True)
        return response

    def __exit__(self, *exc_info: object) -> None:
        if self._response is not None:
            self._response.close()


def adopt(response: ResponseBase, flow: Flow, blocking: bool) -> None:
    """Makes an answer whose body is yet to come the streamed response it is."""
    response._stream = Body(flow)
    response.__class__ = SyncStreamedResponse if blocking else StreamedResponse
