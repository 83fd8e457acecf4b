"""What Client and Session are configured with, and how it becomes what the engine takes.

Everything is checked here, when the client is made; the engine reads the files of `verify` and
`cert` at the first connection that needs them.
"""

from __future__ import annotations

import os
import sys
from types import MappingProxyType

from ._engine import URL, ClientBase, Timeout, __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from typing import Any

    from ._types import (
        AuthTypes,
        CertTypes,
        EncodingTypes,
        HeaderTypes,
        HookTypes,
        JSONDumps,
        JSONLoads,
        ParamTypes,
        ResolverTypes,
        TimeoutTypes,
        URLTypes,
        VerifyTypes,
    )

USER_AGENT = f"python-hyperhttp/{__version__}"
DEFAULT_TIMEOUT = Timeout(30.0, connect=10.0)
UNLIMITED = 1_000_000  # connections; the engine's own bound
HOOKS = ("request", "response")


class UseClientDefault:
    """The type of USE_CLIENT_DEFAULT: given as an argument, the same as not giving it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "USE_CLIENT_DEFAULT"

    def __reduce__(self) -> str:
        return "USE_CLIENT_DEFAULT"


USE_CLIENT_DEFAULT = UseClientDefault()


class Limits:
    """How many connections a client may have, and how long it keeps idle ones.

    Arguments:
        max_connections: int, all hosts together; None: no limit.
        max_keepalive_connections: int, idle ones that are kept; None: as many as there may be.
        keepalive_expiry: seconds an idle connection is kept; None: for ever.

        Client(limits=Limits(max_connections=500))
    """

    __slots__ = ("keepalive_expiry", "max_connections", "max_keepalive_connections")

    def __init__(
        self,
        *,
        max_connections: int | None = 100,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = 45.0,
    ) -> None:
        self.max_connections = max_connections
        self.max_keepalive_connections = max_keepalive_connections
        self.keepalive_expiry = keepalive_expiry

    def _values(self) -> tuple[int | None, int | None, float | None]:
        return self.max_connections, self.max_keepalive_connections, self.keepalive_expiry

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Limits) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return "Limits({})".format(
            ", ".join(f"{name}={getattr(self, name)!r}" for name in sorted(self.__slots__))
        )


class BasicAuth(tuple[str, str]):
    """User name and password for Basic authentication (RFC 7617), as ``auth=`` takes them.

    A plain pair ``(username, password)`` does the same; this one doesn't print its password.
    """

    __slots__ = ()

    def __new__(cls, username: str = "", password: str = "") -> BasicAuth:
        return super().__new__(cls, (username, password))

    def __getnewargs__(self) -> tuple[str, str]:
        return self[0], self[1]

    def __repr__(self) -> str:
        return f"BasicAuth({self[0]!r}, '[secure]')"


def basic_auth_field(auth: tuple[str, str]) -> str:
    """The value of Authorization for a pair. TypeError, ValueError: it can't be sent."""
    import binascii

    check_auth(auth)
    user, password = auth
    if ":" in user:
        raise ValueError("this user name can't be sent: it has a colon in it")
    if any(ord(c) < 32 or ord(c) == 127 for c in user + password):
        raise ValueError("these credentials can't be sent: they have a control character in them")
    pair = f"{user}:{password}".encode()
    return "Basic " + binascii.b2a_base64(pair, newline=False).decode("ascii")


def check_auth(auth: object) -> None:
    """TypeError unless it is a pair of str."""
    if not isinstance(auth, tuple) or [type(part) for part in auth] != [str, str]:
        raise TypeError("auth= takes a pair (user, password) of str, or BasicAuth")


# JSON, unless json_dumps= and json_loads= say otherwise.

_encode: Callable[[Any], str] | None = None


def json_dumps(value: object) -> bytes:
    """Compact UTF-8. TypeError: it is no JSON; ValueError: NaN, an infinity, or a circle."""
    global _encode
    if _encode is None:
        import json

        _encode = json.JSONEncoder(
            ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode
    return _encode(value).encode("utf-8")


def json_loads(text: str | bytes, **keywords: Any) -> Any:
    """From str, or bytes in UTF-8, UTF-16 or UTF-32. ValueError: it is no JSON."""
    import json

    return json.loads(text, **keywords)


# TLS.


def _existing(path: object, what: str) -> str:
    """An absolute path, since the engine opens it later. FileNotFoundError: there is none."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{what} takes a path, not {type(path).__name__}")
    absolute = os.path.abspath(os.fspath(path))
    os.stat(absolute)
    return absolute


def _context_options(context: ssl.SSLContext) -> dict[str, Any]:
    import ssl

    if context.maximum_version not in (ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3):
        raise ValueError("verify: the SSLContext's maximum_version can't be taken over")
    if context.verify_flags & (ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN):
        raise ValueError("verify: the SSLContext's revocation lists can't be taken over")
    options: dict[str, Any] = {}
    if context.minimum_version == ssl.TLSVersion.TLSv1_3:
        options["min_version"] = 13
    if context.verify_mode == ssl.CERT_NONE:
        options["verify"] = False
        return options
    if not context.check_hostname:
        raise ValueError(
            "verify: the SSLContext checks certificates, but not the host's name "
            "(check_hostname is False), which isn't supported: turn both on, or both off"
        )
    authorities = context.get_ca_certs(binary_form=True)
    if not authorities:
        raise ValueError(
            "verify: the SSLContext holds no CA certificates that could be taken over (those of a "
            "directory are loaded when they are needed): give verify= the path of the file or "
            "directory, or True for the system's"
        )
    options["ca_pem"] = "".join(ssl.DER_cert_to_PEM_cert(each) for each in authorities)
    return options


def tls_options(verify: VerifyTypes, cert: CertTypes | None) -> dict[str, Any]:
    """The engine's options for ``verify=`` and ``cert=``. TypeError, ValueError, OSError."""
    options: dict[str, Any] = {}
    ssl = sys.modules.get("ssl")  # who has an SSLContext has loaded it
    if ssl is not None and isinstance(verify, ssl.SSLContext):
        options = _context_options(verify)
    elif isinstance(verify, bool):
        options["verify"] = verify
    else:
        path = _existing(verify, "verify=")
        options["ca_directory" if os.path.isdir(path) else "ca_file"] = os.fsencode(path)
    if cert is None:
        return options
    parts: tuple[Any, ...] = cert if isinstance(cert, tuple) else (cert,)
    if not 1 <= len(parts) <= 3:
        raise ValueError("cert= takes a path, (cert, key), or (cert, key, password)")
    options["cert_file"] = os.fsencode(_existing(parts[0], "cert="))
    if len(parts) > 1 and parts[1] is not None:
        options["key_file"] = os.fsencode(_existing(parts[1], "cert="))
    if len(parts) > 2 and parts[2] is not None:
        options["key_password"] = parts[2]
    return options


# Clients.


def _base_url(value: URLTypes) -> URL | None:
    if not value:
        return None
    url = value if isinstance(value, URL) else URL(value)
    if url.query or url.fragment:
        raise ValueError("base_url can't have a query or a fragment; give params=")
    return url


def _timeout(value: TimeoutTypes) -> Timeout:
    return value if isinstance(value, Timeout) else Timeout(value)


def _hooks(value: HookTypes | None) -> dict[str, list[Callable[..., Any]]]:
    hooks: dict[str, list[Callable[..., Any]]] = {}
    for name, functions in (value or {}).items():
        if name not in HOOKS:
            raise ValueError(f"event_hooks are of {' and '.join(HOOKS)}, not of {name!r}")
        if callable(functions):
            raise TypeError(f"event_hooks[{name!r}] must be a list of functions")
        for each in functions:
            _check_callable(each, f"event_hooks[{name!r}]")
        hooks[name] = list(functions)
    return hooks


def _check_callable(value: object, what: str) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{what} must be callable, not {type(value).__name__}")


class ConfiguredClient(ClientBase):
    """What Client and Session share in Python: their arguments, and what tells of them."""

    _blocking: bool

    def __init__(
        self,
        *,
        base_url: URLTypes = "",
        headers: HeaderTypes | None = None,
        params: ParamTypes | None = None,
        auth: AuthTypes | None = None,
        timeout: TimeoutTypes = DEFAULT_TIMEOUT,
        max_connections: int | None = 100,
        max_connections_per_host: int | None = None,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = 45.0,
        limits: Limits | None = None,
        http1: bool = True,
        http2: bool = True,
        http2_prior_knowledge: bool = False,
        http2_keepalive: float | None = None,
        follow_redirects: bool = True,
        max_redirects: int = 20,
        verify: VerifyTypes = True,
        cert: CertTypes | None = None,
        uds: str | os.PathLike[str] | None = None,
        local_address: str | None = None,
        event_hooks: HookTypes | None = None,
        max_response_bytes: int | None = None,
        resolver: ResolverTypes | None = None,
        json_loads: JSONLoads | None = None,
        json_dumps: JSONDumps | None = None,
        default_encoding: EncodingTypes | None = None,
    ) -> None:
        if limits is not None:
            max_connections, max_keepalive_connections, keepalive_expiry = limits._values()
        if auth is not None:
            check_auth(auth)
        if http1 is False and http2 is False:
            raise ValueError("http1 and http2 can't both be False: nothing is left to speak")
        if http2 is False and http2_prior_knowledge is True:
            raise ValueError("http2_prior_knowledge needs http2, which is False")
        if http2_keepalive is not None and http2_keepalive == 0:
            raise ValueError("http2_keepalive must be more than 0 seconds; None: never")
        _check_callable(resolver, "resolver")
        _check_callable(json_loads, "json_loads")
        _check_callable(json_dumps, "json_dumps")
        if not isinstance(default_encoding, str):
            _check_callable(default_encoding, "default_encoding")
        self._timeout = _timeout(timeout)
        self._base_url = _base_url(base_url)
        self._resolver = resolver
        self._hooks = _hooks(event_hooks)
        options = tls_options(verify, cert)
        options.update(
            user_agent=USER_AGENT,
            timeout=self._timeout,
            max_connections=UNLIMITED if max_connections is None else max_connections,
            keepalive_expiry=keepalive_expiry,
            follow_redirects=follow_redirects,
            max_redirects=max_redirects,
            http1=http1,
            http2=http2,
            http2_prior_knowledge=http2_prior_knowledge,
        )
        for name, value in (
            ("max_connections_per_origin", max_connections_per_host),
            ("max_idle_connections", max_keepalive_connections),
            ("max_response_bytes", max_response_bytes),
            ("http2_keepalive", http2_keepalive),
            ("unix_socket", os.fsencode(uds) if uds is not None else None),
            ("local_address", local_address),
        ):
            if value is not None:
                options[name] = value
        super().__init__(
            options,
            {
                "blocking": self._blocking,
                "needs_perform": resolver is not None or any(self._hooks.values()),
                "headers": headers,
                "params": params,
                "base_url": str(base_url),
                "auth": auth,
                "json_dumps": json_dumps,
                "json_loads": json_loads,
                "default_encoding": default_encoding,
            },
        )

    @property
    def timeout(self) -> Timeout:
        """The time-outs of requests that bring none of their own. Can't be changed."""
        return self._timeout

    @property
    def base_url(self) -> URL | None:
        """What relative URLs are joined to, or None. Can't be changed."""
        return self._base_url

    @property
    def event_hooks(self) -> Mapping[str, tuple[Callable[..., Any], ...]]:
        """The functions called with each Request, and with each Response. Set it to change it."""
        return MappingProxyType({name: tuple(self._hooks.get(name, ())) for name in HOOKS})

    @event_hooks.setter
    def event_hooks(self, value: HookTypes | None) -> None:
        self._hooks = _hooks(value)
        self._needs_perform = self._resolver is not None or any(self._hooks.values())

    def memory(self) -> dict[str, int]:
        """What this client holds at the moment; RuntimeError once it is closed.

        Counts:
            connections: open ones; idle_connections: those of them that wait for a request.
            requests: under way; queued_requests: those of them that wait for a connection.
        Bytes:
            receive_buffers: lent to connections, or still referred to by bodies.
            kept_buffers: free ones, kept for the next use.
            bodies: of answers on their way that are collected.
            unread_bodies: of answers that are streamed, received and not taken yet.
            unsent_bodies: of requests, taken from iterators and not sent yet.
            bookkeeping: the engine's notes about requests under way, and those kept for the next.

        Answers that the program keeps are its own and not counted, nor is what OpenSSL holds.
        """
        stats = self._stats()
        return {
            "connections": stats["connections_open"],
            "idle_connections": stats["connections_idle"],
            "requests": stats["exchanges_in_flight"],
            "queued_requests": stats["exchanges_queued"],
            "receive_buffers": stats["buffers_in_use_bytes"],
            "kept_buffers": stats["buffers_kept_bytes"],
            "bodies": stats["collected_bytes"],
            "unread_bodies": stats["unreleased_bytes"],
            "unsent_bodies": stats["unsent_bytes"],
            "bookkeeping": stats["exchanges_bytes"] + stats["spares_bytes"],
        }

    def __repr__(self) -> str:
        url = getattr(self, "_base_url", None)  # a subclass may not have called __init__ yet
        base = f" of {str(url)!r}" if url is not None else ""
        return f"<{type(self).__name__}{base}{', closed' if self.is_closed else ''}>"


# For Python's own messages about arguments: users know this class by its children's names.
ConfiguredClient.__init__.__qualname__ = "__init__"
