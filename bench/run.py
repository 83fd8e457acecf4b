"""Measures HyperHTTP's C API beside a bare epoll loop, wrk and curl, in one sitting against one nginx.

The server has one core, the client under test the other. Rounds are interleaved (A B A B); every ratio is
taken between neighbours of the same round, and the table gives the median with its smallest and largest
value. Absolute rates belong to this machine and this minute; CPU a request and the ratios are the result.

    python bench/run.py [--quick] [--rounds N] [--only NAME] [--build DIR]

Writes table.md, results.json and one PNG a section to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field

from harness import RESULTS, ROOT, Server, machine, run_timed, run_wrk, spread

GIB = 1 << 30


@dataclass
class Sample:
    """One run of one client: requests done, wall and CPU seconds, p99 in microseconds, bytes."""

    requests: int
    seconds: float
    cpu: float
    p99_us: float = 0.0
    bytes: int = 0
    rss_kib: int = 0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu * 1e6 / self.requests


@dataclass
class Section:
    """A table: what was compared, by row (shape) and column (client)."""

    name: str
    title: str
    unit: str
    rows: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)


class Bench:
    def __init__(self, build: pathlib.Path, server: Server, quick: bool) -> None:
        self.build, self.server, self.quick = build, server, quick
        self.env = {"CA_FILE": str(server.folder / "cert.pem")}

    def json_run(self, program: str, *arguments: object) -> Sample:
        command = [str(self.build / "bench" / program), *map(str, arguments)]
        output, _, _, rss = run_timed(command, self.env)
        result = json.loads(output)
        if result["failures"]:
            raise SystemExit(f"{' '.join(command)}: {result['failures']} requests failed")
        return Sample(result["requests"], result["seconds"], result["cpu_us"] / 1e6, result["p99_us"],
                      result["bytes"], rss)

    def wrk(self, url: str, connections: int, seconds: int, *extra: str) -> Sample:
        found = run_wrk(url, connections, seconds, *extra)
        return Sample(int(found["requests"]), found["seconds"], found["cpu"], found["p99_us"])

    def curl(self, count: int, *arguments: object) -> Sample:
        _, wall, cpu, rss = run_timed(
            ["curl", "-sS", "--cacert", self.env["CA_FILE"], *map(str, arguments)], self.env)
        return Sample(count, wall, cpu, 0, 0, rss)

    def keepalive(self, rounds: int) -> Section:
        section = Section("keepalive", "HTTP/1.1 keep-alive, 130-byte JSON", "CPU µs a request")
        url = self.server.url(self.server.plain, "/json")
        shapes = {1: 30_000, 10: 100_000, 100: 200_000, 1_000: 200_000, 10_000: 150_000}
        for connections, total in shapes.items():
            total = total // 5 if self.quick else total
            total = max(total, connections * 2)
            seconds = (1 if self.quick else 3) + connections // 2_500  # wrk needs time to connect
            row = section.rows.setdefault(f"c={connections:,}", {})
            for _ in range(rounds):
                row.setdefault("epoll floor", []).append(
                    self.json_run("bench_floor", self.server.plain, "/json", connections, total))
                row.setdefault("hyperhttp", []).append(
                    self.json_run("bench_client", "keepalive", url, connections, total))
                row.setdefault("wrk", []).append(self.wrk(url, connections, seconds))
        return section

    def bodies(self, rounds: int) -> Section:
        section = Section("bodies", "bodies of 1 GiB", "CPU ms a body")
        target = self.server.folder / "received"
        for name, port in (("plain", self.server.plain), ("TLS", self.server.tls)):
            url = self.server.url(port, "/big")
            places = {"discarded": pathlib.Path("/dev/null"), "to memory (curl: to tmpfs)":
                      pathlib.Path("/dev/shm/hyperhttp-bench"), "to file": target}
            for place, path in places.items():
                row = section.rows.setdefault(f"{name}, {place}", {})
                ours = ("sink", url, 1, 1) if "memory" in place else ("file", url, 1, 1, path)
                for _ in range(rounds):
                    row.setdefault("hyperhttp", []).append(self.json_run("bench_client", *ours))
                    row.setdefault("curl", []).append(self.curl(1, url, "-o", path))
                    if path.is_file():
                        path.unlink()
        return section

    def connects(self, rounds: int) -> Section:
        section = Section("connects", "a connection for each request", "CPU µs a request")
        count = 1_000 if self.quick else 5_000
        kinds = (("plain", self.server.plain, []), ("TLS, full handshake", self.server.tls_full, ["--no-sessionid"]),
                 ("TLS, resumed", self.server.tls, []))
        for name, port, extra in kinds:
            url = self.server.url(port, "/json")
            row = section.rows.setdefault(f"{name}, one at a time", {})
            many = f"{url}?[1-{count}]"
            for _ in range(rounds):
                row.setdefault("hyperhttp", []).append(self.json_run("bench_client", "connect", url, 1, count))
                row.setdefault("curl", []).append(
                    self.curl(count, "-H", "Connection: close", *extra, many, "-o", "/dev/null"))
        url = self.server.url(self.server.plain, "/json")
        row = section.rows.setdefault("plain, 100 at once", {})
        for _ in range(rounds):
            row.setdefault("hyperhttp", []).append(
                self.json_run("bench_client", "connect", url, 100, count * 4))
            row.setdefault("wrk", []).append(
                self.wrk(url, 100, 1 if self.quick else 3, "-H", "Connection: close"))
        return section

    def small_numbers(self) -> dict[str, float]:
        program = str(self.build / "bench" / "bench_client")
        url = self.server.url(self.server.plain, "/json")
        tls = self.server.url(self.server.tls, "/json")
        numbers: dict[str, float] = {}
        for name, arguments in (("idle connection, bytes", ["idle", url, "5000", "1"]),
                                ("idle TLS connection, bytes (OpenSSL's included)", ["idle", tls, "1000", "1"]),
                                ("creating a client, µs", ["create", url, "1", "1000"])):
            output = json.loads(run_timed([program, *arguments], self.env)[0])
            numbers[name] = output.get("bytes_each", output.get("create_us"))
        return numbers


def ratios(row: dict[str, list[Sample]], peer: str, what: str) -> list[float]:
    pairs = zip(row["hyperhttp"], row[peer], strict=True)
    return [getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs]


def table(section: Section) -> list[str]:
    lines = [f"## {section.title}", "",
             "| shape | client | requests/s | CPU µs a request | p99 µs | our CPU : its CPU | our rate : its rate |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for shape, row in section.rows.items():
        for client, samples in row.items():
            rate = statistics.median(s.rate for s in samples)
            cpu = statistics.median(s.cpu_us for s in samples)
            p99 = statistics.median(s.p99_us for s in samples)
            ours = client == "hyperhttp"
            lines.append(
                f"| {shape} | {client} | {rate:,.2f} | {cpu:,.2f} | {f'{p99:,.0f}' if p99 else '–'} | "
                f"{'' if ours else spread(ratios(row, client, 'cpu_us'))} | "
                f"{'' if ours else spread(ratios(row, client, 'rate'))} |")
    return [*lines, ""]


def plot(section: Section) -> None:
    try:
        import matplotlib
    except ImportError:
        print("bench: no matplotlib, so no plots", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    clients = list(dict.fromkeys(client for row in section.rows.values() for client in row))
    figure, axes = pyplot.subplots(figsize=(9, 4.5))
    width = 0.8 / len(clients)
    for index, client in enumerate(clients):
        shapes = [i for i, row in enumerate(section.rows.values()) if client in row]
        heights = [statistics.median(s.cpu_us for s in row[client])
                   for row in section.rows.values() if client in row]
        axes.bar([i + index * width for i in shapes], heights, width, label=client)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(section.rows))], list(section.rows), fontsize=7)
    axes.set_ylabel("CPU µs a request, median")
    axes.set_title(section.title)
    axes.legend()
    if section.name == "bodies":
        axes.set_yscale("log")
    figure.tight_layout()
    figure.savefig(RESULTS / f"{section.name}.png", dpi=110)
    pyplot.close(figure)


def write(sections: list[Section], numbers: dict[str, float]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    lines = ["# Benchmarks", "", machine(), "",
             "Server and client on a core each; medians of interleaved rounds; ratios are pairwise, with "
             "their smallest and largest value.", ""]
    for section in sections:
        lines += table(section)
        plot(section)
    lines += ["## Small numbers", "", "| what | value |", "| --- | --- |"]
    lines += [f"| {name} | {value:,.1f} |" for name, value in numbers.items()]
    (RESULTS / "table.md").write_text("\n".join(lines) + "\n")
    plain = {s.name: {shape: {client: [vars(x) for x in samples] for client, samples in row.items()}
                      for shape, row in s.rows.items()} for s in sections}
    (RESULTS / "results.json").write_text(json.dumps({"sections": plain, "numbers": numbers}, indent=1))
    print("\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, for a first look")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["keepalive", "bodies", "connects"])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    options = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", "curl", "taskset", "openssl") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"bench: not installed: {', '.join(missing)}; `make bench` installs them")
    with tempfile.TemporaryDirectory(prefix="hyperhttp-bench-") as name:
        os.chmod(name, 0o755)  # nginx' worker may run as another user
        server = Server(pathlib.Path(name), GIB // 8 if options.quick else GIB)
        try:
            bench = Bench(options.build, server, options.quick)
            chosen = [options.only] if options.only else ["keepalive", "bodies", "connects"]
            sections = [getattr(bench, section)(options.rounds) for section in chosen]
            write(sections, {} if options.only else bench.small_numbers())
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
