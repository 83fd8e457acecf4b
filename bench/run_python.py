"""Measures the Python package beside its peers, in one sitting against one nginx.

The server has one core, the client under test the other, every measurement a process of its own. A round
takes each shape and each client once; ratios are taken within a round, and the tables give their median with
the smallest and the largest. Rounds stop when the next would run over the time allowed.

    python bench/run_python.py [--quick] [--rounds N] [--shape KEY] [--build DIR]

Writes python.md, python.json and PNG plots to bench/results/. Peers come from bench/peers.txt; one that isn't
installed, or fails, is named in the table with the reason. README.md beside this file says how to read them.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

from harness import (
    CLIENT_CORE,
    RESULTS,
    ROOT,
    Server,
    machine,
    run_h2load,
    run_timed,
    run_wrk,
)
from http2_servers import Http2Servers
from python.catalogue import (
    ASYNC,
    C_API,
    C_BATCH,
    CREATE,
    HTTP2_STREAMS,
    IMPORTS,
    SHAPES,
    Client,
    Numbers,
    Shape,
)
from python.peers import Peers
from python.report import Sample, write

WORKER = ROOT / "bench" / "python" / "worker.py"
LIMIT_SECONDS = 4.0  # a slow client's requests are cut short then
WORKER_SECONDS = 20  # a worker that takes longer is stopped, and its row says so
ALLOWED_SECONDS = {False: 330.0, True: 75.0}
IMPORT_TIMES = {False: 21, True: 3}
# CPU time, which is wall time on a quiet machine: the byte code is there, and nothing waits.
TIME_IMPORT = (
    "import asyncio, time; t = time.process_time(); import {0}; print((time.process_time() - t) * 1e3)"
)


@dataclass
class Results:
    """By shape and client, one sample a round; and for each client without any, why."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)
    rounds: int = 0


class Failed(Exception):
    """A measurement that gave no number; the text says why."""


class Bench:
    def __init__(self, peers: Peers, build: pathlib.Path, server: Server, http2: Http2Servers,
                 quick: bool) -> None:
        self.peers, self.build, self.quick = peers, build, quick
        self.urls = {False: server.url(server.plain, "/json"), True: http2.url("nghttpd TLS", "/json")}
        self.http2_ca = str(http2.folder / "ca.pem")
        self.results = Results()
        self.has_ours = self.try_ours()

    def try_ours(self) -> str:
        """Empty when the package can be imported, else why it can't."""
        done = subprocess.run([sys.executable, "-c", "import hyperhttp; hyperhttp.Client"],
                              capture_output=True, text=True, check=False)
        return done.stderr.strip().splitlines()[-1] if done.returncode else ""

    def demand_installed(self, client: Client) -> None:
        if client.module == "hyperhttp_client" and self.has_ours:
            raise Failed(f"not installed: {self.has_ours}")
        for name in client.needs:
            if name in self.peers.missing:
                raise Failed(f"not installed: {self.peers.missing[name]}")

    def python(self, needs: tuple[str, ...], *arguments: object, is_http2: bool = False) -> str:
        """Runs Python on the client's core with these peers on its path; what it printed."""
        command = ["taskset", "-c", str(CLIENT_CORE), sys.executable, *map(str, arguments)]
        # Nothing that changes how Python runs comes along, such as a ban on writing byte code.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env["PYTHONPATH"] = self.peers.path(needs)
        if is_http2:
            env["BENCH_HTTP2_CA"] = self.http2_ca
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=env, check=False,
                                  timeout=WORKER_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"failed: more than {WORKER_SECONDS} s") from None
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise Failed(f"failed: {last} (exit status {done.returncode})")
        return done.stdout

    def worker(self, client: Client, kind: str, amount: float, shape: Shape | None = None) -> dict[str, Any]:
        """One client in one kind of shape; `shape` says how many at once and where, none: nothing is sent."""
        self.demand_installed(client)
        is_http2 = shape is not None and shape.is_http2
        concurrency = shape.concurrency if shape is not None else 1
        connections = (shape.connections if shape is not None else 0) or concurrency
        output = self.python(client.needs, WORKER, kind, client.module, client.loop, self.urls[is_http2],
                             concurrency, connections, amount, LIMIT_SECONDS, is_http2=is_http2)
        result: dict[str, Any] = json.loads(output)
        if "too_slow" in result:
            raise Failed(f"too slow: {result['too_slow']}")
        return result

    def measure(self, shape: Shape, label: str, client: Client | None) -> Sample:
        if client is not None:
            amount = shape.quick if self.quick else shape.amount
            return Sample(**self.worker(client, shape.kind, amount, shape))
        if label == shape.generator:
            return self.measure_generator(shape)
        return self.measure_c_api(shape, label)

    def measure_generator(self, shape: Shape) -> Sample:
        url = self.urls[shape.is_http2]
        found: Any
        if shape.is_http2:
            connections = shape.connections
            found = run_h2load(url, connections, shape.concurrency // connections, shape.c_api)
        else:
            found = run_wrk(url, shape.concurrency, 1)
        return Sample(**{**found, "rss_kib": 0})

    def measure_c_api(self, shape: Shape, label: str) -> Sample:
        program, mode, total = "bench_client", "keepalive", shape.c_api // 4 if self.quick else shape.c_api
        more: list[str] = []
        if label == C_BATCH:
            mode, total = "batch", int(shape.amount)
        if shape.is_http2:
            program, mode, more = "bench_streams", "get", [str(shape.connections)]
        output, _, _, _ = run_timed([str(self.build / "bench" / program), mode, self.urls[shape.is_http2],
                                     str(shape.concurrency), str(total), *more],
                                    {"CA_FILE": self.http2_ca})
        found = json.loads(output)
        if found["failures"]:
            raise SystemExit(f"{program}: {found['failures']} requests failed")
        return Sample(found["requests"], found["seconds"], found["cpu_us"] / 1e6, found["p50_us"],
                      found["p99_us"])

    def run_shape(self, shape: Shape) -> None:
        samples = self.results.samples.setdefault(shape.key, {})
        failed = self.results.failed.setdefault(shape.key, {})
        plan: list[tuple[str, Client | None]] = [(client.label, client) for client in shape.clients]
        plan += [(C_API, None)] if shape.c_api else []
        plan += [(C_BATCH, None)] if shape.kind == "batch" else []
        plan += [(shape.generator, None)] if shape.wrk else []
        for label, client in plan:
            if label in failed:
                continue
            try:
                sample = self.measure(shape, label, client)
                samples.setdefault(label, []).append(sample)
            except Failed as why:
                failed[label] = str(why)
                samples.pop(label, None)

    def run_numbers(self) -> None:
        """Import, creation and bare Python: once, each many times in itself."""
        numbers, failed = self.results.numbers, self.results.failed
        for total in (0, 10_000):
            idle = json.loads(self.python((), WORKER, "idle", "-", "asyncio", "-", 1, 1, total, 1))
            numbers.idle_kib[f"{total:,} idle tasks"] = idle["rss_kib"]
        for client, shape, times in CREATE:
            try:
                made = self.worker(client, shape, times)
                numbers.create_us[client.label] = made["create_us"]
            except Failed as why:
                failed.setdefault("create", {})[client.label] = str(why)
        took: dict[str, list[float]] = {}
        times = IMPORT_TIMES[self.quick]
        for _ in range(times + 1):  # the first writes byte code and fills caches
            for name, needs in IMPORTS:
                if name in failed.setdefault("import", {}):
                    continue
                try:
                    self.demand_installed(Client(name, f"{name}_client", needs))
                    output = self.python(needs, "-c", TIME_IMPORT.format(name))
                    took.setdefault(name, []).append(float(output))
                except Failed as why:
                    failed["import"][name] = str(why)
        numbers.import_ms = {name: statistics.median(values[1:]) for name, values in took.items()
                             if len(values) > 1}

    def run(self, shapes: list[Shape], rounds: int) -> None:
        started = time.monotonic()
        if len(shapes) > 1:
            say("import, creation")
            self.run_numbers()
        for number in range(rounds):
            round_started = time.monotonic()
            for shape in shapes:
                say(f"round {number + 1} of {rounds}: {shape.title}")
                self.run_shape(shape)
            self.results.rounds += 1
            took = time.monotonic() - round_started
            if time.monotonic() - started + took > ALLOWED_SECONDS[self.quick] * max(1, rounds / 3):
                break
        say(f"took {time.monotonic() - started:.0f} s, {self.results.rounds} of {rounds} rounds")


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def versions(peers: Peers) -> str:
    named = ", ".join(f"{name} {version}" for name, version in peers.versions.items())
    return f"Python {sys.version.split()[0]}; {named}; {machine(['wrk', '-v'])}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short measurements, one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--shape", choices=[shape.key for shape in SHAPES])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    options = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", "h2o", "nghttpd", "h2load", "taskset", "openssl") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"bench: not installed: {', '.join(missing)}; `make bench` installs them")
    peers = Peers(options.build / "peers")
    peers.install()
    load = os.getloadavg()[0]
    if load > 2.5:  # the C part, run just before, makes 2
        say(f"the machine has other work (load {load:.1f}): rates will be off, CPU a request less so")
    shapes = [shape for shape in SHAPES if options.shape in (None, shape.key)
              and (shape.quick or not options.quick)]
    rounds = options.rounds or (1 if options.quick else 3)
    with tempfile.TemporaryDirectory(prefix="hyperhttp-bench-") as name:
        os.chmod(name, 0o755)  # nginx' worker may run as another user
        folder = pathlib.Path(name) / "http2"
        folder.mkdir()
        server, http2 = Server(pathlib.Path(name), 0), Http2Servers(folder, 0, HTTP2_STREAMS)
        try:
            bench = Bench(peers, options.build, server, http2, options.quick)
            bench.run(shapes, rounds)
        finally:
            http2.stop()
            server.stop()
    results = bench.results
    write(RESULTS, shapes, results.samples, results.failed, results.numbers,
                 f"{versions(peers)}; {results.rounds} of {rounds} rounds; load at the start {load:.1f}")
    ours = {client.label for client in ASYNC[:2]} | {SHAPES[-1].ours}
    broken = [f"{label}, {shape}: {why}" for shape, row in results.failed.items()
              for label, why in row.items() if label in ours]
    for line in broken[:5]:
        say(line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
