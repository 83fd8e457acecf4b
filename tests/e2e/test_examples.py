"""Each program in examples/ does what its head comment says, against a server on loopback."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from echo_server import EchoServer, make_bytes  # noqa: E402

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.c"))


@pytest.fixture
def server():
    with EchoServer() as running:
        yield running


@pytest.fixture
def example(hyperhttp):
    """Runs an example of the build that the command under test comes from."""

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess:
        binary = hyperhttp.binary.parent / "examples" / f"example_{name}"
        return subprocess.run([binary, *map(str, arguments)], capture_output=True, timeout=60)

    return run


def test_get_prints_the_body(example, server):
    done = example("get", server.url("/some/path"))
    assert (done.returncode, done.stdout) == (0, b"hello from /some/path\n")
    assert b"200, text/plain" in done.stderr


def test_get_takes_any_status_for_an_answer(example, server):
    done = example("get", server.url("/status/404"))
    assert (done.returncode, done.stdout) == (0, b"status 404\n")


def test_get_names_the_class_of_a_failure(example, closed_port):
    done = example("get", f"http://127.0.0.1:{closed_port}/")
    assert done.returncode == 1
    assert done.stderr.startswith(b"connection: ")


def test_post_json_sends_body_type_and_credentials(example, server):
    done = example("post_json", server.url("/items"))
    assert (done.returncode, done.stdout) == (0, b'200\n{"name": "hyperhttp", "fast": true}\n')
    (asked,) = server.requests
    assert asked.method == "POST"
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"user:secret").decode()


def test_many_events_gets_every_answer(example, server):
    done = example("many_events", server.url("/x"), 250)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == "250 answers, 0 failures"
    assert sorted(int(line.split(":")[0]) for line in lines[:-1]) == list(range(250))
    assert len(server.requests) == 250


def test_many_events_counts_failures(example, closed_port):
    done = example("many_events", f"http://127.0.0.1:{closed_port}/", 20)
    assert done.returncode == 1
    assert done.stdout.endswith(b"0 answers, 20 failures\n")


def test_stream_to_file_writes_the_body(example, server, tmp_path):
    size = 5_000_001
    done = example("stream_to_file", server.url(f"/bytes/{size}"), tmp_path / "body")
    assert (done.returncode, done.stderr) == (0, b"200\n")
    assert (tmp_path / "body").read_bytes() == make_bytes(size)


def test_stream_to_file_refuses_what_is_no_200(example, server, tmp_path):
    assert example("stream_to_file", server.url("/status/500"), tmp_path / "body").returncode == 1


@pytest.mark.parametrize("name", ["embed_epoll", "embed_libuv"])
def test_embedded_client_streams_the_body(example, server, name):
    done = example(name, server.url("/bytes/300000"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == make_bytes(300_000)


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_arguments_it_says_how_it_is_used(example, name):
    done = example(name)
    assert done.returncode == 1
    assert done.stderr.startswith(f"usage: {name} URL".encode())


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_short(name):
    assert len((ROOT / "examples" / f"{name}.c").read_text().splitlines()) < 80
