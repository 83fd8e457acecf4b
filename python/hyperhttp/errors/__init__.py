"""What can go wrong, as exceptions. All of them are at the top of the package too.

::

    HyperHTTPError
    ├── HTTPError                     everything a request ends with
    │   ├── RequestError              no answer, or none that can be used
    │   │   ├── TransportError
    │   │   │   ├── TimeoutException  (also TimeoutError)
    │   │   │   │   └── ConnectTimeout ReadTimeout WriteTimeout PoolTimeout TotalTimeout
    │   │   │   ├── NetworkError      (also ConnectionError)
    │   │   │   │   ├── ConnectError
    │   │   │   │   │   └── DNSError TLSError
    │   │   │   │   └── ReadError WriteError
    │   │   │   ├── ProtocolError
    │   │   │   │   └── LocalProtocolError RemoteProtocolError
    │   │   │   └── UnsupportedProtocol
    │   │   └── DecodingError TooManyRedirects ResponseTooLarge
    │   └── HTTPStatusError           raise_for_status() met 4xx or 5xx
    ├── InvalidURL                    (also ValueError)
    └── StreamError                   (also RuntimeError)
        └── StreamConsumed StreamClosed ResponseNotRead

Each has ``request``, ``category``, ``phase``, ``retryable`` and ``code``, and each can be pickled::

    try:
        response = await client.get(url)
    except hyperhttp.ConnectTimeout:
        ...                                     # that host doesn't answer
    except hyperhttp.HTTPError as error:
        if error.retryable:                     # may work at the next try, and may be sent again
            ...
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._engine import Request
    from .._response import Response, SyncResponse

__all__ = [
    "ConnectError",
    "ConnectTimeout",
    "DNSError",
    "DecodingError",
    "HTTPError",
    "HTTPStatusError",
    "HyperHTTPError",
    "InvalidURL",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestError",
    "ResponseNotRead",
    "ResponseTooLarge",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "TLSError",
    "TimeoutException",
    "TooManyRedirects",
    "TotalTimeout",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
]

# RFC 9110 §9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_RETRYABLE = frozenset({"TRANSIENT", "TIMEOUT", "CONNECTION", "SERVER", "RATE_LIMIT"})


def _restore(
    cls: type[HyperHTTPError], args: tuple[Any, ...], state: dict[str, Any]
) -> HyperHTTPError:
    error = cls.__new__(cls)
    error.args = args
    for name, value in state.items():
        setattr(error, name, value)
    return error


class HyperHTTPError(Exception):
    """The base of every exception of this library.

    Attributes:
        request: the Request it is about, or None.
        category: the kind of failure: "TRANSIENT", "TIMEOUT", "CONNECTION", "DNS", "TLS",
            "PROTOCOL", "SERVER", "CLIENT", "RATE_LIMIT" or "FATAL".
        phase: how far the request had come: "queue", "resolve", "connect", "tls", "send",
            "headers", "body" or "redirect"; None: before anything was begun.
        retryable: whether it may work at the next try, and sending it again does no harm: the
            method is idempotent, or the server can't have seen the request.
        code: the engine's name for it ("HH_ERR_CONNECT"), or None.
        http2_error: the error code of HTTP/2 (RFC 9113 §7) that the server ended the request or the
            connection with, an int; 0: none.
    """

    request: Request | None = None
    category: str = "FATAL"
    phase: str | None = None
    retryable: bool = False
    code: str | None = None
    http2_error: int = 0

    def __init__(self, message: str = "", *, request: Request | None = None) -> None:
        super().__init__(message)
        if request is not None:
            self.request = request

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(self.__dict__)
        if isinstance(self, OSError) and self.errno is not None:
            state["errno"] = self.errno
        return _restore, (type(self), self.args, state)


class HTTPError(HyperHTTPError):
    """What a request can end with, but for an answer: the one to catch for "it didn't work"."""


class RequestError(HTTPError):
    """The request brought no answer, or none that can be used."""


class TransportError(RequestError):
    """It failed on the way: connecting, sending or receiving."""

    category = "CONNECTION"


class TimeoutException(TransportError, TimeoutError):
    """A bound of ``timeout=`` was reached."""

    category = "TIMEOUT"


class ConnectTimeout(TimeoutException):
    """Resolving the name, connecting and the TLS handshake together took too long."""


class ReadTimeout(TimeoutException):
    """Nothing was received for too long."""


class WriteTimeout(TimeoutException):
    """Nothing could be sent for too long."""


class PoolTimeout(TimeoutException):
    """No connection became free in time."""


class TotalTimeout(TimeoutException):
    """The whole call took longer than ``Timeout(total=...)``."""


class NetworkError(TransportError, ConnectionError):
    """The network, or the peer's end of it, failed. ``errno`` is set where the system gave one."""


class ConnectError(NetworkError):
    """No connection came about: refused, unreachable, reset."""


class DNSError(ConnectError):
    """The name doesn't exist, has no address, or no name server answered."""

    category = "DNS"


class TLSError(ConnectError):
    """The TLS handshake failed, or the certificate isn't valid, trusted, or for this name."""

    category = "TLS"


class ReadError(NetworkError):
    """The connection broke while an answer was awaited or read."""


class WriteError(NetworkError):
    """The connection broke while the request was sent."""


class ProtocolError(TransportError):
    """HTTP's rules were broken."""

    category = "PROTOCOL"


class LocalProtocolError(ProtocolError, ValueError):
    """By the request: an invalid field, a body longer or shorter than declared."""

    category = "CLIENT"


class RemoteProtocolError(ProtocolError):
    """By the server: no valid HTTP, or closed without or within an answer, or, in HTTP/2, the
    request refused or ended (see ``http2_error``)."""


class UnsupportedProtocol(TransportError, ValueError):
    """The URL's scheme is none of http and https, a redirect leads where it isn't followed, or the
    server doesn't speak HTTP/2 and the client nothing else (``http1=False``)."""

    category = "CLIENT"


class DecodingError(RequestError):
    """The body's content coding is damaged, unknown, or a decompression bomb."""

    category = "PROTOCOL"


class TooManyRedirects(RequestError):
    """More redirects than ``max_redirects``."""

    category = "PROTOCOL"


class ResponseTooLarge(RequestError):
    """The body has more bytes than ``max_response_bytes``."""

    category = "PROTOCOL"


class HTTPStatusError(HTTPError):
    """``raise_for_status()`` met a status of 400 or more; ``response`` is the answer."""

    response: Response | SyncResponse

    def __init__(
        self,
        message: str,
        *,
        request: Request | None = None,
        response: Response | SyncResponse,
    ) -> None:
        super().__init__(message, request=request)
        status = response.status_code
        method = request.method if request is not None else ""
        self.response = response
        self.phase = "headers"
        if status == 429:
            self.category = "RATE_LIMIT"
            self.retryable = True
        elif status >= 500:
            self.category = "SERVER"
            self.retryable = method in _IDEMPOTENT
        else:
            self.category = "CLIENT"


class InvalidURL(HyperHTTPError, ValueError):
    """The text is no URL; the message says which part is wrong."""

    category = "CLIENT"


class StreamError(HyperHTTPError, RuntimeError):
    """A body was used in a way it can't be."""

    category = "CLIENT"


class StreamConsumed(StreamError):
    """A body that comes once, from an iterator or the wire, was wanted a second time."""


class StreamClosed(StreamError):
    """The stream was closed before its body was read."""


class ResponseNotRead(StreamError):
    """The content of a streamed answer was used before ``read()``."""


_CLASSES: dict[str, type[HyperHTTPError]] = {
    "HH_ERR_INVALID_ARGUMENT": LocalProtocolError,
    "HH_ERR_STATE": StreamError,
    "HH_ERR_INVALID_URL": InvalidURL,
    "HH_ERR_UNSUPPORTED_PROTOCOL": UnsupportedProtocol,
    "HH_ERR_LIMIT": RequestError,
    "HH_ERR_SYSTEM": NetworkError,
    "HH_ERR_FILE": TLSError,
    "HH_ERR_RESOLVE": DNSError,
    "HH_ERR_RESOLVE_TEMPORARY": DNSError,
    "HH_ERR_CONNECT": ConnectError,
    "HH_ERR_TLS": TLSError,
    "HH_ERR_CERTIFICATE": TLSError,
    "HH_ERR_SEND": WriteError,
    "HH_ERR_RECEIVE": ReadError,
    "HH_ERR_EMPTY_RESPONSE": RemoteProtocolError,
    "HH_ERR_TRUNCATED": RemoteProtocolError,
    "HH_ERR_PROTOCOL": RemoteProtocolError,
    "HH_ERR_HEADERS_TOO_LARGE": RemoteProtocolError,
    "HH_ERR_RESPONSE_TOO_LARGE": ResponseTooLarge,
    "HH_ERR_DECODE": DecodingError,
    "HH_ERR_DECODE_LIMIT": DecodingError,
    "HH_ERR_REFUSED": RemoteProtocolError,
    "HH_ERR_STREAM_RESET": RemoteProtocolError,
    "HH_ERR_TOO_MANY_REDIRECTS": TooManyRedirects,
    "HH_ERR_REDIRECT_REFUSED": UnsupportedProtocol,
    "HH_ERR_BODY_NOT_REWINDABLE": StreamConsumed,
    "HH_ERR_BODY_LENGTH": LocalProtocolError,
    "HH_ERR_CANCELLED": RequestError,
    "HH_ERR_CLIENT_CLOSED": RequestError,
    "HH_ERR_TIMEOUT_CONNECT": ConnectTimeout,
    "HH_ERR_TIMEOUT_READ": ReadTimeout,
    "HH_ERR_TIMEOUT_WRITE": WriteTimeout,
    "HH_ERR_TIMEOUT_POOL": PoolTimeout,
    "HH_ERR_TIMEOUT_TOTAL": TotalTimeout,
}

# A TLS stream that breaks once it stands is a connection that breaks.
_TLS_CLASSES = {"send": WriteError, "headers": ReadError, "body": ReadError}


def make_error(
    code: str,
    category: str,
    phase: str,
    processed: str,
    message: str,
    request: Request | None = None,
    os_error: int = 0,
    http2_error: int = 0,
) -> HyperHTTPError:
    """The exception for a failure of the engine.

    `code` is the status's name; `category` as the attribute has it, or "NONE": as the class has
    it; `phase` the engine's name, "none" included; `processed` "no", "maybe" or "yes": whether the
    server may have acted on it; `os_error` an errno, or 0; `http2_error` as the attribute.
    """
    cls = _CLASSES.get(code, RequestError)
    if code == "HH_ERR_TLS":
        cls = _TLS_CLASSES.get(phase, cls)
    error = cls(message, request=request)
    error.code = code
    if category != "NONE":
        error.category = category
    if phase != "none":
        error.phase = phase
    error.retryable = error.category in _RETRYABLE and (
        processed == "no" or (request is not None and request.method in _IDEMPOTENT)
    )
    if os_error and isinstance(error, OSError):
        error.errno = os_error
    if http2_error:
        error.http2_error = http2_error
    return error
