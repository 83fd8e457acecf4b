# The C extension, python/ext/. Checked against the built module by stubtest.

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, ParamSpec, Self, TypeVar, final, overload
import asyncio
import contextvars

from ._types import (
    ContentTypes, DataTypes, HeaderTypes, ParamTypes, TimeoutTypes, URLTypes, FileTypes, AuthTypes,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

__version__: Final[str]

def register(**values: object) -> None: ...

# What take() of an exchange gives beside bytes, answers and questions.
PENDING: Final[object]
WANT_BODY: Final[object]

class Headers(MutableMapping[str, str]): ...       # filled in by its owner
class URL: ...
class Timeout: ...
class Request: ...
class ResponseBase: ...

@final
class Ready(Generic[_T_co]):
    def __await__(self) -> Generator[Any, None, _T_co]: ...

@final
class Call(Generic[_T_co]):
    """One request under way; a Future and a coroutine."""

    def __await__(self) -> Generator[Any, None, _T_co]: ...
    def send(self, value: None, /) -> Any: ...
    def throw(self, exception: BaseException, /) -> Any: ...
    def close(self) -> None: ...
    def cancel(self, msg: object = None) -> bool: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool: ...
    def result(self) -> _T_co: ...
    def exception(self) -> BaseException | None: ...
    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None: ...
    def remove_done_callback(self, callback: Callable[[Any], object]) -> int: ...
    async def __aenter__(self) -> _T_co: ...
    async def __aexit__(self, *exc_info: object) -> None: ...

class ClientBase:
    """What Client and Session share."""

    # `engine_options`: names of hh_client_options (options.c), seconds as floats, kept so that a forked child can open
    # its own engine. `defaults`: blocking (bool), needs_perform (bool), headers, params, base_url (str or ""), auth,
    # json_dumps, json_loads, default_encoding; each may be left out.
    def __init__(self, engine_options: dict[str, Any], defaults: dict[str, Any], /) -> None: ...
    headers: Headers
    @property
    def is_closed(self) -> bool: ...
    def _close(self) -> None: ...                   # cancels what is in flight, frees the engine
    def _stats(self) -> dict[str, int]: ...         # every number of hh_client_stats
    def build_request(self, method: str, url: URLTypes, **keywords: Any) -> Request: ...
    def _start(self, request: Request) -> Any: ...  # Client: a Call. Session: sends, waits, the answer
    def _batch(self, requests: Iterable[Any], max_concurrent: int | None, return_exceptions: bool) -> Any: ...
    def _open(self, request: Request, trace: bool = False, ask: int = 0, stream: bool = True) -> Any:  # Client: Exchange. Session: Channel
        ...

@final
class Exchange:
    """One request, event by event, under asyncio."""

    def take(self) -> Any:
        """The next event without waiting: PENDING; an answer (its head is here); bytes of the body;
        WANT_BODY; ("redirect", location, method, response); ("resolve", host, port); None at the end.
        Raises what the request failed with."""
    def wait(self) -> asyncio.Future[None]:
        """Done as soon as take() has something."""
    def answer(self, verdict: str, addresses: Sequence[str] = ()) -> None: ...  # "default" "yes" "no" "fail"
    def push(self, data: bytes, last: bool) -> int:
        """Gives body bytes; how many were taken."""
    def close(self) -> None:
        """Ends it; cancels what is under way. Twice is fine."""
    @property
    def is_ended(self) -> bool: ...

@final
class Channel:
    """The same, blocking: take() waits and is never PENDING."""
    def take(self) -> Any: ...
    def answer(self, verdict: str, addresses: Sequence[str] = ()) -> None: ...
    def push(self, data: bytes, last: bool) -> int: ...
    def close(self) -> None: ...
    @property
    def is_ended(self) -> bool: ...

def verb(method: str | None) -> Callable[
    [Callable[_P, Coroutine[Any, Any, _T]]], Callable[_P, Call[_T]]
]:
    """Makes a method of Client out of a template `async def`: the C code takes the call, the template
    gives name, signature and documentation. None: the method is the first argument."""

def blocking_verb(method: str | None) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """The same for Session, out of a plain `def`."""
