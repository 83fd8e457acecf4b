"""HTTP/2 against real servers: each of tests/support/h2_servers.py, over TLS and in the clear."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from h2_servers import STARTERS, Server, Site, make_site, running

TRANSPORTS = ("tls", "plain")
WITH_ORIGIN = [name for name in STARTERS if name != "nghttpd"]
PATIENCE_S = 60
PING_MS = 8000  # of silence: a loaded server is up again before that, a lost one never


class Servers:
    """Starts what is asked for, once; nginx first, the origin behind the others."""

    def __init__(self, stack: ExitStack):
        self.stack = stack
        self.site: Site = make_site()
        stack.callback(self.site.close)
        self.started: dict[str, Server] = {}

    def __getitem__(self, name: str) -> Server:
        for wanted in ("nginx", name):
            if wanted not in self.started:
                self.started[wanted] = self.stack.enter_context(running(wanted, self.site))
        return self.started[name]


@pytest.fixture(scope="session")
def servers():
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(params=list(STARTERS))
def server(request, servers) -> Server:
    return servers[request.param]


@pytest.fixture(params=WITH_ORIGIN)
def full_server(request, servers) -> Server:
    """One that has what only the origin has."""
    return servers[request.param]


@pytest.fixture(params=TRANSPORTS)
def transport(request) -> str:
    return request.param


class Calls:
    """Runs h2_calls."""

    def __init__(self, binary: Path):
        self.binary = binary

    def start(self, server: Server, transport: str, path: str, *options: object):
        how = ["--ca", server.site.certificate] if transport == "tls" else ["--plain"]
        command = [self.binary, *how, *options, server.url(transport, path)]
        return subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen) -> dict:
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == 0, err
        report = json.loads(out.splitlines()[-1])
        report["stderr"] = err
        return report

    def __call__(self, server: Server, transport: str, path: str, *options: object) -> dict:
        return self.finish(self.start(server, transport, path, *options))


@pytest.fixture(scope="session")
def calls(hyperhttp) -> Calls:
    return Calls(hyperhttp.binary.parent / "tests" / "e2e" / "h2_calls")


def assert_all_answered(report: dict, server: Server, name: str, count: int) -> None:
    assert report["errors"] == {}, report["stderr"]
    assert report["statuses"] == {"200": count}
    assert report["versions"] == {"20": count}
    assert report["hashes"] == {server.site.hash_of(name): count}


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 100, 1000])
def test_many_requests_over_few_connections(calls, server, transport, count):
    report = calls(server, transport, "/small", "--requests", count)
    assert_all_answered(report, server, "small", count)
    assert report["connections"] <= 2
    assert report["replays"] == 0


def test_large_bodies(calls, server, transport):
    report = calls(server, transport, "/large", "--requests", 4)
    assert_all_answered(report, server, "large", 4)
    assert report["connections"] == 1
    assert report["buffers"] == 0


@pytest.mark.parametrize("push", [0, 100_000])
def test_uploads(calls, server, transport, push):
    site = server.site
    name = f"{server.name}-{transport}-{push}"
    options = ["--method", "PUT", "--body", site.base / "root" / "large", "--push", push]
    report = calls(server, transport, f"/put/{name}", *options)
    assert report["errors"] == {}, report["stderr"]
    assert report["versions"] == {"20": 1}
    if server.name == "nghttpd":
        assert report["hashes"] == {site.hash_of("large"): 1}
    else:
        assert (site.base / "put" / name).read_bytes() == site.content("large")


def test_trailers(calls, servers, transport):
    report = calls(servers["nghttpd"], transport, "/small", "--requests", 10)
    assert report["trailers"] == 10


def test_redirects_and_gzip(calls, full_server, transport):
    report = calls(full_server, transport, "/redirect", "--requests", 10)
    assert_all_answered(report, full_server, "small", 10)
    assert report["redirects"] == 10
    assert report["connections"] == 1
    report = calls(full_server, transport, "/gzip/text", "--requests", 10)
    assert_all_answered(report, full_server, "gzip/text", 10)


# --- streams that end early -----------------------------------------------------------------------


def test_half_of_200_cancelled(calls, server, transport):
    """haproxy 2.6 may forget the streams it is about to serve: those that queue behind one that is
    reset aren't woken when that one goes, and though both windows are open and nothing is left to
    be written, they stay there until the connection says something: a PING, which is asked for."""
    options = ["--requests", 200, "--at-once", 200, "--cancel"]
    if server.name == "haproxy":
        options += ["--ping", PING_MS]
    report = calls(server, transport, "/medium", *options)
    assert report["cancelled"] == 100, report["stderr"]
    assert_all_answered(report, server, "medium", 100)
    assert report["connections"] <= 4


def test_one_stream_times_out_alone(calls, full_server, transport):
    hanging = full_server.url(transport, "/hang")
    report = calls(
        *(full_server, transport, "/small", "--requests", 200),
        *("--beside", hanging, "--silence", 300),
    )
    assert report["errors"] == {"HH_ERR_TIMEOUT_READ": 1}
    assert report["statuses"] == {"200": 200}
    assert report["connections"] <= 2


# --- connections that end -------------------------------------------------------------------------


def test_goaway_every_50_requests(calls, servers):
    """Nothing fails, nothing is answered twice: nginx closes with GOAWAY after 50 requests."""
    report = calls(servers["nginx"], "few", "/small", "--requests", 1000)
    assert_all_answered(report, servers["nginx"], "small", 1000)
    assert 20 <= report["connections"] <= 60


@pytest.mark.parametrize("name", ["nginx", "nghttpd"])
def test_few_streams_at_once(calls, servers, name):
    report = calls(servers[name], "narrow", "/page", "--requests", 200, "--at-once", 200)
    assert_all_answered(report, servers[name], "page", 200)


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_idle_time_out_of_the_server(calls, servers, name):
    report = calls(servers[name], "brief", "/small", "--requests", 10, "--again")
    assert_all_answered(report, servers[name], "small", 20)
    assert report["connections"] == 2
    assert report["replays"] == 0


@pytest.mark.parametrize("name", ["nginx", "apache", "caddy", "haproxy"])
def test_graceful_reload_under_load(calls, servers, name, transport):
    """Old processes finish what they have begun; new ones take the rest. Apache's close connections
    with requests under way, new ones too, now behind a GOAWAY and now without: those go again."""
    server = servers[name]
    count = 3000
    options = ["--requests", count, "--at-once", 50, "--say", 500]
    process = calls.start(server, transport, "/small", *options)
    assert process.stdout.readline() == "500 answered\n"
    server.reload()
    report = calls.finish(process)
    assert_all_answered(report, server, "small", count)


def test_shutdown_under_load(calls, servers, transport):
    """What can't be answered any more fails once, and says so; nothing hangs."""
    with running("nginx", make_site()) as server:
        try:
            options = ["--requests", 3000, "--at-once", 50, "--say", 500]
            process = calls.start(server, transport, "/small", *options)
            assert process.stdout.readline() == "500 answered\n"
            server.stop()
            report = calls.finish(process)
            failed = sum(report["errors"].values())
            assert report["answered"] + failed == 3000
            assert set(report["statuses"]) == {"200"}
            assert report["errors"].get("HH_ERR_CONNECT", 0) >= failed - 50
        finally:
            server.site.close()


# --- the command ----------------------------------------------------------------------------------


def arguments_for(server: Server, transport: str) -> list:
    if transport == "tls":
        return ["--cacert", server.site.certificate]
    return ["--http2-prior-knowledge"]


def test_command(hyperhttp, server, transport, tmp_path):
    how = arguments_for(server, transport)
    outcome = hyperhttp(*how, "-v", server.url(transport, "/small"))
    assert outcome.status == 0, outcome.err
    assert outcome.out == server.site.content("small")
    assert "HTTP/2 settings of the peer" in outcome.err
    assert "HTTP/2, stream 1" in outcome.err
    assert "HTTP/2 200" in outcome.err
    outcome = hyperhttp(*how, "-I", server.url(transport, "/medium"))
    assert outcome.status == 0, outcome.err
    assert outcome.text.startswith("HTTP/2 200")
    assert "content-length: 1048576" in outcome.text.lower()
    outcome = hyperhttp(*how, "-f", server.url(transport, "/none"))
    assert outcome.status == 22
    assert "404" in outcome.err


def test_command_without_http2(hyperhttp, server):
    how = ["--cacert", server.site.certificate, "--http1.1"]
    outcome = hyperhttp(*how, "-i", server.url("tls", "/small"))
    if server.name == "nghttpd":  # speaks nothing else
        assert outcome.status != 0
        return
    assert outcome.status == 0, outcome.err
    assert outcome.out.startswith(b"HTTP/1.1 200")


def test_batch(hyperhttp, server, transport, tmp_path):
    urls = [server.url(transport, "/small")] * 300
    how = arguments_for(server, transport)
    outcome = hyperhttp("batch", *how, "--jsonl", "-", "-i", "-", input="\n".join(urls).encode())
    assert outcome.status == 0, outcome.err
    results = [json.loads(line) for line in outcome.out.splitlines()]
    assert len(results) == 300
    assert {result["http_version"] for result in results} == {"2"}
    assert {result["bytes"] for result in results} == {100}
