"""One-shot requests: a connection for each, closed behind it. Blocking."""

from __future__ import annotations

from contextlib import contextmanager

from ._session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import Unpack

    from ._response import SyncResponse
    from ._stream import SyncStreamedResponse
    from ._types import (
        CertTypes,
        OneShotBodyKeywords,
        OneShotKeywords,
        RequestBodyKeywords,
        URLTypes,
        VerifyTypes,
    )


def request(
    method: str,
    url: URLTypes,
    *,
    verify: VerifyTypes = True,
    cert: CertTypes | None = None,
    uds: str | os.PathLike[str] | None = None,
    http1: bool = True,
    http2: bool = True,
    http2_prior_knowledge: bool = False,
    **keywords: Unpack[RequestBodyKeywords],
) -> SyncResponse:
    """Sends one request, and waits for its answer.

    For more than one use a `Session`, which keeps connections, or a `Client`; in a coroutine only
    `Client`, since this blocks. Arguments, answer and exceptions as of `Session.request`; `verify`,
    `cert`, `uds`, `http1`, `http2` and `http2_prior_knowledge` as of `Session`.

        response = hyperhttp.request("GET", "https://example.com/", timeout=5.0)
    """
    with Session(
        verify=verify,
        cert=cert,
        uds=uds,
        http1=http1,
        http2=http2,
        http2_prior_knowledge=http2_prior_knowledge,
    ) as session:
        return session.request(method, url, **keywords)


@contextmanager
def stream(
    method: str,
    url: URLTypes,
    *,
    verify: VerifyTypes = True,
    cert: CertTypes | None = None,
    uds: str | os.PathLike[str] | None = None,
    http1: bool = True,
    http2: bool = True,
    http2_prior_knowledge: bool = False,
    **keywords: Unpack[RequestBodyKeywords],
) -> Iterator[SyncStreamedResponse]:
    """Sends one request, whose answer's body is read as it comes. As `Session.stream`.

    with hyperhttp.stream("GET", url) as response:
        for chunk in response.iter_bytes():
            file.write(chunk)
    """
    with (
        Session(
            verify=verify,
            cert=cert,
            uds=uds,
            http1=http1,
            http2=http2,
            http2_prior_knowledge=http2_prior_knowledge,
        ) as session,
        session.stream(method, url, **keywords) as response,
    ):
        yield response


def get(url: URLTypes, **keywords: Unpack[OneShotKeywords]) -> SyncResponse:
    """Sends one GET request. Arguments as of `request`, but for a body.

    response = hyperhttp.get("https://example.com/", params={"page": 2})
    """
    return request("GET", url, **keywords)


def options(url: URLTypes, **keywords: Unpack[OneShotKeywords]) -> SyncResponse:
    """Sends one OPTIONS request. As `get`."""
    return request("OPTIONS", url, **keywords)


def head(url: URLTypes, **keywords: Unpack[OneShotKeywords]) -> SyncResponse:
    """Sends one HEAD request. As `get`."""
    return request("HEAD", url, **keywords)


def post(url: URLTypes, **keywords: Unpack[OneShotBodyKeywords]) -> SyncResponse:
    """Sends one POST request. Arguments as of `request`."""
    return request("POST", url, **keywords)


def put(url: URLTypes, **keywords: Unpack[OneShotBodyKeywords]) -> SyncResponse:
    """Sends one PUT request. Arguments as of `request`."""
    return request("PUT", url, **keywords)


def patch(url: URLTypes, **keywords: Unpack[OneShotBodyKeywords]) -> SyncResponse:
    """Sends one PATCH request. Arguments as of `request`."""
    return request("PATCH", url, **keywords)


def delete(url: URLTypes, **keywords: Unpack[OneShotBodyKeywords]) -> SyncResponse:
    """Sends one DELETE request. Arguments as of `request`."""
    return request("DELETE", url, **keywords)
