"""Fixtures that more than one suite uses: the scripted peer, also over HTTP/2, a real nginx, ports.

A conftest.py imports those it wants by name.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from peer import Peer

PATIENCE_S = 120  # a machine may be busy, a sanitizer slow
STARTS = 10


@pytest.fixture
def peer():
    made = Peer().start()
    yield made
    made.stop()


@pytest.fixture
def other_peer():
    made = Peer().start()
    yield made
    made.stop()


def free_port() -> int:
    """None of those that the kernel gives to whoever asks for any, a connection of another test's
    most of all: it is still free when a server takes it."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first_given // 2, first_given)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    return free_port()


@dataclass
class Nginx:
    root: Path
    port: int
    tls_port: int
    certificate: Path

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def tls_url(self, path: str = "/") -> str:
        return f"https://localhost:{self.tls_port}{path}"


NGINX_CONFIGURATION = """
daemon off;
master_process off;
pid {base}/pid;
error_log {base}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {base}/body;
    proxy_temp_path {base}/proxy;
    fastcgi_temp_path {base}/fastcgi;
    uwsgi_temp_path {base}/uwsgi;
    scgi_temp_path {base}/scgi;
    default_type text/plain;
    gzip on;
    gzip_types *;
    keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {base}/cert.pem;
        ssl_certificate_key {base}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        root {base}/root;
    }}
}}
"""


def make_certificate(base: Path, *more_names: str) -> None:
    """Writes cert.pem, which signs itself, and key.pem, for localhost and `more_names`."""
    names = ["DNS:localhost", "IP:127.0.0.1", *(f"DNS:{name}" for name in more_names)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "30", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=" + ",".join(names)]
        + ["-keyout", str(base / "key.pem"), "-out", str(base / "cert.pem")],
        check=True,
        capture_output=True,
    )


def is_listening(process: subprocess.Popen, *ports: int) -> bool:
    """Waits until a server listens at all its ports; False if it ended before."""
    deadline = time.monotonic() + PATIENCE_S
    for port in ports:
        while True:
            if process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "the server doesn't listen"
                time.sleep(0.002)
    return process.poll() is None


class Http2Peer(Peer):
    """A peer behind nghttpx, so that it speaks HTTP/2: by TLS at `port`, without at `plain_port`.

    `connections` are those between the two. `certificate` is a folder with cert.pem and key.pem.
    """

    def __init__(self, certificate: Path):
        super().__init__()
        self.certificate = certificate
        self._proxy: subprocess.Popen | None = None

    @property
    def ca(self) -> str:
        return str(self.certificate / "cert.pem")

    @property
    def port(self) -> int:
        return self._port

    def url(self, path: str = "/ok") -> str:
        return f"https://localhost:{self.port}{path}"

    def plain_url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.plain_port}{path}"

    def start(self) -> Http2Peer:
        super().start()
        program = shutil.which("nghttpx", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            pytest.fail("nghttpx is missing: install the package nghttp2-proxy")
        for _ in range(STARTS):  # somebody else may take a port that was free
            self._port, self.plain_port = free_port(), free_port()
            self._proxy = subprocess.Popen(
                [program, "--conf=/dev/null", "--single-process", "--workers=1"]
                + ["--log-level=FATAL", "--errorlog-file=/dev/null", "--accesslog-file=/dev/null"]
                + ["--no-via", "--no-server-rewrite", "--no-location-rewrite"]
                + ["--no-add-x-forwarded-proto", "--frontend-http2-window-size=1M"]
                + ["--frontend-http2-connection-window-size=4M"]
                + [f"--frontend=127.0.0.1,{self._port}"]
                + [f"--frontend=127.0.0.1,{self.plain_port};no-tls"]
                + [f"--backend=127.0.0.1,{super().port}"]
                + [str(self.certificate / "key.pem"), self.ca],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"},
            )
            if is_listening(self._proxy, self._port, self.plain_port):
                return self
        pytest.fail("nghttpx doesn't start")

    def stop(self) -> None:
        if self._proxy is not None:
            self._proxy.terminate()
            self._proxy.wait(timeout=PATIENCE_S)
        super().stop()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory) -> Nginx:
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        pytest.fail("nginx is missing: install the package nginx")
    base = tmp_path_factory.mktemp("nginx")
    (base / "root").mkdir()
    make_certificate(base)
    for _ in range(STARTS):
        made = Nginx(base / "root", free_port(), free_port(), base / "cert.pem")
        (base / "conf").write_text(
            NGINX_CONFIGURATION.format(base=base, port=made.port, tls_port=made.tls_port)
            + ("" if os.geteuid() != 0 else "\nuser root;\n")
        )
        process = subprocess.Popen(
            [program, "-p", str(base), "-c", str(base / "conf"), "-e", str(base / "error.log")],
            stderr=subprocess.DEVNULL,
        )
        if is_listening(process, made.port, made.tls_port):
            break
    else:
        pytest.fail("nginx ends: " + (base / "error.log").read_text())
    try:
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_S)
