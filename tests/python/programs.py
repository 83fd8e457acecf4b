"""Runs Python written for the public internet as it stands, against the local httpbin.

`run_files` starts an interpreter on this file. There every hyperhttp.Client and hyperhttp.Session
connects to the server's Unix socket, whatever host and port the URL names, and trusts the server's
certificate, which is valid for those names. Nothing else is changed. A file is a program, or a
document (.md), of which the blocks of Python are run in order of appearance. What one file or block
defines is there in the next. Await may stand outside of functions.

    programs.py SOCKET CERTIFICATE FILE...
"""

from __future__ import annotations

import ast
import asyncio
import faulthandler
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from httpbin import Httpbin

PATIENCE = 120.0  # seconds
BLOCK = re.compile(r"^( *)```python[^\n]*\n(.*?)^\1```$", re.M | re.S)
# Blocks that show another library's code are only compiled.
OTHERS = frozenset({"aiohttp", "httpx", "niquests", "requests", "urllib3", "pycurl"})


@dataclass
class Block:
    """A piece of source; `line` is that of its first line in its file."""

    path: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.line}"

    def parse(self) -> ast.Module:
        """Its syntax tree; lines are numbered as in the file."""
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(self.text, str(self.path), "exec", flags, dont_inherit=True)
        return ast.increment_lineno(tree, self.line - 1)


@dataclass
class Outcome:
    status: int
    out: str
    err: str


def find_blocks(path: Path) -> list[Block]:
    """The blocks of Python in a document; a program is one block."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        return [Block(path, 1, text)]
    return [
        Block(path, text.count("\n", 0, match.start(2)) + 1, textwrap.dedent(match[2]))
        for match in BLOCK.finditer(text)
    ]


def run_files(server: Httpbin, folder: Path, *paths: Path) -> Outcome:
    """Runs files in an interpreter of their own, with `folder` as the working directory."""
    assert server.unix_path is not None
    dropped = ("PYTHONWARNINGS", "PYTHONHASHSEED", "SSL_CERT_FILE", "SSL_CERT_DIR")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in dropped
    }
    done = subprocess.run(
        [sys.executable, "-X", "utf8", __file__, server.unix_path, server.ca, *map(str, paths)],
        cwd=folder,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=2 * PATIENCE,  # it ends by itself before
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


# In the interpreter that runs them.


def redirect_clients(unix_path: str, certificate: str) -> None:
    """From now on every client connects to the socket, and trusts the certificate."""
    import hyperhttp

    for kind in (hyperhttp.Client, hyperhttp.Session):
        redirect_client(kind, unix_path, certificate)


def redirect_client(kind: Any, unix_path: str, certificate: str) -> None:
    genuine = kind.__init__

    def make(self: object, *arguments: object, **options: object) -> None:
        options["uds"] = unix_path
        if options.get("verify", True) is True:
            options["verify"] = certificate
        genuine(self, *arguments, **options)

    kind.__init__ = make


def find_names(tree: ast.Module) -> Iterator[str]:
    """The modules imported and the names used, where they may be those of other libraries."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def is_foreign(tree: ast.Module, namespace: dict[str, Any]) -> bool:
    """Whether it needs a library other than ours."""
    if OTHERS & set(find_names(tree)):
        return True
    nodes = list(ast.walk(tree))
    bound = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return bool(used & OTHERS - bound - namespace.keys())


def run_block(block: Block, namespace: dict[str, Any]) -> None:
    tree = block.parse()
    code = compile(tree, str(block.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if is_foreign(tree, namespace):
        return
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))  # noqa: S307
    else:
        exec(code, namespace)  # noqa: S102


def main(unix_path: str, certificate: str, *paths: str) -> None:
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    sys.path.pop(0)  # this file's folder: programs don't see the tests' modules
    redirect_clients(unix_path, certificate)
    namespace = {"__name__": "__main__", "asyncio": asyncio}
    for path in paths:
        for block in find_blocks(Path(path)):
            try:
                run_block(block, namespace)
            except BaseException:
                print(f"{block.place}: the block fails", file=sys.stderr)
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
