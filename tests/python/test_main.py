"""python -m hyperhttp."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from asleep import wait_until_process_sleeps

import hyperhttp


def command(*arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "hyperhttp", *arguments], capture_output=True, timeout=120, **options
    )


def test_get(peer):
    done = command(peer.url("/ok/there"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello there\n", b"")


def test_the_scheme_may_be_left_out(peer):
    assert command(f"127.0.0.1:{peer.port}/ok").stdout == b"hello \n"


def test_several_urls(peer):
    assert command(peer.url("/ok/1"), peer.url("/ok/2")).stdout == b"hello 1\nhello 2\n"
    assert peer.connections == 1


def test_bytes_come_as_they_are(peer):
    assert command(peer.url("/binary")).stdout == b"\x00\x01\x02"


def test_any_status_is_an_answer(peer):
    done = command(peer.url("/status/404"))
    assert (done.returncode, done.stdout) == (0, b"status 404\n")


def test_method_headers_and_body(peer):
    command("-X", "PUT", "-H", "A: b", "-H", "A:c:d", "-d", "x=1", peer.url("/ok"))
    [request] = peer.requests
    assert (request.method, request.body) == ("PUT", b"x=1")
    assert request.values("a") == ["b", "c:d"]
    assert request.values("content-type") == ["application/x-www-form-urlencoded"]


def test_json(peer):
    command("--json", '{"a": 1}', peer.url("/ok"))
    command("--json", "{}", "-H", "content-type: application/x", peer.url("/ok"))
    first, second = peer.requests
    assert (first.method, first.body) == ("POST", b'{"a": 1}')
    assert first.values("content-type") == ["application/json"]
    assert second.values("content-type") == ["application/x"]


def test_output(peer, tmp_path):
    path = tmp_path / "out"
    done = command("-o", str(path), peer.url("/ok/1"), peer.url("/ok/2"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert path.read_bytes() == b"hello 1\nhello 2\n"


def test_include(peer):
    done = command("-i", peer.url("/ok"))
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 Made\r\n")
    assert b"content-length: 7" in head.lower()
    assert body == b"hello \n"


def test_verbose(peer):
    done = command("-v", "-H", "A: b", peer.url("/ok"))
    assert done.stdout == b"hello \n"
    told = done.stderr.decode().splitlines()
    assert f"> GET {peer.url('/ok')}" in told
    assert "> a: b" in told
    assert "< HTTP/1.1 200 Made" in told


def test_redirects(peer):
    assert command(peer.url("/redirect/1")).stdout == b"moved\n"
    assert b'"target"' in command("-L", peer.url("/redirect/1")).stdout


def test_insecure(nginx):
    done = command(nginx.tls_url())
    assert done.returncode == 1
    assert command("-k", nginx.tls_url()).returncode == 0


def test_max_time(peer):
    done = command("-m", "0.05", peer.url("/hang"))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"hyperhttp: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://a b/", "ftp://example.com/"])
def test_failures(peer, closed_port, url):
    done = command(url.format(closed_port), peer.url("/ok"))
    assert done.returncode == 1
    assert done.stdout == b"hello \n"  # the others are fetched
    assert done.stderr.startswith(b"hyperhttp: ")
    assert done.stderr.count(b"\n") == 1


def test_an_answer_that_breaks_off(peer):
    done = command(peer.url("/truncated"))
    assert (done.returncode, done.stdout) == (1, b"only this")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--nonsense", "http://a/"],
        ["-H", "no colon", "http://a/"],
        ["-d", "a", "--json", "b", "http://a/"],
        ["-m", "soon", "http://a/"],
    ],
)
def test_wrong_command_lines(arguments):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"usage: python -m hyperhttp" in done.stderr


@pytest.mark.parametrize("arguments", [["-m", "-1"], ["-H", "A b: c"], ["-X", "A B"]])
def test_what_cannot_be_sent(peer, arguments):
    done = command(*arguments, peer.url("/ok"))
    assert done.returncode == 1
    assert done.stderr.startswith(b"hyperhttp: ")
    assert not peer.requests


def test_a_file_that_cannot_be_written(peer, tmp_path):
    done = command("-o", str(tmp_path / "no" / "out"), peer.url("/ok"))
    assert done.returncode == 1
    assert done.stderr.startswith(b"hyperhttp: ")
    assert not peer.requests


def test_version():
    assert command("--version").stdout.decode() == f"hyperhttp {hyperhttp.__version__}\n"


def test_ctrl_c(peer):
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperhttp", peer.url("/hang")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    peer.wait_for(1)
    wait_until_process_sleeps(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_a_reader_that_goes_away(peer):
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperhttp", peer.url("/bytes/50000000")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.read(1000)
    process.stdout.close()
    assert process.wait(timeout=120) == 1
    assert process.stderr.read() == b""
    process.stderr.close()
