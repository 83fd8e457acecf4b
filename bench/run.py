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
import sys
import tempfile

from harness import ROOT, Server, machine, run_timed, run_wrk
from table import Sample, Section, write

GIB = 1 << 30


class Bench:
    def __init__(self, build: pathlib.Path, server: Server, quick: bool) -> None:
        self.build, self.server, self.quick = build, server, quick
        self.env = {"CA_FILE": str(server.folder / "ca.pem")}

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
        section = Section("bodies", "bodies of 1 GiB", "CPU µs a request", has_wide_range=True)
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
            write("table.md", "results.json", machine(["wrk", "-v"]), sections,
                  {} if options.only else bench.small_numbers())
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
