#!/usr/bin/env python3
"""Checks that each header compiles alone: the public ones as C11 and as C++17, all others as C11.

Every compiler of gcc and clang that is installed is asked; CI has both.

    tools/check_headers.py [--root DIR]
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WARNINGS = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wcast-qual", "-Werror"]
C11 = ["-x", "c", "-std=c11"]
CXX17 = ["-x", "c++", "-std=c++17"]
# A user of the engine's own headers is compiled with -D_GNU_SOURCE; a user of the public ones isn't.
PRIVATE = ["-D_GNU_SOURCE", "-Isrc"]
EXTENSION = ["-Ipython/ext", "-isystem", sysconfig.get_path("include")]


def find_jobs(root):
    """Yields the name of each header with the compiler calls it has to pass."""
    c_compilers = [name for name in ("gcc", "clang") if shutil.which(name)]
    cxx_compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
    for path in sorted((root / "include").rglob("*.h")):
        name = f"<{path.relative_to(root / 'include').as_posix()}>"
        for compiler in c_compilers:
            yield name, [compiler, *C11, *WARNINGS]
        for compiler in cxx_compilers:
            yield name, [compiler, *CXX17, *WARNINGS]
    for path in sorted((root / "src").rglob("*.h")):
        name = f'"{path.relative_to(root / "src").as_posix()}"'
        for compiler in c_compilers[:1]:
            yield name, [compiler, *C11, *WARNINGS, *PRIVATE]
    for path in sorted((root / "python" / "ext").rglob("*.h")):
        for compiler in c_compilers:
            yield f'"{path.name}"', [compiler, *C11, *WARNINGS, *EXTENSION]


def run(root, job):
    name, command = job
    # Twice, so that a missing include guard shows; ISO C wants one declaration in a file.
    source = f"#include {name}\n#include {name}\ntypedef int something;\n"
    done = subprocess.run(
        [*command, "-Iinclude", "-"], input=source, cwd=root, text=True, capture_output=True
    )
    return None if done.returncode == 0 else f"{name} fails with {' '.join(command[:4])}\n{done.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    jobs = list(find_jobs(root))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [problem for problem in pool.map(lambda job: run(root, job), jobs) if problem]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        print(f"headers: {len({name for name, _ in jobs})} compile alone, {len(jobs)} ways")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
