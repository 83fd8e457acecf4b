"""What batch() and batch_get() of both clients share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._engine import ClientBase, Request
    from ._types import RequestKeywords, URLTypes


def check_max_concurrent(value: int | None) -> int:
    """As the engine takes it: 0 for None. ValueError: below 1. TypeError: no int."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"max_concurrent must be an int or None, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"max_concurrent must be at least 1, or None, not {value}")
    return min(value, 1 << 31)


def raise_first(results: Iterable[object]) -> None:
    """Raises the first exception among them."""
    for each in results:
        if isinstance(each, BaseException):
            raise each


def build_or_fail(
    client: ClientBase, url: URLTypes, keywords: RequestKeywords
) -> Request | Exception:
    """The Request, or why it can't be; a mistake in the keywords is raised."""
    from .errors import InvalidURL, UnsupportedProtocol

    try:
        return client.build_request("GET", url, **keywords)
    except (InvalidURL, UnsupportedProtocol) as error:
        return error


def describe(url: URLTypes, result: Any) -> dict[str, Any]:
    """An answer, or an exception, as batch_get() tells it."""
    if isinstance(result, BaseException):
        return {"url": url, "error": str(result), "success": False}
    return {
        "url": url,
        "status_code": result.status_code,
        "headers": dict(result.headers),
        "content": result.content,
        "success": True,
    }
