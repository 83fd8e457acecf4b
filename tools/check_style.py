#!/usr/bin/env python3
"""Checks what clang-format doesn't: lengths, names, the comment a file opens with, calls not to be made.

    tools/check_style.py [--root DIR]
"""

import argparse
import re
import sys
from pathlib import Path

FILE_LINES = 900
FUNCTION_LINES = 80
PARAMETERS = 6  # five is the aim; a handler's list (on_...) is dictated by who calls it
VECTORCALL = "PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames"  # as dictated, counts as one
FOLDERS = ("include", "src", "cli", "python", "examples", "tests", "fuzz", "bench")

# Each: where it holds, where it doesn't, what is looked for, what to say.
FORBIDDEN = [
    (
        ("src/",),
        ("src/base/memory.c", "src/base/memory.h"),
        re.compile(r"(?<![\w.>])([cm]alloc|realloc(?:array)?|free|strn?dup|asprintf)\("),
        "memory comes from and goes back through base/memory.h",
    ),
    (
        ("include/", "src/", "cli/", "python/", "examples/"),
        (),
        re.compile(r"(?<![\w.>])(strcpy|strcat|v?sprintf|gets|strtok|ato[il]|alloca)\("),
        "has a bounded or checked sibling",
    ),
    (
        ("include/", "src/", "cli/", "python/"),
        (),
        re.compile(r"^}? *(?:typedef\b.*\s)?(\w+_t);"),
        "names ending in _t belong to POSIX",
    ),
    (("",), (), re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "is a marker of unfinished work"),
]

# A definition as clang-format lays it out: it begins in the first column, its braces stand there.
DEFINITION = re.compile(
    r"^(?![{} *])(?P<head>[^;={}()]*?\b(?P<name>\w+)\((?P<parameters>[^;{}]*)\))\n"
    r"\{\n(?P<body>.*?)^\}",
    re.M | re.S,
)
DECLARATION = re.compile(
    r"^(?!static|typedef|enum|extern)\w[\w *\n]*?[ *](\w+)\([^;{}]*\)[^;{}]*;", re.M
)
PREFIXES = {
    "include": re.compile(r"hh_[a-z]"),
    "src": re.compile(r"hh__[a-z]"),
    "python": re.compile(r"hhpy_[a-z]"),
}
# How a name begins that other files may use, by the folder they are in.
SHARED = {"include": "hh_", "src": "hh_", "python": ("hhpy_", "PyInit_")}
# Public functions whose type a header of the engine completes.
IMPLEMENTED = {"hh_buf_ref", "hh_buf_unref"}
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)|HH_PRINTF\([^)]*\)")
LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def blank(text, pattern):
    """The text with what `pattern` finds blanked out, lines kept."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def count_parameters(text):
    """How many parameters a list has, brackets of function pointers aside."""
    while (inner := re.sub(r"\([^()]*\)", "", text)) != text:
        text = inner
    return 0 if text.strip() in ("", "void") else text.count(",") + 1


def check_length(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES:
        yield 1, f"{lines} lines, over {FILE_LINES}: a second concept hides in it"


def check_opening(path, text):
    if not text.startswith("/*"):
        yield 1, "a file opens with a comment that says what it is for"


def check_functions(path, code):
    shared = SHARED.get(path.split("/")[0])
    for match in DEFINITION.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        name, head = match["name"], match["head"]
        length = match["body"].count("\n")
        if length > FUNCTION_LINES and name != "main":
            yield line, f"{name} has {length} lines, over {FUNCTION_LINES}"
        parameters = count_parameters(" ".join(match["parameters"].split()).replace(VECTORCALL, "args"))
        if parameters > PARAMETERS and not name.startswith("on_"):
            yield line, f"{name} has {parameters} parameters, over {PARAMETERS}"
        is_static = re.search(r"\bstatic\b", head) is not None
        if shared and path.endswith(".c") and is_static == name.startswith(shared):
            yield line, f"{name}: shared names begin with hh_, hh__ or hhpy_; static ones with none"


def check_declarations(path, code):
    prefix = PREFIXES.get(path.split("/")[0])
    if prefix is None or not path.endswith(".h"):
        return
    for match in DECLARATION.finditer(code):
        if not prefix.match(match[1]) and match[1] not in IMPLEMENTED:
            line = code.count("\n", 0, match.start()) + 1
            yield line, f"{match[1]}: a public name is hh_noun_verb, one shared inside hh__ or hhpy_noun_verb"


def check_forbidden(path, text, code):
    for places, exceptions, pattern, reason in FORBIDDEN:
        if not path.startswith(places) or path in exceptions:
            continue
        for number, line in enumerate((text if places == ("",) else code).splitlines(), 1):
            match = pattern.search(line)
            if match:
                yield number, f"{match[1]} {reason}"


def check_file(root, path):
    text = (root / path).read_text(encoding="utf-8")
    code = text
    for pattern in (COMMENT, LITERAL, DIRECTIVE, ATTRIBUTE):
        code = blank(code, pattern)
    checks = [
        check_length(path, text),
        check_opening(path, text),
        check_functions(path, code),
        check_declarations(path, code),
        check_forbidden(path, text, code),
    ]
    return [f"{path}:{line}: {message}" for check in checks for line, message in check]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    paths = sorted(
        path.relative_to(root).as_posix()
        for folder in FOLDERS
        for path in (root / folder).rglob("*.[ch]")
    )
    found = [problem for path in paths for problem in check_file(root, path)]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        print(f"style: {len(paths)} files keep the rules on lengths, names and calls")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
