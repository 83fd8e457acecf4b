"""The logger "hyperhttp": a line for each request at DEBUG, with secrets redacted.

After ``logging.getLogger("hyperhttp").setLevel(logging.DEBUG)``::

    GET https://api.example.com/users?token=[redacted] 200 12.3 ms
"""

from __future__ import annotations

import logging
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._engine import ResponseBase

logger = logging.getLogger("hyperhttp")

REDACTED = "[redacted]"
# Parts of names of query parameters that carry secrets, in lower case.
_SECRETS = (
    "token",
    "secret",
    "passw",
    "signature",
    "credential",
    "authorization",
    "session",
    "apikey",
    "api_key",
    "api-key",
)
_SECRET_NAMES = frozenset({"key", "sig", "auth", "pwd", "pass", "code", "jwt"})


def _is_secret(name: str) -> bool:
    if "%" in name or "+" in name:
        from urllib.parse import unquote_plus

        name = unquote_plus(name)
    name = name.lower()
    return name in _SECRET_NAMES or any(part in name for part in _SECRETS)


def redact(url: str) -> str:
    """The URL without user info and fragment, and without the values of secret parameters."""
    url = url.partition("#")[0]
    before, _, query = url.partition("?")
    scheme, separator, rest = before.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        before = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    if not query:
        return before
    pairs = []
    for pair in query.split("&"):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}={REDACTED}" if equals and _is_secret(name) else pair)
    return f"{before}?{'&'.join(pairs)}"


def logs_requests() -> bool:
    """Whether log_done has anything to do."""
    return logger.isEnabledFor(logging.DEBUG)


def known_levels() -> dict[int, bool] | None:
    """Where `isEnabledFor` keeps its answers, for the engine to look at before each request.

    logging empties it whenever a level is set. None: this logger keeps none, or decides otherwise.
    """
    if type(logger).isEnabledFor is not logging.Logger.isEnabledFor:
        return None
    known = getattr(logger, "_cache", None)
    return known if type(known) is dict else None


def log_done(method: str, url: str, outcome: ResponseBase | BaseException) -> None:
    """One line for a request that has ended, or whose answer begins to stream."""
    if isinstance(outcome, BaseException):
        logger.debug("%s %s %s: %s", method, redact(url), type(outcome).__name__, outcome)
        return
    took = outcome.timings.total
    logger.debug(
        "%s %s %d%s",
        method,
        redact(url),
        outcome.status_code,
        f" {took * 1000:.1f} ms" if took else "",  # none: a stream that has just begun
    )


def warn_unclosed(client: object) -> None:
    """The client was dropped without close()."""
    warnings.warn(f"unclosed {client!r}", ResourceWarning, stacklevel=2, source=client)
