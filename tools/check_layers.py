#!/usr/bin/env python3
"""Checks that each folder includes only what the layers in ARCHITECTURE.md allow it; Python imports, too.

The tables below are the rule. A folder that isn't in them, or a header that isn't found, is an error
too, so that nothing slips by unseen.

    tools/check_layers.py [--root DIR]
"""

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

# Headers of plain C, which ask nothing of a system: no clock, no socket, no file, no thread.
PURE_C = {
    "assert.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
    "stddef.h", "stdint.h", "string.h",
}  # fmt: skip
VECTORS = {"arm_neon.h", "emmintrin.h", "immintrin.h"}
ANY_SYSTEM = None

# Libraries of others, and the one place that may know of each.
LIBRARIES = {
    "Python.h": {"python/ext"},
    "ares.h": {"src/net"},
    "brotli/": {"src/codec", "tests"},
    "cmocka.h": {"tests"},
    "idn2.h": {"src/codec"},
    "jansson.h": {"cli", "tests"},
    "nghttp2/": {"src/conn", "tests"},
    "openssl/": {"src/net", "tests"},
    "structmember.h": {"python/ext"},
    "uv.h": {"examples"},
    "zlib.h": {"src/codec", "tests"},
    "zstd": {"src/codec", "tests"},
}


@dataclass(frozen=True)
class Layer:
    """What a folder may include: layers by "layer/name.h", public headers, system headers."""

    layers: frozenset
    public: frozenset | None  # None: all of them
    system: frozenset | None = ANY_SYSTEM


def allow(layers, public, system=ANY_SYSTEM):
    return Layer(
        frozenset(layers.split()),
        None if public == "all" else frozenset(public.split()),
        system if system is ANY_SYSTEM else frozenset(system),
    )


ENGINE = "base codec policy net conn client"
RULES = {
    "src/base": allow("base", "base error"),
    "src/codec": allow("base codec", "base error url", PURE_C | VECTORS),
    "src/policy": allow("base codec policy", "base error url", PURE_C),
    "src/net": allow("base net", "base error"),
    "src/conn": allow("base codec net conn", "base error", PURE_C),
    "src/client": allow(ENGINE, "all"),
    "include/hyperhttp": allow("", "all", PURE_C),
    # Users of the public API, with no private door; beside it only headers of their own folder.
    "cli": allow("", "all"),
    "python/ext": allow("", "all"),
    "examples": allow("", "all"),
    "bench": allow("", "all"),
    # These look behind every door.
    "tests": allow(ENGINE + " support", "all"),
    "tests/cli": allow(ENGINE + " support", "all"),
    "tests/e2e": allow(ENGINE + " support", "all"),
    "fuzz": allow(ENGINE + " support", "all"),
}
# Folders where a header beside the file is included by its bare name, and further places for such.
BARE_NAMES = {
    "cli": [], "python/ext": [], "examples": [], "bench": [], "fuzz": [], "tests": [],
    "tests/cli": ["cli"], "tests/e2e": ["tests/client"],
}  # fmt: skip

# The Python package imports itself and the standard library. (What it loads at once is measured:
# tests/python/test_import.py.)
PACKAGE = "python/hyperhttp"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def find_rule(path):
    """The longest folder of RULES that holds `path`, or None."""
    folders = [folder for folder in RULES if path.startswith(folder + "/")]
    return max(folders, key=len, default=None)


def find_library(name):
    return next((prefix for prefix in LIBRARIES if name.startswith(prefix)), None)


def judge_angle(folder, name):
    """Why `folder` may not say #include <name>; None if it may."""
    rule = RULES[folder]
    if name.startswith("hyperhttp/"):
        header = name.removeprefix("hyperhttp/").removesuffix(".h")
        if rule.public is not None and header not in rule.public:
            return f"may use only these public headers: {' '.join(sorted(rule.public))}"
        return None
    library = find_library(name)
    if library is not None:
        owners = LIBRARIES[library]
        is_owner = any(f"{folder}/".startswith(f"{owner}/") for owner in owners)
        return None if is_owner else f"only {', '.join(sorted(owners))} may use that library"
    if rule.system is not ANY_SYSTEM and name not in rule.system:
        return "does no I/O, reads no clock and starts no thread, so it may not use that header"
    return None


def judge_quoted(root, path, folder, name):
    """Why the file `path` may not say #include "name"; None if it may."""
    if "/" not in name:
        if folder not in BARE_NAMES:
            return "headers of the engine are named with their folder"
        homes = [(root / path).parent, *(root / home for home in BARE_NAMES[folder])]
    else:
        layer = name.split("/")[0]
        if layer not in RULES[folder].layers:
            allowed = " ".join(sorted(RULES[folder].layers)) or "none"
            return f"may include these layers only: {allowed}"
        homes = [root / "src"] + ([root / "tests"] if folder.startswith(("tests", "fuzz")) else [])
    return None if any((home / name).is_file() for home in homes) else "no such header"


def check_file(root, path):
    folder = find_rule(path)
    if folder is None:
        return [f"{path}: its folder has no row in tools/check_layers.py"]
    found = []
    text = (root / path).read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        bracket, name = match.groups()
        reason = (
            judge_angle(folder, name)
            if bracket == "<"
            else judge_quoted(root, path, folder, name)
        )
        if reason is not None:
            line = text.count("\n", 0, match.start(2)) + 1
            found.append(f"{path}:{line}: {folder} includes {name}: {reason}")
    return found


def find_sources(root):
    for folder in sorted({rule.split("/")[0] for rule in RULES}):
        for path in sorted((root / folder).rglob("*.[ch]")):
            yield path.relative_to(root).as_posix()


def find_imports(tree):
    """Yields the line and the module of each import that isn't relative."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module


def check_module(root, path):
    known = {"hyperhttp"} | sys.stdlib_module_names
    if path.endswith(".pyi"):
        known |= {"typing_extensions"}  # which every type checker brings along
    return [
        f"{path}:{line}: imports {name}: the package uses the standard library only"
        for line, name in find_imports(ast.parse((root / path).read_text(encoding="utf-8")))
        if name.split(".")[0] not in known
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    sources = list(find_sources(root))
    modules = [path.relative_to(root).as_posix() for path in (root / PACKAGE).rglob("*.py*")]
    modules = sorted(path for path in modules if path.endswith((".py", ".pyi")))
    found = [problem for path in sources for problem in check_file(root, path)]
    found += [problem for path in modules for problem in check_module(root, path)]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        print(f"layers: {len(sources) + len(modules)} files include only what they may")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
