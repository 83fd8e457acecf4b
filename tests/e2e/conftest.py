"""Fixtures of the end-to-end tests: the command, the scripted peer, a real nginx."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from peer import Peer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


class Command:
    """Runs `hyperhttp` with arguments."""

    def __init__(self, binary: Path):
        self.binary = binary

    @property
    def is_sanitized(self) -> bool:
        return b"__asan_init" in self.binary.read_bytes()

    def __call__(self, *arguments: object, **options) -> Outcome:
        process = self.start(*arguments, **options)
        return self.finish(process, options.get("input", b""))

    def start(self, *arguments: object, **options) -> subprocess.Popen:
        options.pop("input", None)
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        options.setdefault("env", environment)
        options.setdefault("stdin", subprocess.PIPE)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([str(self.binary), *map(str, arguments)], **options)

    def finish(self, process: subprocess.Popen, given: bytes = b"") -> Outcome:
        try:
            out, err = process.communicate(given, timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Outcome(process.returncode, out or b"", (err or b"").decode())


def peak_kib(process: subprocess.Popen) -> int:
    """The most memory the living process ever had resident. (ru_maxrss would count Python's fork.)"""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("no VmHWM")


@pytest.fixture(scope="session")
def hyperhttp() -> Command:
    binary = Path(os.environ.get("HYPERHTTP_BIN", ROOT / "build" / "hyperhttp"))
    if not binary.exists():
        pytest.fail(f"{binary} is missing: run make build, or set HYPERHTTP_BIN")
    return Command(binary.resolve())


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


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


def make_certificate(base: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "30", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", str(base / "key.pem"), "-out", str(base / "cert.pem")],
        check=True,
        capture_output=True,
    )


def wait_until_listening(process: subprocess.Popen, port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except ConnectionRefusedError:
            continue
    pytest.fail("nginx ended: " + (process.stderr.read() or b"").decode())


@pytest.fixture(scope="session")
def nginx(tmp_path_factory) -> Nginx:
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        pytest.fail("nginx is missing: install the package nginx")
    base = tmp_path_factory.mktemp("nginx")
    (base / "root").mkdir()
    made = Nginx(base / "root", free_port(), free_port(), base / "cert.pem")
    make_certificate(base)
    (base / "conf").write_text(
        NGINX_CONFIGURATION.format(base=base, port=made.port, tls_port=made.tls_port)
        + ("" if os.geteuid() != 0 else "\nuser root;\n")
    )
    process = subprocess.Popen(
        [program, "-p", str(base), "-c", str(base / "conf"), "-e", str(base / "error.log")],
        stderr=subprocess.PIPE,
    )
    try:
        wait_until_listening(process, made.port)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
