"""Measures HyperHTTP's C API over HTTP/2 beside h2load and curl, in one sitting.

Rounds are interleaved and ratios pairwise, as in run.py. CPU is that of the whole process, its start included, for
every client alike; ours without sorting its latencies, which the others don't keep, without filling the body it
uploads, and where it may open several connections, without the warm-up in which it opens them.

    python bench/run_http2.py [--quick] [--rounds N] [--only NAME] [--build DIR]

Writes http2.md, http2.json and one PNG a section to bench/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

from harness import ROOT, machine, run_h2load, run_timed
from http2_servers import SIZES, Http2Servers
from table import OURS, Sample, Section, write

GIB = 1 << 30
DELAY_MS = 10  # in either direction: a round trip takes 20 ms
# Connections, streams on each, requests.
SHAPES = ((1, 1, 10_000), (1, 10, 60_000), (1, 100, 200_000), (1, 1_000, 200_000), (10, 100, 400_000))
MIXED = ("json", "1k", "4k", "json", "16k", "64k", "json", "256k")
H2LOAD, CURL = "h2load", "curl"
SECTIONS = ("http2-small", "http2-bodies", "http2-mixed", "http2-far")


class Bench:
    def __init__(self, build: pathlib.Path, servers: Http2Servers, big_bytes: int, quick: bool) -> None:
        self.build, self.servers, self.big_bytes, self.quick = build, servers, big_bytes, quick
        self.env = {"CA_FILE": str(servers.folder / "ca.pem")}

    def ours(self, mode: str, url: str, in_flight: int, total: int, connections: int = 1,
             *more: object) -> Sample:
        command = [str(self.build / "bench" / "bench_streams"), mode, url,
                   *map(str, (in_flight, total, connections, *more))]
        found = json.loads(run_timed(command, self.env)[0])
        if found["connections"] != connections:
            print(f"bench: {found['connections']} connections, not {connections}: {' '.join(command)}",
                  file=sys.stderr)
        return Sample(found["requests"], found["seconds"], found["process_cpu_us"] / 1e6, found["p99_us"],
                      found["bytes"])

    def h2load(self, url: str, connections: int, streams: int, total: int, *extra: str) -> Sample:
        found = run_h2load(url, connections, streams, total, *extra)
        return Sample(total, found["seconds"], found["cpu"], rss_kib=int(found["rss_kib"]))

    def curl(self, total: int, *arguments: object) -> Sample:
        """`total` transfers, each of which must end with HTTP/2 and status 200."""
        say = ["-w", "%{http_version} %{http_code}\n"]
        output, wall, cpu, rss = run_timed(
            ["curl", "-sS", "--http2-prior-knowledge", "--cacert", self.env["CA_FILE"], *say,
             *map(str, arguments)], self.env)
        if output.split("\n").count("2 200") != total:
            raise SystemExit(f"bench: curl had other than {total} answers of 200: {output[:200]}")
        return Sample(total, wall, cpu, 0, 0, rss)

    def curl_many(self, url: str, streams: int, total: int) -> Sample:
        # Over TLS alone: with prior knowledge curl 7.88 can't use a plain connection twice.
        return self.curl(total, "--no-progress-meter", "--parallel", "--parallel-max", streams, f"{url}?[1-{total}]",
                         "-o", "/dev/null")

    def scaled(self, total: int) -> int:
        return total // 5 if self.quick else total

    def small(self, rounds: int) -> Section:
        section = Section("http2-small", "HTTP/2, 130 bytes of JSON", "CPU µs a request")
        for kind in ("plain", "TLS"):
            for connections, streams, total in SHAPES:
                server = "nghttpd" if streams > 100 else "h2o"
                self.small_row(section, f"{kind}, {connections} × {streams:,}, {server}",
                               (f"{server} {kind}", connections, streams, total), rounds)
            self.small_row(section, f"{kind}, 10 × 100, nginx", (f"nginx {kind}", 10, 100, 200_000),
                           rounds)
        return section

    def small_row(self, section: Section, name: str, shape: tuple[str, int, int, int],
                  rounds: int) -> None:
        server, connections, streams, total = shape
        url, total = self.servers.url(server, "/json"), self.scaled(total)
        row = section.rows.setdefault(name, {})
        for _ in range(rounds):
            row.setdefault(OURS, []).append(
                self.ours("get", url, connections * streams, total, connections))
            row.setdefault(H2LOAD, []).append(self.h2load(url, connections, streams, total))
            if "TLS" in server and connections == 1 and streams <= 100:
                row.setdefault(CURL, []).append(self.curl_many(url, streams, total // 20))

    def bodies(self, rounds: int) -> Section:
        section = Section("http2-bodies", "HTTP/2, bodies of 1 GiB", "CPU µs a request",
                          has_wide_range=True)
        for kind in ("plain", "TLS"):
            url = self.servers.url(f"h2o {kind}", "/big")
            row = section.rows.setdefault(f"{kind}, discarded", {})
            for _ in range(rounds):
                row.setdefault(OURS, []).append(self.ours("discard", url, 1, 1))
                row.setdefault(H2LOAD, []).append(self.h2load(url, 1, 1, 1))
                row.setdefault(CURL, []).append(self.curl(1, url, "-o", "/dev/null"))
        for kind in ("plain", "TLS"):
            url = self.servers.url(f"nghttpd {kind}", "/json")
            file = str(self.servers.folder / "www" / "big")
            row = section.rows.setdefault(f"{kind}, upload (ours from memory)", {})
            for _ in range(rounds):
                row.setdefault(OURS, []).append(self.ours("upload", url, 1, 1, 1, self.big_bytes))
                row.setdefault(H2LOAD, []).append(self.h2load(url, 1, 1, 1, "-d", file))
                row.setdefault(CURL, []).append(
                    self.curl(1, url, "-X", "POST", "-T", file, "-o", "/dev/null"))
        return section

    def mixed(self, rounds: int) -> Section:
        sizes = ", ".join(("130 B", *SIZES))
        section = Section("http2-mixed", f"HTTP/2, answers of {sizes} in turn", "CPU µs a request")
        total = self.scaled(40_000)
        for kind in ("plain", "TLS"):
            urls = [self.servers.url(f"h2o {kind}", f"/{name}") for name in MIXED]
            row = section.rows.setdefault(f"{kind}, 1 × 100, h2o", {})
            for _ in range(rounds):
                row.setdefault(OURS, []).append(self.ours("discard", ",".join(urls), 100, total))
                row.setdefault(H2LOAD, []).append(self.h2load(urls[0], 1, 100, total, *urls[1:]))
        return section

    def far(self, rounds: int) -> Section:
        section = Section("http2-far", "HTTP/2 over TLS behind a round trip of 20 ms", "CPU µs a request",
                          has_wide_range=True)
        self.servers.start_relay(self.build, "h2o TLS", DELAY_MS)
        url = self.servers.url("h2o TLS far", "/json")
        for streams, total in ((1, 100), (100, 10_000)):
            total = self.scaled(total)
            row = section.rows.setdefault(f"1 × {streams}, 130 bytes", {})
            for _ in range(rounds):
                row.setdefault(OURS, []).append(self.ours("get", url, streams, total))
                row.setdefault(H2LOAD, []).append(self.h2load(url, 1, streams, total))
                row.setdefault(CURL, []).append(self.curl_many(url, streams, total))
        url = self.servers.url("h2o TLS far", "/quarter")
        row = section.rows.setdefault("one body of 256 MiB", {})
        for _ in range(rounds):
            row.setdefault(OURS, []).append(self.ours("discard", url, 1, 1))
            row.setdefault(H2LOAD, []).append(self.h2load(url, 1, 1, 1))
            row.setdefault(CURL, []).append(self.curl(1, url, "-o", "/dev/null"))
        return section


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, for a first look")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=SECTIONS)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    options = parser.parse_args()
    needed = ("h2o", "nginx", "nghttpd", "h2load", "curl", "taskset", "openssl")
    missing = [tool for tool in needed if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"bench: not installed: {', '.join(missing)}; `make bench` installs them")
    big_bytes = GIB // 8 if options.quick else GIB
    with tempfile.TemporaryDirectory(prefix="hyperhttp-bench-") as name:
        os.chmod(name, 0o755)  # the servers' workers may run as another user
        servers = Http2Servers(pathlib.Path(name), big_bytes)
        try:
            bench = Bench(options.build, servers, big_bytes, options.quick)
            chosen = [options.only] if options.only else SECTIONS
            sections = [getattr(bench, name.removeprefix("http2-"))(options.rounds) for name in chosen]
        finally:
            servers.stop()
    described = machine(["h2o", "--version"], ["h2load", "--version"])
    write("http2.md", "http2.json", described, sections, {})
    return 0


if __name__ == "__main__":
    sys.exit(main())
