"""tools/check_docs.py finds what is untrue; and tables in docs/ agree with the code they tell about."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

README = """# Title

See [below](#what-is-below), `src/base/memory.c`, `src/base/memory.c::hh__free`, `hh_get`, `make all`.

## What is below

```sh run
echo https://example.com/ | grep -q '^http://127.0.0.1:'
```

```c
(void)client;
```
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "Makefile").write_text("all:\n")
    (tmp_path / "src" / "base").mkdir(parents=True)
    (tmp_path / "src" / "base" / "memory.c").write_text("void hh__free(void) {}\n")
    (tmp_path / "include").symlink_to(ROOT / "include")
    return tmp_path


def check(tree: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / "check_docs.py"), "--root", str(tree)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_true_documents_are_green(tree):
    done = check(tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "documents: 1 are true, 2 samples, 1 of them run\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[x](docs/nonesuch.md)", "links to docs/nonesuch.md"),
        ("[x](#nonesuch)", "a heading that isn't there"),
        ("`src/base/nonesuch.c`", "names the path src/base/nonesuch.c"),
        ("`src/base/memory.c::nonesuch`", "names nonesuch"),
        ("`hh_nonesuch(client)`", "names hh_nonesuch"),
        ("`HH_NONESUCH`", "names HH_NONESUCH"),
        ("`make nonesuch`", "make target nonesuch"),
        ("```c\nint x = hh_nonesuch();\n```", "the c block fails"),
        ("```c\nhh_get(client);\n```", "the c block fails"),
        ("```c run\nint main(void)\n{\n    return 3;\n}\n```", "status 3"),
        ("```sh\nif true; then\n```", "the sh block fails"),
        ("```sh\nmake nonesuch\n```", "no make target nonesuch"),
        ("```sh run\nfalse\n```", "the sh block fails: status 1"),
    ],
)
def test_an_untruth_is_red(tree, text, reason):
    with (tree / "README.md").open("a") as file:
        file.write(f"\n{text}\n")
    done = check(tree)
    assert done.returncode == 1
    assert done.stderr.startswith(f"README.md:{len(README.splitlines()) + 2}: ")
    assert reason in done.stderr


def test_the_table_of_errors_is_that_of_the_code():
    code = (ROOT / "src" / "base" / "failure.c").read_text()
    body = re.search(r"hh_category hh__status_category\(.*?^}", code, re.M | re.S)[0]
    categories, waiting = {}, []
    for word in re.findall(r"case (HH_ERR_\w+):|return HH_CATEGORY_(\w+);", body):
        if word[0]:
            waiting.append(word[0])
        else:
            categories |= dict.fromkeys(waiting, word[1].lower())
            waiting = []
    table = (ROOT / "docs" / "errors.md").read_text()
    assert dict(re.findall(r"^\| `(HH_ERR_\w+)` \| (\w+) \|", table, re.M)) == categories


def test_the_table_of_exit_statuses_is_that_of_the_code():
    code = (ROOT / "cli" / "exit_status.h").read_text()
    numbers = {int(number) for number in re.findall(r"CLI_EXIT_\w+ = (\d+)", code)}
    page = (ROOT / "docs" / "command-line.md").read_text().partition("## Exit statuses")[2]
    rows = re.findall(r"^\| ([\d, ]+) \|", page, re.M)
    assert {int(number) for row in rows for number in row.split(",")} == numbers


def test_the_command_has_the_options_the_page_names():
    page = (ROOT / "docs" / "command-line.md").read_text()
    command = os.environ.get("HYPERHTTP_BIN", ROOT / "build" / "hyperhttp")
    known = "".join(
        subprocess.run([command, *words, "--help"], capture_output=True, text=True).stdout
        for words in ([], ["batch"])
    )
    for option in set(re.findall(r"`(--[a-z][\w-]+)", page)):
        assert option in known, option
