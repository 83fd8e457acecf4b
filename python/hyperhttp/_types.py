"""Names for what arguments may be, for annotations. Nothing here is needed while programs run."""

from __future__ import annotations

import os
import ssl
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from typing import IO, Any, TypeAlias, TypedDict

from ._config import BasicAuth, UseClientDefault
from ._engine import URL, Headers, Timeout

__all__ = [
    "AuthTypes",
    "CertTypes",
    "ContentTypes",
    "DataTypes",
    "EncodingTypes",
    "FileContent",
    "FileTypes",
    "FilesTypes",
    "HeaderTypes",
    "HookTypes",
    "JSONDumps",
    "JSONLoads",
    "OneShotBodyKeywords",
    "OneShotKeywords",
    "ParamTypes",
    "RequestBodyKeywords",
    "RequestKeywords",
    "ResolverTypes",
    "TimeoutTypes",
    "URLTypes",
    "UseClientDefault",
    "VerifyTypes",
]

URLTypes: TypeAlias = str | URL

# Values are str, bytes, int, float, bool, None, or a list or tuple of those; a dict of several
# kinds is inferred as one of object.
_Pairs: TypeAlias = Mapping[str, object] | Iterable[tuple[str, object]]
ParamTypes: TypeAlias = _Pairs | str | bytes
DataTypes: TypeAlias = _Pairs | str | bytes | bytearray | memoryview

HeaderTypes: TypeAlias = (
    Headers
    | Mapping[str, str | Sequence[str]]
    | Mapping[bytes, bytes]
    | Iterable[tuple[str, str]]
    | Iterable[tuple[bytes, bytes]]
)

ContentTypes: TypeAlias = (
    str | bytes | bytearray | memoryview | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]
)

FileContent: TypeAlias = str | bytes | bytearray | memoryview | IO[bytes]
FileTypes: TypeAlias = (
    FileContent
    | tuple[str | None, FileContent]
    | tuple[str | None, FileContent, str | None]
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
FilesTypes: TypeAlias = Mapping[str, FileTypes] | Iterable[tuple[str, FileTypes]]

AuthTypes: TypeAlias = tuple[str, str] | BasicAuth
TimeoutTypes: TypeAlias = (
    Timeout
    | float
    | tuple[float | None, float | None]
    | tuple[float | None, float | None, float | None, float | None]
    | None
)

VerifyTypes: TypeAlias = bool | str | os.PathLike[str] | ssl.SSLContext
_Path: TypeAlias = str | os.PathLike[str]
CertTypes: TypeAlias = _Path | tuple[_Path, _Path] | tuple[_Path, _Path, str]

# {"request": [function of a Request], "response": [function of a Response]}
HookTypes: TypeAlias = Mapping[str, Sequence[Callable[..., Any]]]
ResolverTypes: TypeAlias = Callable[[str, int], Iterable[str] | Awaitable[Iterable[str]]]

JSONLoads: TypeAlias = Callable[[bytes | str], object]
JSONDumps: TypeAlias = Callable[[object], str | bytes]
EncodingTypes: TypeAlias = str | Callable[[bytes], str | None]


class RequestKeywords(TypedDict, total=False):
    """Keywords of get() and its like."""

    params: ParamTypes | None
    headers: HeaderTypes | None
    auth: AuthTypes | None | UseClientDefault
    timeout: TimeoutTypes | UseClientDefault
    follow_redirects: bool | None
    max_response_bytes: int | None


class RequestBodyKeywords(RequestKeywords, total=False):
    """Keywords of request(), post() and their like."""

    content: ContentTypes | None
    data: DataTypes | None
    files: FilesTypes | None
    json: Any


class _ConnectionKeywords(TypedDict, total=False):
    verify: VerifyTypes
    cert: CertTypes | None
    uds: str | os.PathLike[str] | None
    http1: bool
    http2: bool
    http2_prior_knowledge: bool


class OneShotKeywords(RequestKeywords, _ConnectionKeywords, total=False):
    """Keywords of hyperhttp.get() and its like."""


class OneShotBodyKeywords(RequestBodyKeywords, _ConnectionKeywords, total=False):
    """Keywords of hyperhttp.post() and its like."""
