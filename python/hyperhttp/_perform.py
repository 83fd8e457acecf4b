"""What the engine leaves to Python while a request runs: hooks, bodies from iterators, names.

Written once, as coroutines. Client awaits them. Session runs them by `run`: its exchanges wait
inside of take(), so that nothing is ever awaited there.
"""

from __future__ import annotations

from ._engine import PENDING, WANT_BODY, ResponseBase
from .errors import DNSError, StreamConsumed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
    from typing import Any, TypeVar

    from ._engine import Channel, ClientBase, Exchange, Request

    T = TypeVar("T")

ASK_RESOLVE = 2  # HH_ASK_RESOLVE
READ_SIZE = 65536  # bytes, of a body that is a file

_ENDED = object()  # instead of a piece of the body: nobody wants it any more


class _NotPlain(TypeError):
    """A Session was given an async function."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that has nothing to wait for, outside of any event loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        coroutine.close()
    raise RuntimeError("a blocking call can't await anything")


async def perform(
    client: ClientBase,
    request: Request,
    *,
    blocking: bool,
    hooks: dict[str, list[Callable[[Any], Any]]] | None = None,
    resolver: Callable[[str, int], Any] | None = None,
    stream: bool = False,
) -> Any:
    """Sends a request, with hooks before and after it; the response.

    With `stream` its body is yet to be read: the response is a StreamedResponse, or for a Session a
    SyncStreamedResponse, and must be closed. Raises what the request ends with, what a hook or the
    body's iterator raises, and StreamConsumed for an iterator that was used before.
    """
    hooks = hooks or {}
    for hook in hooks.get("request", ()):
        await _call_hook(hook, request, blocking)
    flow = Flow(client, request, blocking=blocking, resolver=resolver, stream=stream)
    try:
        response = await flow.next()
        assert isinstance(response, ResponseBase)
        if stream:
            from . import _stream

            _stream.adopt(response, flow, blocking)
        for hook in hooks.get("response", ()):
            await _call_hook(hook, response, blocking)
    except BaseException:
        flow.close()
        raise
    return response


async def _call_hook(hook: Callable[[Any], Any], argument: object, blocking: bool) -> None:
    result = hook(argument)
    if _is_awaitable(result, "a hook", blocking):
        await result


def _is_awaitable(result: object, what: str, blocking: bool) -> bool:
    if not hasattr(result, "__await__"):
        return False
    if blocking:
        if hasattr(result, "close"):
            result.close()
        raise _NotPlain(f"{what} of a Session must be a plain function, not an async one")
    return True


class Flow:
    """One exchange under way: gives its events, feeds it the body, answers its questions."""

    __slots__ = (
        "_blocking",
        "_body",
        "_cause",
        "_exchange",
        "_is_async",
        "_last",
        "_resolver",
        "_rest",
    )

    def __init__(
        self,
        client: ClientBase,
        request: Request,
        *,
        blocking: bool,
        resolver: Callable[[str, int], Any] | None,
        stream: bool,
    ) -> None:
        self._blocking = blocking
        self._resolver = resolver
        self._cause: BaseException | None = None
        self._body = _claim_body(request, blocking)
        self._is_async = hasattr(self._body, "__anext__")
        self._rest = memoryview(b"")  # of the piece that wasn't taken whole
        self._last = self._body is None
        self._exchange: Exchange | Channel = client._open(
            request,
            ask=ASK_RESOLVE if resolver is not None else 0,
            stream=stream,
            decode=bool(request.extensions.get("decode", True)),
        )

    @property
    def is_ended(self) -> bool:
        """Whether the last event has come."""
        return self._exchange.is_ended

    def close(self) -> None:
        """Ends it; cancels what is under way. Twice is fine."""
        self._exchange.close()

    async def next(self) -> ResponseBase | bytes | None:
        """The answer, then its body in pieces, then None. Raises what the request ends with."""
        while True:
            try:
                event = self._exchange.take()
            except DNSError as error:
                if self._cause is None:
                    raise
                raise error from self._cause
            if type(event) is bytes or event is None:
                return event
            if event is PENDING:
                await self._exchange.wait()  # type: ignore[union-attr]  # a Channel never is
            elif event is WANT_BODY:
                await self._send()
            elif isinstance(event, ResponseBase):
                return event
            elif event[0] == "resolve":
                await self._resolve(event[1], event[2])

    async def _send(self) -> None:
        """Gives the body, until no more of it is taken, or it ends."""
        while not self._exchange.is_ended:
            while not self._last and not self._rest:
                piece = await self._next_piece()
                if piece is _ENDED:
                    return
                if piece is None:
                    self._last = True
                else:
                    self._rest = _view(piece)
            taken = self._exchange.push(self._rest, self._last)
            if taken < len(self._rest):
                self._rest = self._rest[taken:]
                return
            self._rest = memoryview(b"")
            if self._last:
                return

    async def _next_piece(self) -> Any:
        """One more piece of the body; None: that was all; _ENDED: too late."""
        body: Any = self._body
        if not self._is_async:
            return next(body, None)
        try:
            return await self._until_end(body.__anext__())
        except StopAsyncIteration:
            return None

    async def _resolve(self, host: str, port: int) -> None:
        assert self._resolver is not None
        self._cause = None
        try:
            found = self._resolver(host, port)
            if _is_awaitable(found, "the resolver", self._blocking):
                found = await self._until_end(found)
            if found is _ENDED:
                return
            addresses = [found] if isinstance(found, str) else [str(each) for each in found]
            if addresses:
                self._exchange.answer("yes", addresses)
                return
        except _NotPlain:
            raise
        except Exception as error:
            self._cause = error
        self._exchange.answer("no")

    async def _until_end(self, awaitable: Awaitable[Any]) -> Any:
        """Awaits it, but no longer than the exchange lasts: then _ENDED.

        By cancelling the task that is about to await, as asyncio.timeout() does it, so that user
        code runs in the task it belongs to.
        """
        import asyncio

        task = asyncio.current_task()
        if task is None:
            return await awaitable
        cancelling = task.cancelling()
        is_waiting = True
        is_interrupted = False

        def interrupt(_: asyncio.Future[None]) -> None:
            nonlocal is_interrupted
            if is_waiting:  # a callback that the loop has scheduled can't be removed
                is_interrupted = True
                task.cancel()

        ended = self._exchange.wait(for_end=True)  # type: ignore[union-attr]
        ended.add_done_callback(interrupt)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if is_interrupted and task.cancelling() <= cancelling + 1:
                return _ENDED
            raise
        finally:
            is_waiting = False
            if is_interrupted:
                task.uncancel()
            ended.remove_done_callback(interrupt)
            ended.cancel()


def _claim_body(request: Request, blocking: bool) -> AsyncIterator[Any] | Iterator[Any] | None:
    """The iterator that gives the request's body, for the one time it can; None: it's bytes."""
    content: Any = request.content
    if content is None or isinstance(content, bytes):
        return None
    frames = ("gi_frame", "ag_frame")
    if vars(request).get("_consumed") is content or any(
        getattr(content, name, 0) is None for name in frames
    ):
        raise StreamConsumed(
            "the body of this request is an iterator and was sent before: make it anew",
            request=request,
        )
    if hasattr(content, "__aiter__"):
        if blocking:
            raise TypeError("the body of a Session's request can't be an async iterator")
        body: Any = content.__aiter__()
    elif hasattr(content, "read"):
        body = iter(lambda: content.read(READ_SIZE), b"")
    else:
        body = iter(content)
    vars(request)["_consumed"] = content
    return body  # type: ignore[no-any-return]


def _view(piece: object) -> memoryview:
    if isinstance(piece, str):
        raise TypeError("a piece of a body must be bytes, not str: encode() it")
    try:
        return memoryview(piece).cast("B")  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"a piece of a body must be bytes, not {type(piece).__name__}") from None
