"""The check scripts are red when they should be: each rule is broken once in a copy of a small tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A tree that keeps every rule.
GOOD = {
    "include/hyperhttp/base.h": "/* base */\n#ifndef B\n#define B\n#include <stddef.h>\nint hh_is_fine(void);\n#endif\n",
    "src/base/memory.h": "/* memory */\n#ifndef M\n#define M\n#include <hyperhttp/base.h>\nvoid hh__free(void *memory);\n#endif\n",
    "src/base/memory.c": '/* memory */\n#include "base/memory.h"\n#include <stdlib.h>\nvoid hh__free(void *memory)\n{\n    free(memory);\n}\n',
    "src/codec/url.h": '/* url */\n#ifndef U\n#define U\n#include "base/memory.h"\n#include <stdint.h>\n#endif\n',
    "src/net/loop.h": '/* loop */\n#ifndef L\n#define L\n#include <sys/epoll.h>\n#include "base/memory.h"\n#endif\n',
    "src/client/client.h": '/* client */\n#ifndef C\n#define C\n#include "codec/url.h"\n#include "net/loop.h"\n#endif\n',
    "cli/text.h": "/* text */\n",
    "cli/main.c": '/* main */\n#include <hyperhttp/base.h>\n#include "text.h"\nint main(void)\n{\n    return 0;\n}\n',
    "python/ext/url.h": "/* url */\n#ifndef P\n#define P\n#include <Python.h>\nint hhpy_url_ready(PyObject *module);\n#endif\n",
    "python/ext/url.c": '/* url */\n#include "url.h"\n#include <hyperhttp/base.h>\nint hhpy_url_ready(PyObject *module)\n{\n    return 0;\n}\n',
    "python/hyperhttp/__init__.py": "from . import more\nfrom hyperhttp import _engine\n\ndef f():\n    import json\n",
    "python/hyperhttp/__main__.py": "import urllib.request\n",
    "tests/base/test_memory.c": '/* test */\n#include "base/memory.h"\n',
    "fuzz/fuzz_url.c": '/* fuzz */\n#include "codec/url.h"\n',
}  # fmt: skip


@pytest.fixture
def tree(tmp_path):
    for path, text in GOOD.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def check(name: str, root: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def append(root: Path, path: str, text: str) -> None:
    with (root / path).open("a") as file:
        file.write(text)


@pytest.mark.parametrize("name", ["check_layers", "check_headers", "check_style"])
def test_a_good_tree_is_green(tree, name):
    done = check(name, tree)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("path", "line", "reason"),
    [
        ("src/base/memory.h", '#include "codec/url.h"', "may include these layers only: base"),
        ("src/base/memory.c", '#include "net/loop.h"', "may include these layers only: base"),
        ("src/codec/url.h", '#include "net/loop.h"', "layers only: base codec"),
        ("src/net/loop.h", '#include "codec/url.h"', "layers only: base net"),
        ("src/net/loop.h", '#include "client/client.h"', "layers only: base net"),
        ("src/codec/url.h", "#include <time.h>", "reads no clock"),
        ("src/codec/url.h", "#include <sys/socket.h>", "does no I/O"),
        ("src/codec/url.h", "#  include <hyperhttp/client.h>", "only these public headers"),
        ("src/client/client.h", "#include <openssl/ssl.h>", "only src/net, tests may use"),
        ("src/client/client.h", '#include "loop.h"', "named with their folder"),
        ("src/client/client.h", '#include "net/nonesuch.h"', "no such header"),
        ("include/hyperhttp/base.h", '#include "base/memory.h"', "layers only: none"),
        ("include/hyperhttp/base.h", "#include <sys/epoll.h>", "does no I/O"),
        ("cli/main.c", '#include "base/memory.h"', "layers only: none"),
        ("cli/main.c", '#include "nonesuch.h"', "no such header"),
        ("fuzz/fuzz_url.c", '#include "cli/text.h"', "layers only"),
        ("python/ext/url.h", '#include "base/memory.h"', "layers only: none"),
        ("python/ext/url.h", "#include <openssl/ssl.h>", "only src/net, tests may use"),
        ("cli/main.c", "#include <Python.h>", "only python/ext may use"),
        ("python/hyperhttp/__init__.py", "from orjson import loads", "standard library only"),
        ("python/hyperhttp/__init__.py", "class C:\n    import orjson", "standard library only"),
        ("python/hyperhttp/__main__.py", "import pytest", "standard library only"),
    ],
)
def test_a_forbidden_include_is_red(tree, path, line, reason):
    append(tree, path, line + "\n")
    done = check("check_layers", tree)
    assert done.returncode == 1
    number = len(GOOD[path].splitlines()) + len(line.splitlines())
    assert done.stderr.startswith(f"{path}:{number}: ")
    assert reason in done.stderr


def test_a_folder_without_a_row_is_red(tree):
    (tree / "src/quic").mkdir()
    (tree / "src/quic/stream.c").write_text("/* stream */\n")
    done = check("check_layers", tree)
    assert done.returncode == 1
    assert "src/quic/stream.c: its folder has no row" in done.stderr


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("include/hyperhttp/base.h", "ssize_t hh_read_all(void);\n"),  # a type it doesn't include
        ("include/hyperhttp/base.h", "int hh_copy(void *new, int class);\n"),  # fine in C only
        ("include/hyperhttp/base.h", "struct hh_unguarded { int x; };\n"),  # twice, it fails
        ("src/base/memory.h", "bool hh__is_full(void);\n"),
        ("python/ext/url.h", "bool hhpy_url_is_full(hh_client *client);\n"),
    ],
)
def test_a_header_that_needs_another_is_red(tree, path, text):
    append(tree, path, text)
    done = check("check_headers", tree)
    assert done.returncode == 1
    assert Path(path).name in done.stderr


def long_function(lines: int) -> str:
    return "static int f(void)\n{\n" + "    f();\n" * lines + "}\n"


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("src/net/loop.c", "int x;\n", "opens with a comment"),
        ("src/net/loop.c", "/* loop */\n" + "int x;\n" * 900, "901 lines, over 900"),
        ("src/net/loop.c", "/* loop */\n" + long_function(81), "f has 81 lines, over 80"),
        ("cli/loop.c", "/* l */\nint g(int a, int b, int c, int d, int e,\n      int f, int g)\n{\n}\n", "7 parameters"),
        ("src/net/loop.c", "/* loop */\nint helper(void)\n{\n}\n", "shared names begin with hh_"),
        ("src/net/loop.c", "/* loop */\nstatic int hh_f(void)\n{\n}\n", "static ones with none"),
        ("src/net/more.h", "/* more */\nint hh_public(void);\n", "one shared inside hh__"),
        ("python/ext/url.c", "/* url */\nint hh_url(void)\n{\n}\n", "shared names begin with hh_"),
        ("python/ext/url.h", "/* url */\nint hh_url(void);\n", "hhpy_noun_verb"),
        ("include/hyperhttp/x.h", "/* x */\nHH_API int hh__f(void);\n", "public name is hh_noun_verb"),
        ("src/net/loop.c", "/* loop */\nvoid *x = malloc(1);\n", "base/memory.h"),
        ("src/net/loop.c", "/* loop */\nint x = sprintf(a, b);\n", "bounded or checked sibling"),
        ("src/net/more.h", "/* more */\ntypedef struct more more_t;\n", "belong to POSIX"),
        ("src/net/loop.c", "/* loop */\n/* TO" + "DO: more */\n", "unfinished work"),
    ],
)  # fmt: skip
def test_a_broken_rule_of_style_is_red(tree, path, text, reason):
    (tree / path).write_text(text)
    done = check("check_style", tree)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{path}:")
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/net/loop.c", "/* malloc(1) in a comment */\nstatic const char *f(void)\n{\n    return \"malloc(1)\";\n}\n"),
        ("src/net/loop.c", "/* loop */\n" + long_function(80)),
        ("src/net/loop.c", "/* loop */\nstatic void on_x(int a, int b, int c, int d, int e, int f, int g)\n{\n}\n"),
        ("python/ext/v.c", "/* v */\nint hhpy_v(int a, int b, int c, int d, int e,\n           PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)\n{\n}\n"),
        ("cli/g.c", "/* g */\nint g(int a, int (*f)(int, int, int), int b, int c)\n{\n}\n"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_breach_is_green(tree, path, text):
    (tree / path).write_text(text)
    done = check("check_style", tree)
    assert (done.returncode, done.stderr) == (0, "")
