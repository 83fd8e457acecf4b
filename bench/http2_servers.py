"""The HTTP/2 servers of the benchmarks, one thread each, all on the server's core.

h2o costs the least CPU a request of Debian's servers (measured by h2load with 10 connections of 100 streams,
plain: h2o 1.7 µs, nghttpd 3 µs, nginx 15 µs, since it writes every answer by itself), so the small answers are
its: what is cheap to the server shows what a client costs. It announces 100 streams a connection and no
more, and refuses uploads; nghttpd takes as many as it is told, and reads uploads and throws them away.
"""

from __future__ import annotations

import pathlib
import socket
import subprocess
import time
from typing import Any

from harness import JSON_BODY, SERVER_CORE, free_ports, make_certificate

SIZES = {"1k": 1 << 10, "4k": 4 << 10, "16k": 16 << 10, "64k": 64 << 10, "256k": 256 << 10}

H2O_CONF = """
num-threads: 1
max-connections: 4096
error-log: {dir}/h2o.log
http2-max-concurrent-requests-per-connection: 100
listen: {{host: 127.0.0.1, port: {plain}}}
listen: {{host: 127.0.0.1, port: {tls}, ssl: {{certificate-file: {dir}/cert.pem, key-file: {dir}/key.pem,
         ocsp-update-interval: 0}}}}
hosts: {{"default": {{paths: {{"/": {{file.dir: {dir}/www}}}}}}}}
"""

NGINX_CONF = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; http2_max_concurrent_streams 100;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
  server {{ listen 127.0.0.1:{plain} http2; listen 127.0.0.1:{tls} ssl http2;
           location = /json {{ default_type application/json; return 200 '{json}'; }} }}
}}
"""


class Http2Servers:
    """h2o, nginx and nghttpd; `url` says where."""

    def __init__(self, folder: pathlib.Path, big_bytes: int, streams: int = 1_000) -> None:
        """`streams`: what nghttpd allows on one connection."""
        self.folder = folder
        self.processes: list[subprocess.Popen[Any]] = []
        self.ports: dict[str, int] = {}
        www = folder / "www"
        www.mkdir()
        (www / "json").write_text(JSON_BODY)
        for name, size in {**SIZES, "big": big_bytes, "quarter": big_bytes // 4}.items():
            with open(www / name, "wb") as file:
                file.truncate(size)
        make_certificate(folder)
        names = [f"{server} {kind}" for server in ("h2o", "nginx", "nghttpd") for kind in ("plain", "TLS")]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        for name, template in (("h2o", H2O_CONF), ("nginx", NGINX_CONF)):
            (folder / f"{name}.conf").write_text(template.format(
                dir=folder, plain=self.ports[f"{name} plain"], tls=self.ports[f"{name} TLS"],
                json=JSON_BODY))
        self.start("h2o", "-c", folder / "h2o.conf")
        self.start("nginx", "-c", folder / "nginx.conf")
        common = ["-n", "1", "-m", streams, "-d", www]
        self.start("nghttpd", *common, "--no-tls", self.ports["nghttpd plain"])
        self.start("nghttpd", *common, self.ports["nghttpd TLS"], folder / "key.pem", folder / "cert.pem")
        for port in self.ports.values():
            self.wait(port)

    def start(self, *command: object) -> subprocess.Popen[Any]:
        process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *map(str, command)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        return process

    def wait(self, port: int) -> None:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit(f"bench: no server on port {port}")

    def start_relay(self, build: pathlib.Path, target: str, delay_ms: int) -> None:
        """A way to `target` that takes so long in either direction; its name is `target` plus " far"."""
        relay = self.start(build / "bench" / "bench_relay", self.ports[target], delay_ms)
        assert relay.stdout is not None
        self.ports[f"{target} far"] = int(relay.stdout.readline())

    def url(self, name: str, path: str) -> str:
        scheme = "https" if "TLS" in name else "http"
        return f"{scheme}://127.0.0.1:{self.ports[name]}{path}"

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
