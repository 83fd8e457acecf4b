"""What is measured: the clients, the shapes, and which targets the results are held against."""

from __future__ import annotations

from dataclasses import dataclass, field

OURS = "hyperhttp"
OURS_BLOCKING = "hyperhttp Session"
C_API = "C API (yardstick)"
C_BATCH = "C API, the same batch (yardstick)"
WRK = "wrk (yardstick)"
H2LOAD = "h2load (yardstick)"


@dataclass(frozen=True)
class Client:
    """A client in one of its flavours: worker module, folders of peers it needs, event loop."""

    label: str
    module: str
    needs: tuple[str, ...] = ()
    loop: str = "asyncio"


ASYNC = (
    Client(OURS, "hyperhttp_client"),
    Client("hyperhttp on uvloop", "hyperhttp_client", ("uvloop",), "uvloop"),
    Client("aiohttp", "aiohttp_client", ("aiohttp",)),
    Client("aiohttp on uvloop", "aiohttp_client", ("aiohttp", "uvloop"), "uvloop"),
    Client("httpx", "httpx_client", ("httpx",)),
    Client("httpx2", "httpx2_client", ("httpx2",)),
    Client("niquests", "niquests_client", ("niquests",)),
    Client("pyreqwest", "pyreqwest_client", ("pyreqwest",)),
)
HTTP2_STREAMS = 25  # what the HTTP/2 server allows on one connection
HTTP2 = tuple(client for client in ASYNC if not client.module.startswith("aiohttp"))
MULTI = Client("pycurl multi", "pycurl_multi", ("pycurl",))
BLOCKING = (
    Client(OURS_BLOCKING, "hyperhttp_client"),
    Client("requests", "requests_client", ("requests",)),
    Client("niquests", "niquests_client", ("niquests",)),
    Client("urllib3", "urllib3_client", ("urllib3",)),
    Client("httpx", "httpx_client", ("httpx",)),
    Client("httpx2", "httpx2_client", ("httpx2",)),
    Client("pycurl easy", "pycurl_easy", ("pycurl",)),
    Client("pyreqwest", "pyreqwest_client", ("pyreqwest",)),
)


@dataclass(frozen=True)
class Shape:
    """One table: the worker's shape, its clients, concurrency, and which yardsticks run with it.

    `amount` and `quick` are seconds or numbers of requests, as the worker's shape has it, and a
    `quick` of 0 leaves the shape out of a quick run; `c_api` is the number of requests the C API gets, 0
    for none; `connections` is how many a client may open, 0 for as many as `concurrency`. An HTTP/2 shape
    has its own server, over TLS, and h2load in wrk's place.
    """

    key: str
    title: str
    kind: str
    clients: tuple[Client, ...]
    concurrency: int
    amount: float
    quick: float
    c_api: int = 0
    wrk: bool = False
    connections: int = 0
    is_http2: bool = False

    @property
    def generator(self) -> str:
        return H2LOAD if self.is_http2 else WRK

    @property
    def ours(self) -> str:
        return self.clients[0].label


SHAPES = (
    Shape("async-1", "Async, one at a time", "loop", (*ASYNC, MULTI), 1, 1.0, 0.3, 20_000, True),
    Shape("async-100", "Async, 100 tasks", "loop", (*ASYNC, MULTI), 100, 1.0, 0.4, 100_000, True),
    Shape("async-1000", "Async, 1,000 tasks", "loop", (*ASYNC, MULTI), 1_000, 1.0, 0, 100_000, True),
    Shape("waves-100", "Async, waves: gather of 100 again and again", "waves", ASYNC, 100, 0.7, 0),
    Shape("gather-10000", "10,000 gathered at once, 100 connections", "gather", (*ASYNC, MULTI), 100,
          10_000, 10_000, 50_000),
    Shape("batch-10000", "Batch of 10,000 URLs, 100 connections", "batch", ASYNC[:2], 100, 10_000,
          10_000, 50_000),
    Shape("http2-100", f"HTTP/2 over TLS, 100 tasks, 4 connections of {HTTP2_STREAMS} streams", "loop",
          (*HTTP2, MULTI), 100, 1.0, 0.4, 200_000, True, connections=4, is_http2=True),
    Shape("sequential", "Blocking, one at a time", "sequential", BLOCKING, 1, 1.0, 0.3, 20_000, True),
    Shape("threads-16", "16 threads on one session", "threads", BLOCKING, 16, 1.0, 0.4, 0, True),
)

# What makes each client, as its documentation has it, and how often that is timed.
CREATE = (
    (Client("hyperhttp Client", "hyperhttp_client"), "create", 200),
    (Client(OURS_BLOCKING, "hyperhttp_client"), "create-blocking", 200),
    (Client("aiohttp", "aiohttp_client", ("aiohttp",)), "create", 50),
    (Client("httpx", "httpx_client", ("httpx",)), "create", 11),
    (Client("httpx2", "httpx2_client", ("httpx2",)), "create", 11),
    (Client("niquests", "niquests_client", ("niquests",)), "create", 50),
    (Client("requests", "requests_client", ("requests",)), "create-blocking", 50),
    (Client("urllib3", "urllib3_client", ("urllib3",)), "create-blocking", 50),
    (Client("pycurl", "pycurl_easy", ("pycurl",)), "create-blocking", 200),
    (Client("pyreqwest", "pyreqwest_client", ("pyreqwest",)), "create", 50),
)

# What is imported over `import asyncio`, and the folders that needs.
IMPORTS = (
    ("hyperhttp", ()), ("aiohttp", ("aiohttp",)), ("httpx", ("httpx",)), ("httpx2", ("httpx2",)),
    ("niquests", ("niquests",)), ("requests", ("requests",)), ("urllib3", ("urllib3",)),
    ("pycurl", ("pycurl",)), ("pyreqwest.client", ("pyreqwest",)),
)


@dataclass(frozen=True)
class Target:
    """A ratio of ours to a peer's in the same round, or a value of ours, held against a bound.

    `what` is `rate`, `cpu`, `p99`, `tail` (our p99 to our median) or `rss` (MB). A rate is to be at least
    the bound, everything else at most. No peer means: the value itself.
    """

    work: str
    shape: str
    what: str
    peer: str | None
    bound: float


@dataclass
class Numbers:
    """What is no ratio: peak memory of bare Python in KiB, import in ms, creation in µs, by name."""

    idle_kib: dict[str, int] = field(default_factory=dict)
    import_ms: dict[str, float] = field(default_factory=dict)
    create_us: dict[str, float] = field(default_factory=dict)


TARGETS = (
    Target("`await client.get()`, c=100: CPU to wrk's", "async-100", "cpu", WRK, 1.5),
    Target("… p99 to wrk's", "async-100", "p99", WRK, 2),
    Target("… rate to aiohttp's", "async-100", "rate", "aiohttp", 15),
    Target("… rate to httpx's", "async-100", "rate", "httpx", 60),
    Target("… rate to pycurl multi's", "async-100", "rate", "pycurl multi", 2.5),
    Target("the same over HTTP/2, 4 connections: CPU to h2load's", "http2-100", "cpu", H2LOAD, 1.7),
    Target("10,000 gathered: rate to aiohttp's", "gather-10000", "rate", "aiohttp", 12),
    Target("… peak memory in all, MB", "gather-10000", "rss", None, 50),
    Target("`client.batch()`: CPU to the C API's for the same batch", "batch-10000", "cpu", C_BATCH, 1.2),
    Target("… CPU to the C API's with one request reused", "batch-10000", "cpu", C_API, 1.2),
    Target("`Session.get()`: rate to requests'", "sequential", "rate", "requests", 15),
    Target("… rate to pycurl easy's", "sequential", "rate", "pycurl easy", 1.3),
    Target("16 threads: rate to requests'", "threads-16", "rate", "requests", 8),
    Target("… p99 to our own median", "threads-16", "tail", None, 3),
)
IMPORT_TARGET_MS = 15
CREATE_TARGET_US = 100
