#!/usr/bin/env python3
"""Fetches thousands of real files from a real server and verifies every byte against the disk.

The server is an nginx of its own on free loopback ports, one plain and one with TLS and
HTTP/2 under a certificate authority made for the run; what it serves is this machine's documentation tree, topped up
with files of many sizes and odd names. The client is `hyperhttp batch`. All that was started is
stopped and all that was written removed, also on Ctrl-C. Python's standard library is all it needs.

    tools/run_real_files.py [--command build/hyperhttp] [--concurrency N] [--tree DIR] [--at-least N]
"""

from __future__ import annotations

import argparse
import ctypes
import getpass
import http.client
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
FILES_MAX = 5000
TREE_BYTES_MAX = 256 << 20
NAMED_MAX = 20
PLACES = {"plain": "http", "tls": "https"}

# Sizes where a buffer, a window or a length's digits end, and a little beside.
EDGE_SIZES = [0, 1, 2, 15, 16, 17, 1023, 4096, 16383, 16384, 16385, 65535, 65536, 65537]
EDGE_SIZES += [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (8 << 20) + 3]
KINDS = ["txt", "html", "json", "css", "js", "xml", "bin", "png", "tar.gz"]
ODD_NAMES = ["a b.txt", "100%.txt", "q?x=1&y.txt", "frag#ment.txt", "plus+.txt", "üñï-文.txt",
             "quote'\".txt", "semi;colon,comma.txt", "tilde~.txt", "back\\slash.txt",
             "[brackets].txt", "at@sign:colon.txt", "%41.txt", "...txt"]  # fmt: skip

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {base}/nginx.pid;
error_log {base}/error.log;
events {{ worker_connections 1024; }}
http {{
    {types}
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path {base}/t1; proxy_temp_path {base}/t2; fastcgi_temp_path {base}/t3;
    uwsgi_temp_path {base}/t4; scgi_temp_path {base}/t5;
    sendfile on;
    gzip on;
    gzip_comp_level 1;
    gzip_types text/plain text/css text/xml application/json application/javascript;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl http2;
        ssl_certificate {base}/server.pem;
        ssl_certificate_key {base}/server.key;
        location /doc/ {{ alias "{tree}/"; }}
        location /made/ {{ alias "{base}/made/"; }}
    }}
}}
"""


class Failure(Exception):
    """What went wrong, as a sentence for the user."""


@dataclass
class Tally:
    files: dict
    size: int = 0
    coded: int = 0
    wrong: int = 0

    def blame(self, sentence: str) -> None:
        self.wrong += 1
        if self.wrong <= NAMED_MAX:
            print(sentence, file=sys.stderr)
        elif self.wrong == NAMED_MAX + 1:
            print("... and more", file=sys.stderr)


def find_files(tree: Path) -> list[tuple[str, Path]]:
    """(URL path, file) of the regular, readable files below `tree`; a fair share of a large tree."""
    found = []
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                found.append(path)
    found.sort()
    random.Random(1).shuffle(found)
    chosen, size = [], 0
    for path in found[:FILES_MAX]:
        size += path.stat().st_size
        if size > TREE_BYTES_MAX:
            break
        chosen.append(("/doc/" + quote(os.fsencode(path.relative_to(tree)), safe="/"), path))
    return chosen


def make_files(folder: Path, count: int) -> list[tuple[str, Path]]:
    """Writes the files of edge sizes and odd names, then more until there are `count`."""
    folder.mkdir()
    chance = random.Random(2)
    words = [chance.randbytes(chance.randint(2, 9)).hex().encode() for _ in range(500)]
    plan = [(f"edge-{size}.{KINDS[i % len(KINDS)]}", size) for i, size in enumerate(EDGE_SIZES)]
    plan += [(name, 100) for name in ODD_NAMES]
    while len(plan) < count:
        size = int(2 ** chance.uniform(0, 17))
        plan.append((f"file-{len(plan)}.{chance.choice(KINDS)}", size))
    made = []
    for name, size in plan:
        if name.endswith(("bin", "png", "gz")):
            content = chance.randbytes(size)
        else:
            content = b" ".join(chance.choices(words, k=size // 4 + 1))[:size]
        (folder / name).write_bytes(content)
        made.append(("/made/" + quote(name, safe=""), folder / name))
    return made


def find_program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Failure(f"{name} is missing: run tools/install-packages run")
    return found


def make_certificates(base: Path) -> None:
    """An authority in ca.pem, and what it signed for localhost in server.pem and server.key."""
    openssl = find_program("openssl")

    def make(name: str, subject: str, extensions: list[str], *signer: str) -> None:
        command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-nodes", "-days", "2", "-subj", f"/CN={subject}", *signer]
        for extension in extensions:
            command += ["-addext", extension]
        command += ["-out", base / f"{name}.pem", "-keyout", base / f"{name}.key"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"openssl made no certificate: {done.stderr.strip()}")

    make("ca", "hyperhttp run", ["keyUsage=critical,keyCertSign"])
    authority = ["-CA", str(base / "ca.pem"), "-CAkey", str(base / "ca.key")]
    names = ["subjectAltName=DNS:localhost,IP:127.0.0.1", "basicConstraints=critical,CA:FALSE"]
    make("server", "localhost", names, *authority)


def die_with_parent() -> None:
    """In a child: end when this process does, however that comes about."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def start(stack: ExitStack, command: list, **options) -> subprocess.Popen:
    """Starts a process that is ended with `stack`."""
    process = subprocess.Popen(command, preexec_fn=die_with_parent, **options)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)
    return process


def start_nginx(stack: ExitStack, base: Path, tree: Path) -> dict[str, int]:
    """Starts the server; returns its ports. It inherits the sockets, so the ports are ours for sure."""
    make_certificates(base)
    sockets = {place: socket.create_server(("127.0.0.1", 0), backlog=511) for place in PLACES}
    ports = {place: made.getsockname()[1] for place, made in sockets.items()}
    types = Path("/etc/nginx/mime.types")
    text = NGINX.format(
        base=base,
        tree=tree,
        types=f"include {types};" if types.exists() else "types { text/plain txt; text/html html; }",
        user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
        **ports,
    )
    (base / "nginx.conf").write_text(text)
    descriptors = [made.fileno() for made in sockets.values()]
    nginx = start(
        stack,
        [find_program("nginx"), "-p", base, "-e", base / "error.log", "-c", base / "nginx.conf"],
        env=os.environ | {"NGINX": "".join(f"{number};" for number in descriptors)},
        pass_fds=descriptors,
        start_new_session=True,  # Ctrl-C is for the client and for us
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for made in sockets.values():
        made.close()
    try:
        probe = http.client.HTTPConnection("127.0.0.1", ports["plain"], timeout=10)
        probe.request("GET", "/made/edge-1.html")
        probe.getresponse()
    except OSError as error:
        log = base / "error.log"
        story = log.read_text() if log.exists() else ""
        state = f"ended with {nginx.returncode}" if nginx.poll() is not None else str(error)
        raise Failure(f"nginx doesn't answer ({state})\n{story}") from error
    return ports


def fetch(stack: ExitStack, options: argparse.Namespace, base: Path, tls_port: int) -> int:
    client = start(
        stack,
        [
            options.command, "batch", "--input", base / "urls", "--jsonl", base / "results.jsonl",
            "--output-dir", base / "fetched", "--cacert", base / "ca.pem",
            "--resolve", f"localhost:{tls_port}:127.0.0.1",
            "--concurrency", str(options.concurrency),
        ],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return client.wait()


def is_same(left: Path, right: Path) -> bool:
    with left.open("rb") as a, right.open("rb") as b:
        while True:
            piece = a.read(1 << 20)
            if piece != b.read(1 << 20):
                return False
            if not piece:
                return True


def judge(result: dict, source: Path, base: Path) -> str | None:
    """What is wrong with one result, or None."""
    if result["error"] is not None:
        return result["error"]["message"]
    if result["status"] != 200:
        return f"status {result['status']}"
    version = "2" if result["url"].startswith("https:") else "1.1"
    if result["http_version"] != version:
        return f"came over HTTP/{result['http_version']}, not HTTP/{version}"
    fetched = base / "fetched" / result["file"]
    if not fetched.is_file():
        return "no file was written"
    if not is_same(fetched, source):
        return f"{fetched.stat().st_size} bytes differ from the {source.stat().st_size} on disk"
    return None


def verify(wanted: dict[str, Path], base: Path) -> Tally:
    """Compares each file with the disk; says on standard error what differs or is missing."""
    tally = Tally(dict.fromkeys(PLACES.values(), 0))
    results = {}
    listed = base / "results.jsonl"
    with listed.open(encoding="utf-8") if listed.exists() else io.StringIO() as lines:
        for line in lines:
            result = json.loads(line)
            results.setdefault(result["url"], []).append(result)
    for url in results.keys() - wanted.keys():
        tally.blame(f"not asked for: {url}")
    for url, source in wanted.items():
        found = results.get(url, [])
        problem = judge(found[0], source, base) if len(found) == 1 else f"{len(found)} results"
        if problem is not None:
            tally.blame(f"wrong: {url}: {problem}")
            continue
        tally.files[url.partition(":")[0]] += 1
        tally.size += source.stat().st_size
        tally.coded += "content-encoding" in found[0]["headers"]
    return tally


def run(stack: ExitStack, options: argparse.Namespace) -> bool:
    base = Path(tempfile.mkdtemp(prefix="hyperhttp-run-")).resolve()
    stack.callback(shutil.rmtree, base, ignore_errors=True)
    base.chmod(0o755)
    tree = options.tree.resolve()
    files = find_files(tree) if tree.is_dir() else []
    made = make_files(base / "made", options.at_least - len(files))
    ports = start_nginx(stack, base, tree)
    hosts = {"plain": f"127.0.0.1:{ports['plain']}", "tls": f"localhost:{ports['tls']}"}
    wanted = {
        f"{scheme}://{hosts[place]}{path}": source
        for path, source in files + made
        for place, scheme in PLACES.items()
    }
    (base / "urls").write_text("".join(f"{url}\n" for url in wanted), encoding="ascii")
    print(f"{len(files):,} files of {tree} and {len(made):,} generated, "
          "each over http (HTTP/1.1) and https (HTTP/2)")  # fmt: skip
    sys.stdout.flush()
    status = fetch(stack, options, base, ports["tls"])
    tally = verify(wanted, base)
    right = " and ".join(f"{count:,} over {scheme}" for scheme, count in tally.files.items())
    print(f"verified   {right}, {tally.size / 1e6:,.1f} MB, {tally.coded:,} of them gzip-coded")
    if tally.wrong != 0 or status != 0:
        print(f"{tally.wrong:,} wrong; the client ended with status {status}", file=sys.stderr)
        return False
    print("every byte is as it is on disk")
    return True


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--command", type=Path, default=ROOT / "build" / "hyperhttp")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--tree", type=Path, default=Path("/usr/share/doc"))
    parser.add_argument("--at-least", type=int, default=2000, help="files, generated ones included")
    options = parser.parse_args()
    if not options.command.is_file():
        parser.error(f"{options.command} is missing: run make build")
    options.command = options.command.resolve()
    return options


def main() -> int:
    options = parse_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with ExitStack() as stack:
            return 0 if run(stack, options) else 1
    except Failure as failure:
        print(f"run: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("run: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
