#!/usr/bin/env python3
"""Checks that the documents are true: their code compiles and runs, their links and names lead somewhere.

A fenced block of C is compiled, wrapped in a function unless it has a main. A block of shell is read
by `sh -n`, and its make targets have to exist. Where the fence says so ("```c run", "```sh run") it is
run too, against a server on loopback that stands for https://example.com; `hyperhttp` is the one that
was built. In text, links to files and headings, paths in backquotes (path::name, too: a
test in a file) and names of the C API have to exist.

    tools/check_docs.py [--root DIR] [--build DIR]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / "tests" / "support"))

from echo_server import EchoServer  # noqa: E402

DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md"]
STAND_IN = re.compile(r"https://(?:api\.)?example\.com")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^#+ +(.*)$", re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
OUR_PATH = re.compile(
    r"^((?:src|include|cli|python|tests|fuzz|bench|docs|examples|tools|man|\.ci)/[\w./*-]*)(?:::(\w+))?$"
)
OUR_NAME = re.compile(r"\b(?:hh_[a-z]\w*|HH_[A-Z]\w*)")
COMPILE = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
# What a fragment may take for granted.
PRELUDE = """
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hyperhttp/hyperhttp.h>
extern hh_client *client;
extern hh_request *request;
extern hh_response *response;
extern const hh_event *event;
extern hh_error error;
extern hh_id id;
"""


@dataclass(frozen=True)
class Block:
    place: str  # "README.md:12"
    language: str
    is_run: bool
    text: str


@dataclass(frozen=True)
class Context:
    root: Path
    build: Path
    names: frozenset  # of the C API
    targets: frozenset  # of the Makefile
    server: EchoServer


def find_documents(root: Path) -> list[Path]:
    return [path for pattern in DOCUMENTS for path in sorted(root.glob(pattern))]


def find_blocks(root: Path, path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    blocks = []
    for match in FENCE.finditer(text):
        language, *marks = match[1].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        place = f"{path.relative_to(root)}:{line}"
        blocks.append(Block(place, language, "run" in marks, match[2]))
    return blocks


def find_targets(root: Path) -> frozenset:
    makefile = root / "Makefile"
    text = makefile.read_text() if makefile.exists() else ""
    return frozenset(re.findall(r"^([a-z][\w-]*):", text, re.M))


def find_names(root: Path) -> frozenset:
    """Names of the C API, and of the variables that tools/install-packages heeds."""
    homes = [*(root / "include" / "hyperhttp").glob("*.h"), *root.glob("tools/install-packages")]
    return frozenset(name for path in homes for name in OUR_NAME.findall(path.read_text()))


def make_anchor(heading: str) -> str:
    """The anchor that a heading gets when it is rendered."""
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return plain.replace(" ", "-")


def check_link(root: Path, path: Path, link: str) -> str | None:
    if re.match(r"[a-z]+:", link):
        return None
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists():
        return f"links to {link}, which isn't there"
    if anchor:
        headings = HEADING.findall(FENCE.sub("", target.read_text(encoding="utf-8")))
        if anchor not in map(make_anchor, headings):
            return f"links to {link}, a heading that isn't there"
    return None


def check_quoted(context: Context, quoted: str) -> str | None:
    path = OUR_PATH.match(quoted)
    if path:
        targets = list(context.root.glob(path[1].rstrip("/")))
        if not targets:
            return f"names the path {path[1]}, which isn't there"
        if path[2] and not re.search(rf"\b{path[2]}\b", targets[0].read_text(encoding="utf-8")):
            return f"names {path[2]}, which {path[1]} doesn't have"
        return None
    for name in OUR_NAME.findall(quoted):
        is_prefix = name.endswith("_") and any(known.startswith(name) for known in context.names)
        if name not in context.names and not is_prefix:
            return f"names {name}, which no public header has"
    match = re.match(r"make ([a-z][\w-]*)", quoted)
    if match and match[1] not in context.targets:
        return f"names the make target {match[1]}, which isn't there"
    return None


def check_text(context: Context, path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    found = []
    for number, line in enumerate(prose.splitlines(), 1):
        problems = [check_link(context.root, path, link) for link in LINK.findall(line)]
        problems += [check_quoted(context, quoted) for quoted in QUOTED.findall(line)]
        place = f"{path.relative_to(context.root)}:{number}"
        found += [f"{place}: {problem}" for problem in problems if problem]
    return found


def run(command: list, folder: str, **environment: str) -> str | None:
    """Runs a command; what it said if it failed, else None."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return None if done.returncode == 0 else f"status {done.returncode}\n{done.stdout}{done.stderr}"


def check_c(context: Context, block: Block, folder: str) -> str | None:
    source = block.text
    options = [*COMPILE, f"-I{context.root / 'include'}"]
    if "int main(" not in source:
        source = f"{PRELUDE}void sample(void);\nvoid sample(void)\n{{\n{source}}}\n"
        options += ["-Wno-unused-variable", "-Wno-unused-but-set-variable", "-Wno-shadow"]
    if block.is_run:
        source = STAND_IN.sub(context.server.url(""), source)
        options += ["-o", "program", f"-L{context.build}", "-lhyperhttp"]
    else:
        options += ["-fsyntax-only"]
    Path(folder, "sample.c").write_text(source)
    problem = run(["cc", "sample.c", *options], folder)
    if problem is None and block.is_run:
        problem = run(["./program"], folder, LD_LIBRARY_PATH=str(context.build))
    return problem


def check_sh(context: Context, block: Block, folder: str) -> str | None:
    script = block.text
    for target in re.findall(r"^\s*make ([a-z][\w-]*)", script, re.M):
        if target not in context.targets:
            return f"no make target {target}"
    if not block.is_run:
        return run(["sh", "-n", "-c", script], folder)
    script = STAND_IN.sub(context.server.url(""), script)
    path = f"{context.build}:{os.environ['PATH']}"
    return run(["sh", "-euc", script], folder, PATH=path)


def check_block(context: Context, block: Block) -> list[str]:
    check = {"c": check_c, "sh": check_sh}.get(block.language)
    if check is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        problem = check(context, block, folder)
    return [f"{block.place}: the {block.language} block fails: {problem}"] if problem else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=HERE)
    parser.add_argument("--build", type=Path, default=HERE / "build")
    options = parser.parse_args()
    root = options.root.resolve()
    documents = find_documents(root)
    blocks = [block for path in documents for block in find_blocks(root, path)]
    with EchoServer() as server:
        build = options.build.resolve()
        context = Context(root, build, find_names(root), find_targets(root), server)
        found = [problem for path in documents for problem in check_text(context, path)]
        found += [problem for block in blocks for problem in check_block(context, block)]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        executed = sum(block.is_run for block in blocks)
        print(f"documents: {len(documents)} are true, {len(blocks)} samples, {executed} of them run")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
