"""`hyperhttp URL...` against a scripted peer and a real server: output, options, exit statuses."""

from __future__ import annotations

import gzip
import json
import os
import pty
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import PATIENCE_S, peak_kib
from peer import Peer, pattern


def echo(hyperhttp, peer, *arguments):
    outcome = hyperhttp("-sS", *arguments, peer.url("/echo"))
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def headers_of(told, name):
    return [value for key, value in told["headers"] if key.lower() == name.lower()]


# What comes out.


def test_body_goes_to_standard_output(hyperhttp, peer):
    outcome = hyperhttp(peer.url("/ok/there"))
    assert (outcome.status, outcome.out, outcome.err) == (0, b"hello there\n", "")


def test_large_body_is_whole(hyperhttp, peer):
    outcome = hyperhttp(peer.url("/bytes/5000001"))
    assert outcome.status == 0
    assert outcome.out == pattern(5000001)


def test_chunked_body(hyperhttp, peer):
    assert hyperhttp(peer.url("/chunked")).out == b"chunked\n"


def test_url_without_scheme(hyperhttp, peer):
    assert hyperhttp(f"127.0.0.1:{peer.port}/ok").out == b"hello \n"


def test_several_urls_share_a_connection(hyperhttp, peer):
    outcome = hyperhttp(peer.url("/ok/1"), peer.url("/ok/2"), "--url", peer.url("/ok/3"))
    assert outcome.out == b"hello 1\nhello 2\nhello 3\n"
    assert peer.connections == 1


def test_headers_are_included(hyperhttp, peer):
    outcome = hyperhttp("-i", peer.url())
    head, body = outcome.out.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 Made\r\n")
    assert b"Content-Type: text/plain" in head
    assert body == b"hello \n"


def test_head_prints_headers_only(hyperhttp, peer):
    outcome = hyperhttp("-I", peer.url())
    assert outcome.out.startswith(b"HTTP/1.1 200 Made\r\n")
    assert outcome.out.endswith(b"\r\n\r\n")
    assert peer.requests[0].method == "HEAD"


def test_include_shows_every_hop(hyperhttp, peer):
    outcome = hyperhttp("-iL", peer.url("/redirect/2"))
    assert outcome.out.count(b"HTTP/1.1 302") == 2
    assert outcome.out.count(b"HTTP/1.1 200") == 1
    assert outcome.out.index(b"/redirect/1") < outcome.out.index(b"/redirect/0")


# Where it goes.


def test_output_file(hyperhttp, peer, tmp_path):
    outcome = hyperhttp("-o", tmp_path / "x", peer.url())
    assert (outcome.status, outcome.out) == (0, b"")
    assert (tmp_path / "x").read_bytes() == b"hello \n"
    assert os.listdir(tmp_path) == ["x"]


def test_output_files_pair_up_with_urls(hyperhttp, peer, tmp_path):
    outcome = hyperhttp(
        "-o", tmp_path / "a", peer.url("/ok/1"), "-o", "-", peer.url("/ok/2"), peer.url("/ok/3")
    )
    assert (tmp_path / "a").read_bytes() == b"hello 1\n"
    assert outcome.out == b"hello 2\nhello 3\n"


def test_remote_name_and_directories(hyperhttp, peer, tmp_path):
    outcome = hyperhttp(
        "-OO", "--output-dir", tmp_path / "a/b", "--create-dirs",
        peer.url("/ok/one.txt?x=1"), peer.url("/ok/..%2ftwo"),
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert sorted(os.listdir(tmp_path / "a/b")) == ["..%2ftwo", "one.txt"]


def test_remote_name_needs_a_name(hyperhttp, peer):
    outcome = hyperhttp("-O", peer.url("/ok/"))
    assert outcome.status == 23
    assert peer.requests == []


def test_empty_answer_makes_an_empty_file(hyperhttp, peer, tmp_path):
    assert hyperhttp("-o", tmp_path / "x", peer.url("/nothing")).status == 0
    assert (tmp_path / "x").read_bytes() == b""


@pytest.mark.parametrize("path", ["/truncated", "/status/404", "/empty", "/badgzip"])
def test_failure_leaves_the_old_file(hyperhttp, peer, tmp_path, path):
    (tmp_path / "x").write_text("old")
    outcome = hyperhttp("-f", "--compressed", "-o", tmp_path / "x", peer.url(path))
    assert outcome.status != 0
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_full_disk_is_a_write_error(hyperhttp, peer):
    outcome = hyperhttp("-o", "/dev/full", peer.url())
    assert outcome.status == 23
    assert "No space left" in outcome.err


def test_closed_standard_descriptors(hyperhttp, peer):
    """What was closed must not become a socket that gets the output."""
    outcome = hyperhttp(peer.url(), preexec_fn=lambda: os.close(1))
    assert outcome.status == 23
    assert outcome.err == "hyperhttp: (23) can't write 'standard output': Bad file descriptor\n"
    outcome = hyperhttp("-v", peer.url(), preexec_fn=lambda: os.closerange(0, 3))
    assert outcome.status == 23
    assert len(peer.requests) == 2


def test_file_that_may_not_grow(hyperhttp, peer, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

    outcome = hyperhttp("-o", tmp_path / "x", peer.url("/bytes/1000000"), preexec_fn=limit)
    assert outcome.status == 23
    assert os.listdir(tmp_path) == []


def test_closed_pipe_stops_quietly(hyperhttp, peer):
    process = hyperhttp.start(peer.url("/bytes/50000000"))
    assert process.stdout.read(10) == pattern(10)
    process.stdout.close()
    assert process.wait(timeout=PATIENCE_S) == 23
    assert process.stderr.read() == b""


def test_memory_stays_flat(hyperhttp, peer):
    if hyperhttp.is_sanitized:
        pytest.skip("a sanitized build has its own appetite")
    process = hyperhttp.start("-o", "/dev/null", peer.url("/bytes/300000000"), peer.url("/gated"))
    peer.wait_for(2)
    assert peak_kib(process) < 20_000
    peer.gate.set()
    assert hyperhttp.finish(process).status == 0


# What is sent.


def test_defaults(hyperhttp, peer):
    told = echo(hyperhttp, peer)
    assert told["method"] == "GET"
    assert headers_of(told, "accept") == ["*/*"]
    assert headers_of(told, "user-agent")[0].startswith("hyperhttp/")
    assert headers_of(told, "accept-encoding") == []


def test_header_options(hyperhttp, peer):
    told = echo(
        hyperhttp, peer,
        "-H", "X-A: 1", "-H", "x-a: 2", "-H", "X-Empty;", "-H", "Accept:", "-H", "Host: other",
        "-A", "me", "-e", "http://from/",
    )  # fmt: skip
    assert headers_of(told, "x-a") == ["1", "2"]
    assert headers_of(told, "x-empty") == [""]
    assert headers_of(told, "accept") == []
    assert headers_of(told, "host") == ["other"]
    assert headers_of(told, "user-agent") == ["me"]
    assert headers_of(told, "referer") == ["http://from/"]


def test_header_file(hyperhttp, peer, tmp_path):
    (tmp_path / "h").write_text("X-A: 1\nX-B: 2\n")
    told = echo(hyperhttp, peer, "-H", f"@{tmp_path / 'h'}")
    assert headers_of(told, "x-b") == ["2"]


@pytest.mark.parametrize("field", ["X: a\r\nY: b", "X\r\nY: b", "Content-Length: 5"])
def test_forbidden_header_is_not_sent(hyperhttp, peer, field):
    outcome = hyperhttp("-H", field, peer.url("/echo"))
    assert outcome.status == 2
    assert peer.requests == []


def test_form(hyperhttp, peer):
    told = echo(hyperhttp, peer, "-d", "a=1", "-d", "b=2")
    assert (told["method"], told["body"]) == ("POST", "a=1&b=2")
    assert headers_of(told, "content-type") == ["application/x-www-form-urlencoded"]


def test_form_from_standard_input(hyperhttp, peer):
    outcome = hyperhttp("-d", "@-", peer.url("/echo"), input=b"a=1\nb\r\n")
    assert json.loads(outcome.out)["body"] == "a=1b"


def test_json(hyperhttp, peer):
    told = echo(hyperhttp, peer, "--json", '{"a": 1}', "-X", "PATCH")
    assert (told["method"], told["body"]) == ("PATCH", '{"a": 1}')
    assert headers_of(told, "content-type") == ["application/json"]
    assert headers_of(told, "accept") == ["application/json"]


def test_get_with_data(hyperhttp, peer):
    outcome = hyperhttp(
        "-G", "--data-urlencode", "q=a b&c", "-d", "n=1", peer.url("/echo?x=0#frag")
    )
    told = json.loads(outcome.out)
    assert told["target"] == "/echo?x=0&q=a+b%26c&n=1"
    assert told["method"] == "GET"


def test_large_file_is_streamed(hyperhttp, peer, tmp_path):
    (tmp_path / "f").write_bytes(pattern(8_000_001))
    told = echo(hyperhttp, peer, "--data-binary", f"@{tmp_path / 'f'}")
    assert told["length"] == 8_000_001
    assert peer.requests[0].body == pattern(8_000_001)


def test_basic_authentication(hyperhttp, peer):
    assert headers_of(echo(hyperhttp, peer, "-u", "me:se:cret"), "authorization") == [
        "Basic bWU6c2U6Y3JldA=="
    ]


def test_password_is_not_in_the_process_list(hyperhttp, peer):
    process = hyperhttp.start("-u", "me:secret", peer.url("/gated"))
    peer.wait_for(1)
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"secret" not in line
    peer.gate.set()
    assert hyperhttp.finish(process).status == 0
    assert peer.requests[0].values("authorization") == ["Basic bWU6c2VjcmV0"]


def test_compressed(hyperhttp, peer):
    plain = hyperhttp(peer.url("/gzip"))
    assert gzip.decompress(plain.out) == pattern(100_000)
    assert peer.requests[0].values("accept-encoding") == []
    undone = hyperhttp("--compressed", peer.url("/gzip"))
    assert undone.out == pattern(100_000)
    assert "gzip" in peer.requests[1].values("accept-encoding")[0]


# Redirects.


def test_redirects_only_when_asked(hyperhttp, peer):
    assert hyperhttp(peer.url("/redirect/1")).out == b"moved\n"
    outcome = hyperhttp("-L", peer.url("/redirect/3"))
    assert json.loads(outcome.out)["target"].startswith("/redirect/0")


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (303, "GET"), (307, "POST")])
def test_redirected_post(hyperhttp, peer, status, method):
    outcome = hyperhttp("-L", "-d", "x=1", "-w", "%{stderr}%{method}",
                        peer.url(f"/redirect/1?status={status}"))  # fmt: skip
    told = json.loads(outcome.out)
    assert told["method"] == method
    assert told["body"] == ("x=1" if method == "POST" else "")
    assert outcome.err == method


@pytest.mark.parametrize("most", ["0", "2"])
def test_too_many_redirects(hyperhttp, peer, most):
    outcome = hyperhttp("-L", "--max-redirs", most, peer.url("/redirect/3"))
    assert outcome.status == 47
    assert outcome.err.startswith("hyperhttp: (47) ")
    assert "--max-redirs" in outcome.err
    assert len(peer.requests) == int(most) + 1


def test_credentials_stay_home(hyperhttp, peer, other_peer):
    outcome = hyperhttp(
        "-L", "-u", "me:secret", "-H", "Cookie: a=1",
        peer.url("/elsewhere?to=" + other_peer.url("/echo")),
    )  # fmt: skip
    told = json.loads(outcome.out)
    assert headers_of(told, "authorization") == []
    assert headers_of(told, "cookie") == []
    assert peer.requests[0].values("authorization") != []


# Failures.


def test_fail(hyperhttp, peer):
    outcome = hyperhttp("-f", peer.url("/status/404"))
    assert (outcome.status, outcome.out) == (22, b"")
    assert outcome.err == "hyperhttp: (22) the server answered 404\n"
    outcome = hyperhttp("--fail-with-body", peer.url("/status/500"))
    assert (outcome.status, outcome.out) == (22, b"status 500\n")
    assert hyperhttp(peer.url("/status/404")).status == 0


@pytest.mark.parametrize(
    ("path", "status", "options"),
    [
        ("/truncated", 18, []),
        ("/empty", 52, []),
        ("/garbage", 8, []),
        ("/badgzip", 61, ["--compressed"]),
        ("/bytes/5000", 63, ["--max-filesize", "4k"]),
        ("/hang", 28, ["-m", "0.2"]),
        ("/stall", 28, ["-m", "0.2"]),
    ],
)
def test_exit_statuses(hyperhttp, peer, path, status, options):
    outcome = hyperhttp(*options, peer.url(path))
    assert outcome.status == status, outcome.err
    assert outcome.err.startswith(f"hyperhttp: ({status}) ")
    assert outcome.err.count("\n") == 1


def test_refused_connection(hyperhttp, closed_port):
    outcome = hyperhttp(f"http://127.0.0.1:{closed_port}/")
    assert outcome.status == 7
    assert outcome.err == f"hyperhttp: (7) connect to 127.0.0.1:{closed_port} refused\n"


@pytest.mark.parametrize(
    ("url", "status"),
    [("ftp://127.0.0.1/", 1), ("http://a b/", 3), ("http://127.0.0.1:99999/", 3), ("http://", 3)],
)
def test_bad_urls(hyperhttp, url, status):
    outcome = hyperhttp(url)
    assert outcome.status == status, outcome.err


def test_bad_url_is_told_as_typed(hyperhttp):
    assert hyperhttp("a b").err.startswith('hyperhttp: (3) "a b" is not a URL: ')


def test_unknown_name(hyperhttp):
    assert hyperhttp("http://nonexistent.invalid/").status == 6


def test_silence(hyperhttp, closed_port):
    url = f"http://127.0.0.1:{closed_port}/"
    assert hyperhttp("-s", url).err == ""
    assert hyperhttp("-sS", url).err != ""


def test_last_failure_counts(hyperhttp, peer, closed_port):
    outcome = hyperhttp(peer.url(), f"http://127.0.0.1:{closed_port}/", peer.url("/ok/2"))
    assert outcome.status == 7
    assert outcome.out == b"hello \nhello 2\n"


def test_fail_early(hyperhttp, peer, closed_port):
    outcome = hyperhttp("--fail-early", peer.url(), f"http://127.0.0.1:{closed_port}/", peer.url())
    assert (outcome.status, outcome.out) == (7, b"hello \n")
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["-y"],
        ["-x", "proxy"],
        ["-F", "a=b"],
        ["-m"],
        ["-m", "soon"],
        ["--retry", "-1"],
        ["-d", "@/nonexistent/file"],
        ["-H", "@/nonexistent/file"],
        ["-o", "/nonexistent/directory/file"],
        ["-o", "/"],
        ["-I", "-d", "x"],
        ["-X", "BAD METHOD"],
        ["-H", "Content-Length: 5"],
        ["-e", "http://from/;auto"],
        ["--resolve", "nonsense"],
    ],
)
def test_mistakes_on_the_command_line(hyperhttp, peer, arguments):
    url = [] if arguments == ["-m"] else [peer.url()]
    outcome = hyperhttp(*url, *arguments)
    assert outcome.status == 2
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("hyperhttp: ")
    assert lines[1].startswith("usage: hyperhttp ")
    assert outcome.out == b""
    assert peer.requests == []


def test_no_url(hyperhttp):
    outcome = hyperhttp()
    assert outcome.status == 2
    assert "no URL" in outcome.err


def test_help_and_version(hyperhttp):
    outcome = hyperhttp("--help")
    assert outcome.status == 0
    assert max(map(len, outcome.text.splitlines())) <= 80
    assert "--write-out" in outcome.text
    assert hyperhttp("-V").text.startswith("hyperhttp ")
    assert hyperhttp("batch", "--help").status == 0


# Retries.


def test_retry(hyperhttp, peer):
    outcome = hyperhttp("--retry", "3", "--retry-delay", "0.01", peer.url("/flaky/a/2/503"))
    assert (outcome.status, outcome.out) == (0, b"at last\n")
    assert len(peer.requests) == 3
    assert outcome.err.count("Warning: the server answered 503") == 2


def test_retries_are_counted(hyperhttp, peer):
    outcome = hyperhttp("-s", "--retry", "2", "--retry-delay", "0.01", "-w", "%{num_retries}",
                        peer.url("/flaky/a/9/503"))  # fmt: skip
    assert outcome.out == b"not yet\n2"
    assert outcome.err == ""
    assert len(peer.requests) == 3


def test_retry_after_is_honoured(hyperhttp, peer):
    outcome = hyperhttp("--retry", "1", peer.url("/flaky/a/1/429/wait"))
    assert outcome.out == b"at last\n"
    assert "trying again in 1 s" in outcome.err


def test_no_retry_for_what_is_not_transient(hyperhttp, peer):
    hyperhttp("--retry", "3", "--retry-delay", "0.01", peer.url("/flaky/a/1/404"))
    assert len(peer.requests) == 1
    outcome = hyperhttp("-f", "--retry", "3", "--retry-delay", "0.01", "--retry-all-errors",
                        peer.url("/flaky/b/1/404"))  # fmt: skip
    assert (outcome.status, outcome.out) == (0, b"at last\n")


def test_printed_bytes_are_not_repeated(hyperhttp, peer):
    outcome = hyperhttp("--retry", "3", "--retry-delay", "0.01", "--retry-all-errors",
                        peer.url("/truncated"))  # fmt: skip
    assert (outcome.status, outcome.out) == (18, b"only this")
    assert len(peer.requests) == 1


# -w and -v.


def test_write_out(hyperhttp, peer):
    outcome = hyperhttp(
        "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{remote_ip}:%{remote_port}\\n",
        peer.url("/bytes/1234"),
    )  # fmt: skip
    assert outcome.text == f"200 1234 127.0.0.1:{peer.port}\n"


def test_write_out_json(hyperhttp, peer):
    outcome = hyperhttp("-sL", "-o", "/dev/null", "-w", "%{json}", peer.url("/redirect/1"))
    told = json.loads(outcome.out)
    assert told["http_code"] == 200
    assert told["num_redirects"] == 1
    assert told["num_connects"] == 1
    assert 0 < told["time_redirect"] <= told["time_namelookup"]
    assert told["url_effective"].endswith("/redirect/0?status=302")
    assert 0 <= told["time_namelookup"] <= told["time_connect"] <= told["time_starttransfer"]
    assert told["time_starttransfer"] <= told["time_total"] < 60


def test_write_out_after_failure(hyperhttp, closed_port):
    outcome = hyperhttp("-s", "-w", "%{http_code} %{exitcode} %{onerror}%{errormsg}",
                        f"http://127.0.0.1:{closed_port}/")  # fmt: skip
    assert outcome.text == f"000 7 connect to 127.0.0.1:{closed_port} refused"


def test_write_out_redirect_url_and_headers(hyperhttp, peer):
    outcome = hyperhttp("-s", "-o", "/dev/null", "-w", "%{redirect_url} %header{LOCATION}",
                        peer.url("/redirect/1"))  # fmt: skip
    assert outcome.text == f"{peer.url('/redirect/0?status=302')} /redirect/0?status=302"
    outcome = hyperhttp("-s", "-o", "/dev/null", "-w", "%{header_json}", peer.url("/latin"))
    assert json.loads(outcome.out)["x-name"] == ["café"]


def test_verbose_tells_the_story_without_secrets(hyperhttp, peer):
    outcome = hyperhttp("-v", "-u", "me:secret", "-H", "Cookie: k=hidden", peer.url())
    lines = outcome.err.splitlines()
    assert "> GET /ok HTTP/1.1" in lines
    assert "< HTTP/1.1 200 Made" in lines
    assert any(line.startswith("* connected to 127.0.0.1") for line in lines)
    assert "bWU6c2VjcmV0" not in outcome.err
    assert "hidden" not in outcome.err
    assert outcome.out == b"hello \n"


# HTTP/2.


def test_http2_is_spoken_where_offered(hyperhttp, http2_peer):
    outcome = hyperhttp("-i", "--cacert", http2_peer.ca, http2_peer.url("/ok/there"))
    head, body = outcome.out.split(b"\r\n\r\n")
    lines = [line.rstrip() for line in head.split(b"\r\n")]
    assert lines[0] == b"HTTP/2 200"
    assert b"content-type: text/plain" in lines
    assert (outcome.status, body) == (0, b"hello there\n")


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ([], "2"),
        (["--http2"], "2"),
        (["--http1.1"], "1.1"),
        (["--http1.1", "--http2"], "2"),
        (["--http2-prior-knowledge", "--http1.1"], "1.1"),
    ],
)
def test_http_version(hyperhttp, http2_peer, options, version):
    common = ["-s", "-o", "/dev/null", "--cacert", http2_peer.ca]
    outcome = hyperhttp(*common, *options, "-w", "%{http_version}", http2_peer.url())
    assert outcome.text == version
    outcome = hyperhttp(*common, *options, "-w", "%{json}", http2_peer.url())
    assert json.loads(outcome.text)["http_version"] == version


def test_http2_without_tls(hyperhttp, http2_peer):
    url = http2_peer.plain_url()
    tell = ("-s", "-w", "%{http_version} %{num_connects}\n")
    assert hyperhttp(*tell, url).text == "hello \n1.1 1\n"
    outcome = hyperhttp(*tell, "--http2-prior-knowledge", url, url, "-I")
    assert outcome.text.count("HTTP/2 200") == 2
    assert outcome.text.endswith("\n2 0\n")


def test_http2_bodies(hyperhttp, http2_peer, tmp_path):
    (tmp_path / "body").write_bytes(pattern(3_000_000))
    outcome = hyperhttp("--cacert", http2_peer.ca, "-sS", "-L", http2_peer.url("/bytes/3000000"))
    assert (outcome.status, outcome.out) == (0, pattern(3_000_000)), outcome.err
    outcome = hyperhttp("--cacert", http2_peer.ca, "-sS", "--data-binary", f"@{tmp_path / 'body'}",
                        http2_peer.url("/echo"))  # fmt: skip
    assert json.loads(outcome.out)["length"] == 3_000_000
    assert http2_peer.requests[-1].body == pattern(3_000_000)


def test_http2_told_by_verbose(hyperhttp, http2_peer):
    outcome = hyperhttp("-v", "--cacert", http2_peer.ca, "-u", "me:secret", http2_peer.url(),
                        http2_peer.url())  # fmt: skip
    lines = [line.rstrip() for line in outcome.err.splitlines()]
    assert lines.count("> GET /ok HTTP/2") == lines.count("< HTTP/2 200") == 2
    streams = [line for line in lines if line.startswith("* HTTP/2, stream ")]
    assert streams == ["* HTTP/2, stream 1", "* HTTP/2, stream 3"]
    assert any(line.startswith("* HTTP/2 settings of the peer: 100 streams") for line in lines)
    assert "bWU6c2VjcmV0" not in outcome.err


def test_http2_stream_that_is_reset(hyperhttp, http2_peer):
    outcome = hyperhttp("-sS", "--cacert", http2_peer.ca, http2_peer.url("/truncated"))
    assert outcome.status == 92
    assert outcome.err.startswith("hyperhttp: (92) 127.0.0.1:")
    assert "INTERNAL_ERROR" in outcome.err


def test_http2_interrupted(hyperhttp, http2_peer, tmp_path):
    process = hyperhttp.start("--cacert", http2_peer.ca, "-o", tmp_path / "x",
                              http2_peer.url("/stall"))  # fmt: skip
    http2_peer.wait_for(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE_S) == 130
    assert os.listdir(tmp_path) == []


# Signals.


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("path", ["/hang", "/stall"])
def test_interrupt(hyperhttp, peer, tmp_path, number, status, path):
    process = hyperhttp.start("-o", tmp_path / "x", peer.url(path))
    peer.wait_for(1)
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE_S) == status
    assert os.listdir(tmp_path) == []


def test_interrupt_before_anything_is_sent(hyperhttp, peer):
    process = hyperhttp.start("-d", "@-", peer.url())
    process.stdin.write(b"x" * 200_000)  # more than the pipe holds: it is being read
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE_S) == 130
    assert process.stderr.read() == b""
    assert peer.requests == []


def ask_password(hyperhttp, typed: bytes, *arguments):
    """Runs at a terminal of its own, types when asked; exit status and what the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(hyperhttp.binary, [str(hyperhttp.binary), *arguments])
    shown = b""
    while b"Password of 'me': " not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, typed)
    try:
        while block := os.read(terminal, 4096):
            shown += block
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


@pytest.mark.parametrize("command", [[], ["batch"]])
def test_password_is_asked_for(hyperhttp, peer, command):
    status, shown = ask_password(hyperhttp, b"sec ret\n", *command, "-u", "me", peer.url("/ok"))
    assert status == 0
    assert b"sec ret" not in shown
    assert peer.requests[0].values("authorization") == ["Basic bWU6c2VjIHJldA=="]


@pytest.mark.parametrize(("typed", "status"), [(b"\x03", 130), (b"\x04", 2)])
def test_password_is_refused(hyperhttp, peer, typed, status):
    assert ask_password(hyperhttp, typed, "-u", "me", peer.url("/ok"))[0] == status
    assert peer.requests == []


def test_no_terminal_to_ask_at(hyperhttp, peer):
    outcome = hyperhttp("-u", "me", peer.url(), start_new_session=True, input=b"secret\n")
    assert outcome.status == 2
    assert "no terminal" in outcome.err
    assert peer.requests == []


def test_interrupt_during_the_wait_for_a_retry(hyperhttp, peer):
    process = hyperhttp.start("--retry", "3", "--retry-delay", "600", peer.url("/status/503"))
    assert b"trying again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE_S) == 130


# Connections.


def test_unix_socket(hyperhttp, tmp_path):
    served = Peer(unix_path=str(tmp_path / "s")).start()
    try:
        outcome = hyperhttp("--unix-socket", tmp_path / "s", "http://any/ok/unix")
        assert outcome.out == b"hello unix\n"
    finally:
        served.stop()


def test_resolve(hyperhttp, peer):
    outcome = hyperhttp(
        "--resolve", f"made.example:{peer.port}:127.0.0.1", f"http://made.example:{peer.port}/ok"
    )
    assert outcome.out == b"hello \n"
    assert peer.requests[0].values("host") == [f"made.example:{peer.port}"]


def test_local_address(hyperhttp, peer):
    assert hyperhttp("--interface", "127.0.0.1", peer.url()).out == b"hello \n"
    assert hyperhttp("--interface", "eth0", peer.url()).status == 2


# A real server.


def test_nginx_file(hyperhttp, nginx, tmp_path):
    (nginx.root / "big").write_bytes(pattern(3_000_000))
    outcome = hyperhttp("--compressed", nginx.url("/big"))
    assert outcome.out == pattern(3_000_000)
    assert hyperhttp(nginx.url("/big")).out == pattern(3_000_000)


def test_tls(hyperhttp, nginx):
    (nginx.root / "t").write_text("over TLS\n")
    outcome = hyperhttp(nginx.tls_url("/t"))
    assert outcome.status == 60
    assert outcome.err.startswith("hyperhttp: (60) ")
    assert hyperhttp("--cacert", nginx.certificate, nginx.tls_url("/t")).out == b"over TLS\n"
    assert hyperhttp("-k", nginx.tls_url("/t")).out == b"over TLS\n"
    assert hyperhttp("--tlsv1.3", "-k", nginx.tls_url("/t")).out == b"over TLS\n"


def test_tls_to_a_plain_port(hyperhttp, nginx):
    assert hyperhttp(f"https://127.0.0.1:{nginx.port}/").status == 35


def test_missing_trust(hyperhttp, nginx, tmp_path):
    assert hyperhttp("--cacert", tmp_path / "none", nginx.tls_url()).status == 77
    (tmp_path / "bad").write_text("no certificate")
    assert hyperhttp("--cacert", tmp_path / "bad", nginx.tls_url()).status == 77
    assert hyperhttp("--cert", tmp_path / "none", nginx.tls_url()).status == 58


def test_binary_stays_off_the_terminal(hyperhttp, peer):
    ours, theirs = os.openpty()
    try:
        process = hyperhttp.start(peer.url("/binary"), stdout=theirs)
        assert process.wait(timeout=PATIENCE_S) == 23
        assert b"binary" in process.stderr.read()
        process = hyperhttp.start("-o", "-", peer.url("/binary"), stdout=theirs)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert os.read(ours, 3) == b"\x00\x01\x02"
    finally:
        os.close(ours)
        os.close(theirs)


def test_progress_is_for_terminals(hyperhttp, peer):
    process = hyperhttp.start(peer.url("/gated"), stderr=subprocess.PIPE)
    peer.wait_for(1)
    peer.gate.set()
    outcome = hyperhttp.finish(process)
    assert outcome.err == ""
