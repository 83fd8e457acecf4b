"""`make install PREFIX=` yields what a user builds against, in C and in C++, and a command that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from echo_server import EchoServer  # noqa: E402

CXX = """
#include <hyperhttp/hyperhttp.h>
#include <cstdio>
#include <memory>

int main(int, char **argv)
{
    hh_client_options options = {};
    options.size = sizeof(options);
    hh_client *made = nullptr;
    if (hh_client_create(&options, &made) != HH_OK)
        return 1;
    std::unique_ptr<hh_client, decltype(&hh_client_destroy)> client(made, hh_client_destroy);
    hh_response *response = nullptr;
    hh_error error = {};
    if (hh_get(client.get(), argv[1], &response, &error) != HH_OK)
        return 1;
    std::printf("%d %s\\n", hh_response_status(response), hh_version());
    hh_response_destroy(response);
    return 0;
}
"""


def run(*command: object, **options) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=900, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    prefix = tmp_path_factory.mktemp("prefix")
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "DESTDIR")}
    run("make", "-C", ROOT, "install", f"PREFIX={prefix}", env=environment)
    return prefix


@pytest.fixture(scope="module")
def flags(prefix) -> list[str]:
    environment = os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    return run("pkg-config", "--cflags", "--libs", "hyperhttp", env=environment).split()


def test_everything_is_where_it_belongs(prefix):
    headers = {path.name for path in (ROOT / "include" / "hyperhttp").glob("*.h")}
    assert {path.name for path in (prefix / "include" / "hyperhttp").iterdir()} == headers
    for path in ("bin/hyperhttp", "lib/libhyperhttp.so", "lib/libhyperhttp.so.0"):
        assert (prefix / path).exists()
    for page in (ROOT / "man").glob("*.1"):
        installed = prefix / "share" / "man" / "man1" / page.name
        assert installed.read_text() == page.read_text()
    assert not list(prefix.rglob("*.a"))
    assert not list(prefix.rglob("example_*"))


def test_the_command_runs_from_there(prefix):
    version = run("pkg-config", "--modversion", prefix / "lib" / "pkgconfig" / "hyperhttp.pc")
    out = run(prefix / "bin" / "hyperhttp", "--version")
    assert out.splitlines()[0] == f"hyperhttp {version.strip()}"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_c_program_builds_against_it(prefix, flags, tmp_path, compiler):
    source = ROOT / "examples" / "get.c"
    strict = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run(compiler, *strict, source, "-o", tmp_path / "get", *flags)
    with EchoServer() as server:
        environment = os.environ | {"LD_LIBRARY_PATH": str(prefix / "lib")}
        out = run(tmp_path / "get", server.url("/installed"), env=environment)
    assert out == "hello from /installed\n"


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_cxx_program_builds_against_it(prefix, flags, tmp_path, compiler):
    (tmp_path / "get.cc").write_text(CXX)
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run(compiler, *strict, tmp_path / "get.cc", "-o", tmp_path / "get", *flags)
    with EchoServer() as server:
        environment = os.environ | {"LD_LIBRARY_PATH": str(prefix / "lib")}
        out = run(tmp_path / "get", server.url(), env=environment)
    assert re.fullmatch(r"200 \d+\.\d+\.\d+\n", out)


def test_it_exports_what_the_headers_declare_and_no_more(prefix):
    declared = set()
    for header in (prefix / "include" / "hyperhttp").glob("*.h"):
        declared |= set(re.findall(r"^HH_API[^;]*?\b(hh_\w+)\(", header.read_text(), re.M))
    symbols = run("nm", "--dynamic", "--defined-only", prefix / "lib" / "libhyperhttp.so")
    exported = {line.split()[2].partition("@")[0] for line in symbols.splitlines()}
    exported.discard("HYPERHTTP_0")  # the version's own name
    assert exported == declared
