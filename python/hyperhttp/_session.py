"""The blocking client."""

# The verbs' bodies are never run: the engine takes their calls.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import overload

from ._batch import build_or_fail, check_max_concurrent, describe, raise_first
from ._config import USE_CLIENT_DEFAULT, ConfiguredClient, UseClientDefault
from ._engine import Request, blocking_verb
from ._response import SyncResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Literal, Self, Unpack

    from ._stream import SyncStreamContext, SyncStreamedResponse
    from ._types import (
        AuthTypes,
        ContentTypes,
        DataTypes,
        FilesTypes,
        HeaderTypes,
        ParamTypes,
        RequestBodyKeywords,
        RequestKeywords,
        TimeoutTypes,
        URLTypes,
    )


class Session(ConfiguredClient):
    """A blocking HTTP client: connections are kept and shared by all its requests.

        with hyperhttp.Session(base_url="https://api.example.com") as session:
            response = session.get("/users", params={"page": 2})
            response.raise_for_status()
            users = response.json()

    Any number of threads may use one at once: each waits for its own answer, and none for another's
    server. Ctrl-C interrupts a wait. After a fork the child gets connections of its own. Close it,
    or leave its block, at the end.

    Arguments, all by keyword:
        base_url: str or URL that relative URLs are joined to: its path goes before theirs.
        headers: sent with every request unless it sets the name itself.
        params: appended to the query of every URL.
        auth: a pair (user, password), or BasicAuth.
        timeout: seconds for each of connect, read and write; a Timeout; None: no bound at all.
        max_connections: int, all hosts together; None: no limit. Requests beyond it queue.
        max_connections_per_host: int; None: as many as there may be.
        max_keepalive_connections: int, idle ones that are kept; None: as many as there may be.
        keepalive_expiry: seconds an idle connection is kept; None: for ever.
        limits: a Limits, instead of the three of its names.
        http1: bool; False: HTTP/2 or UnsupportedProtocol, without TLS too.
        http2: bool, spoken where a TLS server offers it: many requests share a connection.
        http2_prior_knowledge: bool; True: HTTP/2 also without TLS, where nothing tells whether
            the server speaks it.
        http2_keepalive: seconds of silence after which an HTTP/2 connection is asked whether it
            lives, and closed if no answer comes in the same time; None: never.
        follow_redirects: bool. Credentials never cross to another origin.
        max_redirects: int, at least 1; one more is TooManyRedirects.
        verify: True: certificates are checked against the system's trust store; a path of a file
            or directory of CAs; an ssl.SSLContext, of which CAs, lowest version and verification
            are taken over (its client key can't be: give `cert`); False: not checked.
        cert: a client certificate in PEM: path, (path, key's path), or those and a password.
        uds: path of a Unix socket that every connection goes to.
        local_address: IP address to connect from.
        event_hooks: {"request": [function of the Request], "response": [function of the
            response]}, called in order, before and after each request; plain functions.
        max_response_bytes: int, of a decoded body; more is ResponseTooLarge. None: no limit.
        resolver: function (host, port) -> IP addresses, asked instead of DNS; a plain function.
        json_loads, json_dumps: functions instead of those of the standard library, such as
            orjson.loads and orjson.dumps.
        default_encoding: of text that doesn't tell its own: str, or function of bytes; None: UTF-8.

    Raises TypeError, ValueError, InvalidURL, and OSError for files that aren't there.
    """

    _blocking = True

    @blocking_verb("GET")
    def get(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a GET request; the answer, read.

        Arguments:
            url: str or URL; joined to the client's ``base_url`` unless it is absolute.
            params: appended to the URL's query: a mapping (a list repeats the key, None leaves
                it out), pairs, or text that is encoded already.
            headers: mapping or pairs of str; they replace the client's of the same name.
            auth: a pair (user, password); None: none, whatever the client has.
            timeout: seconds (int or float) for each of connect, read and write; a Timeout; None:
                no bound at all.
            follow_redirects: bool; None: as the client does.
            max_response_bytes: int, of the decoded body; more is ResponseTooLarge.

        Raises a TransportError when there is no answer (ConnectError, ReadTimeout ...), another
        RequestError for one that can't be used, InvalidURL, TypeError and ValueError for arguments
        that are wrong, RuntimeError once the client is closed. Any status is an answer: see
        `raise_for_status()`.

            response = session.get("https://example.com/", params={"page": 2}, timeout=5.0)
        """

    @blocking_verb("OPTIONS")
    def options(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends an OPTIONS request. Arguments, answer and exceptions as of `get`."""

    @blocking_verb("HEAD")
    def head(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a HEAD request. Arguments, answer and exceptions as of `get`."""

    @blocking_verb("DELETE")
    def delete(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        content: ContentTypes | None = None,
        json: Any = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a DELETE request. As `get`; with ``content=`` or ``json=`` it has a body."""

    @blocking_verb("POST")
    def post(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        content: ContentTypes | None = None,
        data: DataTypes | None = None,
        files: FilesTypes | None = None,
        json: Any = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a POST request with a body, if any is given.

        Arguments, one kind of body at a time:
            content: bytes or str as they are; a binary file or an iterator of bytes,
                sent as it gives them (chunked unless Content-Length is in `headers`).
            data: a form, as `params`; or, with `files`, its fields.
            files: a multipart form: mapping or pairs of name to bytes, str, a file, or
                (filename, content[, content_type[, headers]]).
            json: anything that `json_dumps` takes; None sends none.

        The rest, answer and exceptions as of `get`. A body from an iterator can be sent once:
        where a redirect wants it again, StreamConsumed is raised.
        """

    @blocking_verb("PUT")
    def put(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        content: ContentTypes | None = None,
        data: DataTypes | None = None,
        files: FilesTypes | None = None,
        json: Any = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a PUT request. Arguments, answer and exceptions as of `post`."""

    @blocking_verb("PATCH")
    def patch(
        self,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        content: ContentTypes | None = None,
        data: DataTypes | None = None,
        files: FilesTypes | None = None,
        json: Any = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a PATCH request. Arguments, answer and exceptions as of `post`."""

    @blocking_verb(None)
    def request(
        self,
        method: str,
        url: URLTypes,
        *,
        params: ParamTypes | None = None,
        headers: HeaderTypes | None = None,
        content: ContentTypes | None = None,
        data: DataTypes | None = None,
        files: FilesTypes | None = None,
        json: Any = None,
        auth: AuthTypes | None | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        follow_redirects: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> SyncResponse:
        """Sends a request of any method (str, a token, sent as given). The rest as of `post`."""

    @overload
    def send(self, request: Request, *, stream: Literal[False] = False) -> SyncResponse: ...

    @overload
    def send(self, request: Request, *, stream: Literal[True]) -> SyncStreamedResponse: ...

    def send(self, request: Request, *, stream: bool = False) -> Any:
        """Sends a Request, of `build_request` or made by hand: the answer.

        What the session adds by default is in it already if `build_request` made it; to one made by
        hand nothing is added. With ``stream=True`` its body is yet to be read, and it must be
        closed by ``close()``. Raises what `get` does, and StreamConsumed when its body is an
        iterator that was used.
        """
        if not isinstance(request, Request):
            raise TypeError(f"send() takes a Request, not {type(request).__name__}")
        if not stream and not self._needs_perform and isinstance(request.content, bytes):
            return self._start(request)
        from ._perform import perform, run

        return run(
            perform(
                self,
                request,
                blocking=True,
                hooks=self._hooks,
                resolver=self._resolver,
                stream=stream,
            )
        )

    def _perform(self, method: str, url: URLTypes, keywords: dict[str, Any]) -> Any:
        """What a verb leaves to Python: hooks, a resolver, a body from an iterator."""
        return self.send(self.build_request(method, url, **keywords))

    def stream(
        self, method: str, url: URLTypes, **keywords: Unpack[RequestBodyKeywords]
    ) -> SyncStreamContext:
        """An answer whose body is read as it comes, however large. Arguments as of `request`.

            with session.stream("GET", url) as response:
                for chunk in response.iter_bytes():
                    file.write(chunk)

        Entering it sends the request; leaving it ends it, read to the end or not. Raises what
        `request` does.
        """
        from ._stream import SyncStreamContext

        return SyncStreamContext(self, self.build_request(method, url, **keywords))

    @overload
    def batch(
        self,
        requests: Iterable[URLTypes | Request],
        *,
        max_concurrent: int | None = None,
        return_exceptions: Literal[False] = False,
    ) -> list[SyncResponse]: ...

    @overload
    def batch(
        self,
        requests: Iterable[URLTypes | Request],
        *,
        max_concurrent: int | None = None,
        return_exceptions: bool,
    ) -> list[SyncResponse | BaseException]: ...

    def batch(
        self,
        requests: Iterable[URLTypes | Request],
        *,
        max_concurrent: int | None = None,
        return_exceptions: bool = False,
    ) -> Any:
        """Sends many at once, and waits for all: the answers, in the order of `requests`.

        Arguments:
            requests: iterable of URLs (str or URL, sent by GET) and Requests; taken bit by bit.
            max_concurrent: int, how many are under way at most; None: the pool's limits alone.
            return_exceptions: bool. True: what failed stands as its exception in the list.
                False: once all have ended, the first failure is raised.

        With event hooks or a resolver, which run in this thread, one is sent after the other.

            responses = session.batch(f"/items/{number}" for number in range(1000))
        """
        limit = check_max_concurrent(max_concurrent)
        if not self._needs_perform:
            return self._batch(requests, limit, return_exceptions)
        results: list[SyncResponse | BaseException] = []
        for each in requests:
            try:
                results.append(self.send(each) if isinstance(each, Request) else self.get(each))
            except Exception as error:
                results.append(error)
        if not return_exceptions:
            raise_first(results)
        return results

    def batch_get(
        self,
        urls: Iterable[URLTypes],
        *,
        max_concurrent: int | None = None,
        **keywords: Unpack[RequestKeywords],
    ) -> list[dict[str, Any]]:
        """GETs many URLs at once; `keywords` are those of `get`. A dict for each, in order.

        ``{"url", "status_code", "headers", "content", "success": True}``, where headers is a dict
        of str and content is bytes; or ``{"url", "error", "success": False}``, where error is a
        sentence. Any status is a success. No failure of a request is raised.
        """
        urls = list(urls)
        built = [build_or_fail(self, url, keywords) for url in urls]
        requests = [each for each in built if not isinstance(each, Exception)]
        results = iter(self.batch(requests, max_concurrent=max_concurrent, return_exceptions=True))
        return [
            describe(url, each if isinstance(each, Exception) else next(results))
            for url, each in zip(urls, built, strict=True)
        ]

    def close(self) -> None:
        """Ends what is in flight in other threads, closes every connection. Twice is fine."""
        self._close()

    def __enter__(self) -> Self:
        if self.is_closed:
            raise RuntimeError("the session is closed; make a new one")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()
