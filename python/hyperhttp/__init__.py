"""A fast, safe HTTP client: asynchronous first, blocking too.

    import asyncio
    import hyperhttp

    async def main():
        async with hyperhttp.Client() as client:
            response = await client.get("https://example.com/")
            print(response.status_code, await response.text())

    asyncio.run(main())

Without asyncio::

    with hyperhttp.Session() as session:
        response = session.get("https://example.com/")
        print(response.status_code, response.text)

`Client` is asynchronous, `Session` blocks, and `get()` and its siblings send a single request. What
goes wrong is an exception of `hyperhttp.errors`; they are here, too.
"""

from __future__ import annotations

import asyncio

from . import _engine, _logging, _multipart, errors
from ._api import delete, get, head, options, patch, post, put, request, stream
from ._client import AsyncClient, Client
from ._config import (
    USE_CLIENT_DEFAULT,
    BasicAuth,
    Limits,
    UseClientDefault,
    basic_auth_field,
    json_dumps,
    json_loads,
)
from ._engine import URL, Headers, Request, Timeout, __version__
from ._response import Response, SyncResponse
from ._session import Session
from .errors import (
    ConnectError,
    ConnectTimeout,
    DecodingError,
    DNSError,
    HTTPError,
    HTTPStatusError,
    HyperHTTPError,
    InvalidURL,
    LocalProtocolError,
    NetworkError,
    PoolTimeout,
    ProtocolError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    RequestError,
    ResponseNotRead,
    ResponseTooLarge,
    StreamClosed,
    StreamConsumed,
    StreamError,
    TimeoutException,
    TLSError,
    TooManyRedirects,
    TotalTimeout,
    TransportError,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
)

__all__ = [
    "URL",
    "USE_CLIENT_DEFAULT",
    "AsyncClient",
    "BasicAuth",
    "Client",
    "ConnectError",
    "ConnectTimeout",
    "DNSError",
    "DecodingError",
    "HTTPError",
    "HTTPStatusError",
    "Headers",
    "HyperHTTPError",
    "InvalidURL",
    "Limits",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "RequestError",
    "Response",
    "ResponseNotRead",
    "ResponseTooLarge",
    "Session",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "SyncResponse",
    "TLSError",
    "Timeout",
    "TimeoutException",
    "TooManyRedirects",
    "TotalTimeout",
    "TransportError",
    "UnsupportedProtocol",
    "UseClientDefault",
    "WriteError",
    "WriteTimeout",
    "__version__",
    "delete",
    "errors",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "stream",
]

_engine.register(
    Response=Response,
    SyncResponse=SyncResponse,
    make_error=errors.make_error,
    HTTPStatusError=HTTPStatusError,
    InvalidURL=InvalidURL,
    basic_auth_field=basic_auth_field,
    encode_multipart=_multipart.encode_multipart,
    json_dumps=json_dumps,
    json_loads=json_loads,
    get_running_loop=asyncio._get_running_loop,
    Task=asyncio.Task,
    Future=asyncio.Future,
    CancelledError=asyncio.CancelledError,
    invalid_state=asyncio.InvalidStateError,
    logs_requests=_logging.logs_requests,
    known_levels=_logging.known_levels(),
    log_done=_logging.log_done,
    warn_unclosed=_logging.warn_unclosed,
    unset=USE_CLIENT_DEFAULT,
)
