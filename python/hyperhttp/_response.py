"""Answers: Response of Client, SyncResponse of Session. Their attributes lie in the engine."""

from __future__ import annotations

from hyperhttp import _engine
from hyperhttp._decode import ByteChunker, LineSplitter, TextChunker, TextDecoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType
    from typing import Self


class Response(_engine.AsyncResponse):
    """An answer. Reading its body is awaited; everything else is an attribute.

        response = await client.get("https://example.com/users")
        response.raise_for_status()
        users = await response.json()

    Made by hand (for tests): ``Response(200, json={"id": 1})``.
    """

    __slots__ = ()

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The Link header (RFC 8288) by relation, or by URL where there is none.

        ``response.links["next"]["url"]``. URLs stand as received.
        """
        return parse_links(", ".join(self.headers.get_list("link")))

    async def _chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; a stream has its own."""
        yield self.content

    async def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body, in pieces of `chunk_size` bytes (None: as they came). ValueError: below 1."""
        chunker = ByteChunker(chunk_size)
        async for chunk in self._chunks():
            for piece in chunker.feed(chunk):
                yield piece
        for piece in chunker.flush():
            yield piece

    async def iter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body as `iter_bytes` gives it: once it is here, its content codings are undone."""
        async for piece in self.iter_bytes(chunk_size):
            yield piece

    async def iter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """The body decoded, in pieces of `chunk_size` characters (None: as they came)."""
        chunker = TextChunker(chunk_size)
        decoder = TextDecoder(self.encoding)
        async for chunk in self._chunks():
            for piece in chunker.feed(decoder.feed(chunk)):
                yield piece
        for piece in chunker.feed(decoder.flush()) + chunker.flush():
            yield piece

    async def iter_lines(self) -> AsyncIterator[str]:
        """The body's lines without their ends, which are LF, CR LF or CR."""
        splitter = LineSplitter()
        async for text in self.iter_text():
            for line in splitter.feed(text):
                yield line
        for line in splitter.flush():
            yield line

    aiter_bytes = iter_bytes
    aiter_raw = iter_raw
    aiter_text = iter_text
    aiter_lines = iter_lines

    async def aclose(self) -> None:
        """Nothing to close: the body is here. A streamed one is given up."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class SyncResponse(_engine.BlockingResponse):
    """An answer of Session: ``text`` and ``content`` are attributes, ``json()`` is a plain call.

    response = session.get("https://example.com/users")
    users = response.raise_for_status().json()
    """

    __slots__ = ()

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """The Link header (RFC 8288) by relation, or by URL where there is none."""
        return parse_links(", ".join(self.headers.get_list("link")))

    def _chunks(self) -> Iterator[bytes]:
        """The body as it comes; a stream has its own."""
        yield self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body, in pieces of `chunk_size` bytes (None: as they came). ValueError: below 1."""
        chunker = ByteChunker(chunk_size)
        for chunk in self._chunks():
            yield from chunker.feed(chunk)
        yield from chunker.flush()

    def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body as `iter_bytes` gives it: once it is here, its content codings are undone."""
        return self.iter_bytes(chunk_size)

    def iter_text(self, chunk_size: int | None = None) -> Iterator[str]:
        """The body decoded, in pieces of `chunk_size` characters (None: as they came)."""
        chunker = TextChunker(chunk_size)
        decoder = TextDecoder(self.encoding)
        for chunk in self._chunks():
            yield from chunker.feed(decoder.feed(chunk))
        yield from chunker.feed(decoder.flush()) + chunker.flush()

    def iter_lines(self) -> Iterator[str]:
        """The body's lines without their ends, which are LF, CR LF or CR."""
        splitter = LineSplitter()
        for text in self.iter_text():
            yield from splitter.feed(text)
        yield from splitter.flush()

    def iter_content(self, chunk_size: int | None = 1) -> Iterator[bytes]:
        """`iter_bytes` by the name it has in requests, and with the default it has there."""
        return self.iter_bytes(chunk_size)

    def close(self) -> None:
        """Nothing to close: the body is here. A streamed one is given up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def parse_links(value: str) -> dict[str, dict[str, str]]:
    """A Link header (RFC 8288 §3) as a dict by relation type, or by URL for a link without one.

    Each link is a dict of "url" and its parameters, names in lower case; the first of a name
    counts, and so does the first link of a relation. What isn't well formed ends the list.
    """
    links: dict[str, dict[str, str]] = {}
    scanner = _Scanner(value)
    while (link := scanner.link()) is not None:
        for relation in link.get("rel", "").split() or [link["url"]]:
            links.setdefault(relation, link)
    return links


class _Scanner:
    """Walks over a Link header."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def link(self) -> dict[str, str] | None:
        """The next link, or None."""
        self._skip(" \t,")
        end = self._text.find(">", self._at)
        if self._peek() != "<" or end < 0:
            return None
        link = {"url": self._text[self._at + 1 : end].strip()}
        self._at = end + 1
        while self._skip(" \t") == ";":
            self._at += 1
            self._skip(" \t")
            name = self._until("=;, \t").lower()
            value = ""
            if self._skip(" \t") == "=":
                self._at += 1
                value = self._quoted() if self._skip(" \t") == '"' else self._until(";, \t")
            if name:
                link.setdefault(name, value)
        return link

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, characters: str) -> str:
        """Goes past `characters`; the one it stands at then, or ""."""
        while (character := self._peek()) and character in characters:
            self._at += 1
        return character

    def _until(self, characters: str) -> str:
        start = self._at
        while (character := self._peek()) and character not in characters:
            self._at += 1
        return self._text[start : self._at]

    def _quoted(self) -> str:
        self._at += 1
        parts = []
        while (character := self._peek()) and character != '"':
            if character == "\\":
                self._at += 1
                character = self._peek()
            parts.append(character)
            self._at += 1
        self._at += 1
        return "".join(parts)
