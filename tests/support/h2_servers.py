"""Servers that speak HTTP/2, as Debian packages them: one table, each started by its test alone.

A server runs in the foreground, on free loopback ports, with a configuration in a directory of its
own, and is ended by its process id. All serve the same files over TLS (ALPN) and in the clear
(prior knowledge). nginx is also the origin behind those that only pass on, and behind /put/,
/slow/, /hang, /redirect and /gzip/ of the others:

    /small /page /medium /large    files of SIZES, compared by hash
    /put/NAME                PUT stores the body in put/NAME
    /slow/large              at 256 KiB/s beyond the first 64 KiB
    /hang                    never answered
    /redirect                302 to /small
    /gzip/text               compressed for whoever asks
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from fixtures import PATIENCE_S, STARTS, free_port, make_certificate

SIZES = {"small": 100, "page": 128 << 10, "medium": 1 << 20, "large": 16 << 20}


@dataclass
class Site:
    """What all servers of a session serve."""

    base: Path
    origin: int = 0  # port of the HTTP/1 origin
    silent: socket.socket = field(default_factory=socket.socket)
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def certificate(self) -> Path:
        return self.base / "cert.pem"

    def content(self, name: str) -> bytes:
        return (self.base / "root" / name).read_bytes()

    def hash_of(self, name: str) -> str:
        if name not in self.hashes:
            self.hashes[name] = hashlib.sha256(self.content(name)).hexdigest()
        return self.hashes[name]

    def close(self) -> None:
        self.silent.close()
        shutil.rmtree(self.base, ignore_errors=True)


def make_site() -> Site:
    site = Site(Path(tempfile.mkdtemp(prefix="hh-h2-")))
    site.base.chmod(0o755)  # servers that give up root must read it
    (site.base / "root" / "gzip").mkdir(parents=True)
    (site.base / "put").mkdir()
    (site.base / "put").chmod(0o777)
    random = Random(1)
    for name, size in SIZES.items():
        (site.base / "root" / name).write_bytes(random.randbytes(size))
    (site.base / "root" / "gzip" / "text").write_text("etaoin shrdlu\n" * 5000)
    make_certificate(site.base)
    both = (site.base / "cert.pem").read_text() + (site.base / "key.pem").read_text()
    (site.base / "both.pem").write_text(both)
    site.silent.bind(("127.0.0.1", 0))
    site.silent.listen(1024)
    return site


@dataclass
class Server:
    """One server, started. `few` answers 50 requests a connection, `narrow` allows 8 streams at
    once, `brief` closes what has been idle for a second; 0 where it can't."""

    name: str
    site: Site
    directory: Path
    plain: int = 0
    tls: int = 0
    few: int = 0
    narrow: int = 0
    brief: int = 0
    processes: list[subprocess.Popen] = field(default_factory=list)
    reload: Callable[[], None] | None = None

    def url(self, transport: str, path: str = "/") -> str:
        if transport == "tls":
            return f"https://localhost:{self.tls}{path}"
        return f"http://127.0.0.1:{getattr(self, transport)}{path}"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def start(self, *command: object) -> subprocess.Popen:
        homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(self.directory))
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [find(str(command[0])), *map(str, command[1:])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=os.environ | homes,
            )
        self.processes.append(process)
        return process

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path

    def is_up(self) -> bool:
        """Waits until every port answers; false when a process has ended instead."""
        deadline = time.monotonic() + PATIENCE_S
        for port in (self.plain, self.tls, self.few, self.narrow, self.brief):
            while port != 0 and not can_connect(port):
                if any(process.poll() is not None for process in self.processes):
                    return False
                if time.monotonic() > deadline:
                    pytest.fail(f"{self.name} doesn't answer: {self.log.read_text()}")
                time.sleep(0.005)
        return True

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def find(program: str) -> str:
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.fail(f"{program} is missing: run tools/install-packages test")
    return path


# --- nginx, which is also the origin --------------------------------------------------------------

NGINX = """
daemon off;
pid {here}/pid;
error_log stderr crit;
worker_processes 1;
worker_shutdown_timeout 20s;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    keepalive_requests 1000000;
    absolute_redirect off;
    client_max_body_size 64m;
    ssl_certificate {base}/cert.pem;
    ssl_certificate_key {base}/key.pem;
    server {{
        listen 127.0.0.1:{origin};
        {locations}
    }}
    server {{
        listen 127.0.0.1:{plain} http2;
        listen 127.0.0.1:{tls} ssl http2;
        {locations}
    }}
    server {{
        listen 127.0.0.1:{few} http2;
        keepalive_requests 50;
        {locations}
    }}
    server {{
        listen 127.0.0.1:{narrow} http2;
        http2_max_concurrent_streams 8;
        {locations}
    }}
    server {{
        listen 127.0.0.1:{brief} http2;
        keepalive_timeout 1s;
        {locations}
    }}
}}
"""
NGINX_LOCATIONS = """
        location / {{ root {base}/root; }}
        location /gzip/ {{ root {base}/root; gzip on; gzip_types *; gzip_min_length 1;
                           gzip_proxied any; gzip_http_version 1.0; }}
        location /slow/ {{ alias {base}/root/; limit_rate_after 64k; limit_rate 256k; }}
        location = /redirect {{ return 302 /small; }}
        location = /hang {{ proxy_pass http://127.0.0.1:{silent}; }}
        location /put/ {{ root {base}; dav_methods PUT; }}
"""


def start_nginx(server: Server) -> None:
    server.few, server.narrow, server.brief = free_port(), free_port(), free_port()
    server.site.origin = free_port()
    base = server.site.base
    silent = server.site.silent.getsockname()[1]
    configuration = NGINX.format(
        here=server.directory,
        base=base,
        origin=server.site.origin,
        plain=server.plain,
        tls=server.tls,
        few=server.few,
        narrow=server.narrow,
        brief=server.brief,
        user="user root;" if os.geteuid() == 0 else "",
        locations=NGINX_LOCATIONS.format(base=base, silent=silent),
    )
    conf = server.write("conf", configuration)
    process = server.start("nginx", "-p", server.directory, "-c", conf, "-e", "stderr")
    server.reload = lambda: process.send_signal(signal.SIGHUP)


# --- the others -----------------------------------------------------------------------------------


def start_nghttpd(server: Server) -> None:
    """Files only; what is uploaded it sends back. Every answer has a trailer."""
    base = server.site.base
    common = ["--address=127.0.0.1", f"--htdocs={base / 'root'}", "--echo-upload"]
    common += ["--trailer=x-sum: 42"]
    server.narrow = free_port()
    server.start("nghttpd", *common, server.tls, base / "key.pem", base / "cert.pem")
    server.start("nghttpd", *common, "--no-tls", server.plain)
    server.start("nghttpd", *common, "--no-tls", "--max-concurrent-streams=8", server.narrow)


def start_nghttpx(server: Server) -> None:
    base = server.site.base
    server.start(
        "nghttpx",
        "--conf=/dev/null",
        "--workers=1",
        f"--frontend=127.0.0.1,{server.plain};no-tls",
        f"--frontend=127.0.0.1,{server.tls}",
        f"--backend=127.0.0.1,{server.site.origin}",
        "--errorlog-file=/dev/stderr",
        base / "key.pem",
        base / "cert.pem",
    )


H2O = """
listen:
  host: 127.0.0.1
  port: {plain}
listen:
  host: 127.0.0.1
  port: {tls}
  ssl:
    certificate-file: {base}/cert.pem
    key-file: {base}/key.pem
num-threads: 1
{user}
hosts:
  "default":
    paths:
      "/": {{ file.dir: {base}/root }}
"""


def start_h2o(server: Server) -> None:
    text = H2O.format(
        base=server.site.base,
        plain=server.plain,
        tls=server.tls,
        user="user: root" if os.geteuid() == 0 else "",
    )
    for path in ("put", "slow", "hang", "redirect", "gzip"):
        target = f"http://127.0.0.1:{server.site.origin}/{path}"
        text += f'      "/{path}": {{ proxy.reverse.url: "{target}" }}\n'
    server.start("h2o", "-c", server.write("conf", text))


APACHE_MODULES = (
    *("mpm_event", "http2", "ssl", "authz_core", "dir", "proxy", "proxy_http", "socache_shmcb"),
)
APACHE = """
ServerName localhost
DefaultRuntimeDir {here}
PidFile {here}/pid
ErrorLog /dev/stderr
LogLevel crit
{user}
StartServers 1
ServerLimit 4
ThreadsPerChild 32
MaxRequestWorkers 128
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{tls}
DocumentRoot {base}/root
{proxied}
<VirtualHost *:{plain}>
    Protocols h2c http/1.1
</VirtualHost>
<VirtualHost *:{tls}>
    Protocols h2 http/1.1
    SSLEngine on
    SSLCertificateFile {base}/cert.pem
    SSLCertificateKeyFile {base}/key.pem
</VirtualHost>
"""


def start_apache(server: Server) -> None:
    modules = Path("/usr/lib/apache2/modules")
    text = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in APACHE_MODULES)
    proxied = "".join(
        f"ProxyPass /{path} http://127.0.0.1:{server.site.origin}/{path}\n"
        for path in ("put", "slow", "hang", "redirect", "gzip")
    )
    text += APACHE.format(
        here=server.directory,
        base=server.site.base,
        plain=server.plain,
        tls=server.tls,
        proxied=proxied,
        user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
    )
    process = server.start("apache2", "-f", server.write("conf", text), "-DFOREGROUND")
    server.reload = lambda: process.send_signal(signal.SIGUSR1)


CADDY = """
{{
    admin unix/{here}/admin
    auto_https off
    servers {{
        protocols h1 h2 h2c
    }}
}}
(site) {{
    bind 127.0.0.1
    @origin path /put/* /slow/* /hang /redirect /gzip/*
    reverse_proxy @origin 127.0.0.1:{origin}
    root * {base}/root
    file_server
}}
http://127.0.0.1:{plain} {{
    import site
}}
https://localhost:{tls} {{
    tls {base}/cert.pem {base}/key.pem
    import site
}}
"""


def start_caddy(server: Server) -> None:
    text = CADDY.format(
        here=server.directory,
        base=server.site.base,
        plain=server.plain,
        tls=server.tls,
        origin=server.site.origin,
    )
    conf = server.write("Caddyfile", text)
    server.start("caddy", "run", "--config", conf)

    def reload() -> None:
        subprocess.run(
            [find("caddy"), "reload", "--force", "--config", conf]
            + ["--address", f"unix/{server.directory}/admin"],
            check=True,
            capture_output=True,
        )

    server.reload = reload


HAPROXY = """
global
    nbthread 1
    maxconn 2000
    hard-stop-after 20s
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
    default_backend origin
frontend plain
    bind 127.0.0.1:{plain} proto h2
frontend tls
    bind 127.0.0.1:{tls} ssl crt {base}/both.pem alpn h2,http/1.1
frontend brief
    bind 127.0.0.1:{brief} proto h2
    timeout http-keep-alive 1s
    timeout client 1s
backend origin
    server origin 127.0.0.1:{origin}
"""


def start_haproxy(server: Server) -> None:
    server.brief = free_port()
    text = HAPROXY.format(
        base=server.site.base,
        plain=server.plain,
        tls=server.tls,
        brief=server.brief,
        origin=server.site.origin,
    )
    process = server.start("haproxy", "-W", "-f", server.write("conf", text))
    server.reload = lambda: process.send_signal(signal.SIGUSR2)


STARTERS: dict[str, Callable[[Server], None]] = {
    "nginx": start_nginx,
    "nghttpd": start_nghttpd,
    "nghttpx": start_nghttpx,
    "h2o": start_h2o,
    "apache": start_apache,
    "caddy": start_caddy,
    "haproxy": start_haproxy,
}


@contextmanager
def running(name: str, site: Site) -> Iterator[Server]:
    """The server of that name; all but nginx and nghttpd want nginx running on the same site."""
    for _ in range(STARTS):
        directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=site.base))
        directory.chmod(0o755)
        server = Server(name, site, directory, plain=free_port(), tls=free_port())
        STARTERS[name](server)
        try:
            if server.is_up():
                yield server
                return
        finally:
            server.stop()
    pytest.fail(f"{name} doesn't start: {server.log.read_text()}")
