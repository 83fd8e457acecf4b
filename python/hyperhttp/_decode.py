"""Bodies in pieces: bytes of one size, text, lines. Pieces go in by `feed`; `flush` ends it.

No input or output, and nothing asynchronous: Response, SyncResponse and the streams all use it.
"""

from __future__ import annotations

import codecs

_BOMS = (  # the longer ones first: UTF-32 in little-endian order begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ByteChunker:
    """Cuts bytes into pieces of `chunk_size` bytes, the last one maybe shorter; None: as they come.

    Raises ValueError for a size below 1.
    """

    __slots__ = ("_buffer", "_size")

    def __init__(self, chunk_size: int | None = None) -> None:
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")
        self._size = chunk_size
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces that are complete with `data`."""
        if self._size is None:
            return [data] if data else []
        size = self._size
        start = 0
        pieces = []
        if self._buffer:
            start = size - len(self._buffer)
            self._buffer += data[:start]
            if len(self._buffer) < size:
                return []
            pieces.append(bytes(self._buffer))
            self._buffer.clear()
        end = start + (len(data) - start) // size * size
        pieces += [data[at : at + size] for at in range(start, end, size)]
        self._buffer += data[end:]
        return pieces

    def flush(self) -> list[bytes]:
        """What is left."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [rest] if rest else []


class TextChunker:
    """Cuts text into pieces of `chunk_size` characters; see ByteChunker."""

    __slots__ = ("_length", "_parts", "_size")

    def __init__(self, chunk_size: int | None = None) -> None:
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")
        self._size = chunk_size
        self._parts: list[str] = []
        self._length = 0

    def feed(self, text: str) -> list[str]:
        """The pieces that are complete with `text`."""
        if self._size is None:
            return [text] if text else []
        size = self._size
        self._parts.append(text)
        self._length += len(text)
        if self._length < size:
            return []
        text = "".join(self._parts)
        end = self._length // size * size
        self._parts = [text[end:]]
        self._length -= end
        return [text[at : at + size] for at in range(0, end, size)]

    def flush(self) -> list[str]:
        """What is left."""
        rest = "".join(self._parts)
        self._parts.clear()
        self._length = 0
        return [rest] if rest else []


class TextDecoder:
    """Decodes bytes piece by piece; what can't be decoded becomes U+FFFD.

    A byte order mark wins over UTF-8 and is left out. An encoding nobody knows counts as UTF-8.
    """

    __slots__ = ("_decoder", "_encoding", "_head")

    def __init__(self, encoding: str = "utf-8") -> None:
        self._head = b""
        self._encoding = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        try:
            if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
                self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        except LookupError:
            pass

    def feed(self, data: bytes) -> str:
        """The characters that are complete with `data`."""
        if self._decoder is not None:
            return self._decoder.decode(data)
        self._head += data
        if any(mark.startswith(self._head) and mark != self._head for mark, _ in _BOMS):
            return ""  # may yet become a mark
        return self._begin(final=False)

    def flush(self) -> str:
        """What is left: U+FFFD for a character cut short."""
        if self._decoder is not None:
            return self._decoder.decode(b"", True)
        return self._begin(final=True)

    def _begin(self, final: bool) -> str:
        head, self._head = self._head, b""
        encoding = next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        return self._decoder.decode(head, final)


class LineSplitter:
    """Splits text into lines without their ends; a line ends with LF, CR LF or CR.

    A line is given out with its CR, though LF may follow in the next piece.
    """

    __slots__ = ("_after_cr", "_parts")

    def __init__(self) -> None:
        self._parts: list[str] = []  # of the line that hasn't ended
        self._after_cr = False

    def feed(self, text: str) -> list[str]:
        """The lines that end in `text`."""
        if not text:
            return []
        if self._after_cr and text[0] == "\n":
            text = text[1:]
        self._after_cr = text[-1:] == "\r"
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        rest = lines.pop()
        if lines and self._parts:
            lines[0] = "".join(self._parts) + lines[0]
            self._parts.clear()
        if rest:
            self._parts.append(rest)
        return lines

    def flush(self) -> list[str]:
        """The last line, if it has no end."""
        rest = "".join(self._parts)
        self._parts.clear()
        self._after_cr = False
        return [rest] if rest else []
