"""What the C and the Python part of the benchmarks share: the server, the cores, the machine's description.

The server has one core, the client under test the other. The server is nginx with one worker, and answers
/json with 130 bytes from memory, on a plain port and on two with TLS.
"""

from __future__ import annotations

import os
import pathlib
import platform
import re
import socket
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
SERVER_CORE, CLIENT_CORE = 1, 0
JSON_BODY = (
    '{"id":12345,"name":"hyperhttp benchmark","tags":["a","b","c"],'
    '"nested":{"x":1,"y":2,"z":3},"ok":true,"note":"some 130 bytes here"}'
)

NGINX_CONF = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log crit;
worker_rlimit_nofile 65536;
events {{ worker_connections 30000; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 75;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
  server {{ listen 127.0.0.1:{plain} backlog=16384; {locations} }}
  server {{ listen 127.0.0.1:{tls} ssl backlog=16384; ssl_session_tickets on;
           ssl_session_cache shared:a:10m; {locations} }}
  server {{ listen 127.0.0.1:{tls_full} ssl backlog=16384; ssl_session_tickets off;
           ssl_session_cache off; {locations} }}
}}
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def make_certificate(folder: pathlib.Path) -> None:
    """cert.pem and key.pem for localhost and 127.0.0.1, in `folder`, and ca.pem, which vouches for it."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    (folder / "names").write_text("basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for command in (
            ["req", "-x509", *key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "2",
             "-subj", "/CN=bench CA"],
            ["req", *key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost"],
            ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-days", "2",
             "-CAcreateserial", "-extfile", "names", "-out", "cert.pem"]):
        subprocess.run(["openssl", *command], cwd=folder, check=True, stderr=subprocess.DEVNULL)


class Server:
    """nginx on the server's core, plain and TLS, with a small JSON answer and a file of 1 GiB."""

    def __init__(self, folder: pathlib.Path, big_bytes: int) -> None:
        self.folder = folder
        self.plain, self.tls, self.tls_full = free_ports(3)
        (folder / "www").mkdir()
        with open(folder / "www" / "big", "wb") as big:
            big.truncate(big_bytes)
        make_certificate(folder)
        locations = (
            "location = /json { default_type application/json; return 200 '%s'; } "
            "location / { root %s/www; }" % (JSON_BODY, folder))
        (folder / "nginx.conf").write_text(NGINX_CONF.format(
            dir=folder, plain=self.plain, tls=self.tls, tls_full=self.tls_full, locations=locations))
        self.process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), "nginx", "-c", folder / "nginx.conf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def wait(self) -> None:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.plain)) == 0:
                    return
            if self.process.poll() is not None:
                raise SystemExit(f"nginx ended at once: see {self.folder}/error.log")
            time.sleep(0.02)
        raise SystemExit("nginx doesn't answer")

    def url(self, port: int, path: str) -> str:
        scheme = "http" if port == self.plain else "https"
        return f"{scheme}://127.0.0.1:{port}{path}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def run_h2load(url: str, connections: int, streams: int, requests: int,
               *extra: str) -> dict[str, float]:
    """Runs h2load on the client's core: requests, wall and CPU seconds, its start included in the CPU."""
    output, _, cpu, rss = run_timed(
        ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-n{requests}", *extra, url], {})
    done = re.search(r"finished in ([\d.]+)(us|ms|s)[^\n]*\n.*?(\d+) done, (\d+) succeeded", output, re.S)
    if done is None or int(done[4]) != requests:
        raise SystemExit(f"bench: h2load failed: {output}")
    return {"requests": requests, "cpu": cpu, "rss_kib": rss,
            "seconds": float(done[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[done[2]]}


def run_timed(command: list[str], env: dict[str, str]) -> tuple[str, float, float, int]:
    """Runs a client on its core: output, wall seconds, CPU seconds, peak RSS in KiB."""
    started = time.monotonic()
    process = subprocess.Popen(["taskset", "-c", str(CLIENT_CORE), *command], stdout=subprocess.PIPE,
                               text=True, env={**os.environ, **env})
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}: {output}")
    return output, time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def run_wrk(url: str, connections: int, seconds: int, *extra: str) -> dict[str, float]:
    """Runs wrk on the client's core: requests, wall and CPU seconds, p50 and p99 in microseconds."""
    output, _, cpu, rss = run_timed(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", *extra, url], {})

    def find(pattern: str) -> tuple[str, ...]:
        found = re.search(pattern, output)
        if found is None:
            raise SystemExit(f"bench: wrk printed no {pattern}: {output}")
        return found.groups()

    if "Non-2xx" in output:
        raise SystemExit(f"bench: wrk met errors: {output}")
    latency = {}
    for share in ("50", "99"):
        number, unit = find(share + r"%\s+([\d.]+)(us|ms|s)")
        latency[share] = float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]
    return {"requests": int(find(r"(\d+) requests in")[0]), "cpu": cpu, "rss_kib": rss,
            "seconds": float(find(r"requests in ([\d.]+)s")[0]),
            "p50_us": latency["50"], "p99_us": latency["99"]}


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def machine(*extra: list[str]) -> str:
    """Cores, kernel, versions; `extra`: commands that print one more."""
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    versions = [subprocess.run(c, capture_output=True, text=True, check=False) for c in
                (["nginx", "-v"], *extra, ["curl", "--version"], ["openssl", "version"])]
    first = [((v.stdout or v.stderr).splitlines() or ["?"])[0] for v in versions]
    return (f"{model.group(1) if model else '?'}, {os.cpu_count()} cores, Linux {platform.release()}; "
            + "; ".join(first))
