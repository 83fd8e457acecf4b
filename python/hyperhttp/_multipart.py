"""multipart/form-data (RFC 7578, and the HTML Standard on names), from memory, for ``files=``."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ._types import DataTypes, FilesTypes, FileTypes

# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = str.maketrans({"\n": "%0A", "\r": "%0D", '"': "%22"})
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def encode_multipart(data: DataTypes | None, files: FilesTypes) -> tuple[str, bytes]:
    """The Content-Type, with its boundary, and the body.

    `data`: fields, a mapping (a list repeats its name) or pairs; None as a value leaves it out.
    `files`: mapping or pairs of name to bytes, str, a binary file, or a tuple (filename, content
    [, content_type[, headers]]); without a filename (None) it is a field. A file is read whole
    from where it stands. TypeError: something else; ValueError: a line break in a field of a part.
    """
    boundary = os.urandom(16).hex()
    pieces: list[bytes] = []
    for name, value in _fields(data):
        _add(pieces, boundary, _disposition(name, None), {}, value)
    for name, file in _pairs(files, "files"):
        filename, content, headers = _file(name, file)
        _add(pieces, boundary, _disposition(name, filename), headers, content)
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)


def _add(
    pieces: list[bytes],
    boundary: str,
    disposition: str,
    headers: dict[str, str],
    content: bytes,
) -> None:
    lines = [f"--{boundary}", f"Content-Disposition: {disposition}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    pieces += ["\r\n".join([*lines, "", ""]).encode("utf-8"), content, b"\r\n"]


def _disposition(name: str, filename: str | None) -> str:
    text = f'form-data; name="{name.translate(_ESCAPES)}"'
    if filename is not None:
        text += f'; filename="{filename.translate(_ESCAPES)}"'
    return text


def _pairs(value: Any, what: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, str | bytes | bytearray | memoryview):
        raise TypeError(f"{what}= takes a mapping or pairs here, not {type(value).__name__}")
    pairs = value.items() if hasattr(value, "items") else value
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise TypeError(f"{what}= takes a mapping of str, or pairs (name, value)")
        yield pair[0], pair[1]


def _fields(data: DataTypes | None) -> Iterator[tuple[str, bytes]]:
    for name, value in _pairs(data or (), "data"):
        for each in value if isinstance(value, list | tuple) else (value,):
            if each is not None:
                yield name, _field(name, each)


def _field(name: str, value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, str | int | float):
        return str(value).encode("utf-8")
    raise TypeError(
        f"the field {name!r} must be str, bytes, int, float or bool, not {type(value).__name__}"
    )


def _file(name: str, value: FileTypes) -> tuple[str | None, bytes, dict[str, str]]:
    filename: str | None
    file: object
    content_type: str | None = None
    more: Mapping[str, str] = {}
    if isinstance(value, tuple):
        if not 2 <= len(value) <= 4:
            raise TypeError(
                f"the file {name!r} must be (filename, content[, content_type[, headers]])"
            )
        parts: tuple[Any, ...] = (*value, *(None, {})[len(value) - 2 :])
        filename, file, content_type, more = parts
    else:
        file = value
        path = getattr(file, "name", None)
        filename = os.path.basename(path) if isinstance(path, str) else "upload"
    headers = {}
    for key, text in (more or {}).items():
        if not key or not _TOKEN.issuperset(key):
            raise ValueError(f"the file {name!r} has a header whose name is no token: {key!r}")
        headers[key] = _one_line(name, text)
    if not any(key.lower() == "content-type" for key in headers):
        content_type = content_type or _guess(filename)
        if content_type is not None:
            headers["Content-Type"] = _one_line(name, content_type)
    return filename, _read(name, file), headers


def _one_line(name: str, value: str) -> str:
    if any(c in value for c in "\r\n\0"):
        raise ValueError(f"the file {name!r} has a header with a line break or NUL in it")
    return value


def _guess(filename: str | None) -> str | None:
    if not filename:
        return None
    import mimetypes

    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _read(name: str, file: object) -> bytes:
    if isinstance(file, str):
        return file.encode("utf-8")
    if isinstance(file, bytes | bytearray | memoryview):
        return bytes(file)
    if not hasattr(file, "read"):
        raise TypeError(
            f"the file {name!r} must be bytes, str or a binary file, not {type(file).__name__}"
        )
    content = file.read()
    if not isinstance(content, bytes):
        raise TypeError(f"the file {name!r} must be open in binary mode ('rb')")
    return content
