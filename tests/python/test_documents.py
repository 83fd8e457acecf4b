"""Every block of Python in README.md and docs/ runs as it stands, against the local httpbin.

The blocks of a page run in order in one interpreter, so that a block may use what earlier ones of
the page define; `asyncio` is there from the start. A block that needs another library (what one
moves from) is only compiled. Blocks in C and shell: tools/check_docs.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import Block, find_blocks, is_foreign, run_files

pytestmark = pytest.mark.both_protocols

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if find_blocks(path)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(httpbin_tls, tmp_path, page):
    outcome = run_files(httpbin_tls, tmp_path, page)
    assert outcome.status == 0, outcome.err
    assert "Traceback" not in outcome.err, outcome.err


def test_there_are_pages():
    assert ROOT / "README.md" in PAGES


# The machinery that runs them.


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_blocks_are_found_with_their_lines(write):
    page = write(
        "page.md", "text\n```python\nx = 1\n```\n\n1. item\n\n   ```python\n   y = 2\n   ```\n"
    )
    assert [(block.line, block.text) for block in find_blocks(page)] == [
        (3, "x = 1\n"),
        (9, "y = 2\n"),
    ]


def test_other_languages_are_left_alone(write):
    assert find_blocks(write("page.md", "```sh\nls\n```\n```\nplain\n```\n")) == []


@pytest.mark.parametrize(
    ("source", "foreign"),
    [
        ("import requests", True),
        ("from httpx import Client", True),
        ("requests.get('x')", True),
        ("import hyperhttp as requests\nrequests.get('x')", False),
        ("import hyperhttp\nhyperhttp.get('x')", False),
        ("response.requests", False),
    ],
)
def test_what_counts_as_foreign(source, foreign):
    tree = Block(Path("page.md"), 1, source).parse()
    assert is_foreign(tree, {}) is foreign
    assert is_foreign(tree, {"requests": None, "httpx": None}) is (foreign and "import" in source)


def test_a_page_runs_from_top_to_bottom(httpbin_tls, tmp_path, write):
    page = write(
        "page.md",
        "```python\nimport hyperhttp\nx = 1\n```\n"
        "```python\nasync with hyperhttp.Client() as client:\n"
        "    response = await client.get('https://httpbin.org/get')\n```\n"
        "```python\nimport requests\nrequests.get('https://nowhere.invalid')\n```\n"
        "```python\nawait asyncio.sleep(0)\nprint(x, response.status_code, response.url)\n```\n"
        "```python\nprint(hyperhttp.get('http://example.com/').status_code)\n```\n",
    )
    outcome = run_files(httpbin_tls, tmp_path, page)
    assert (outcome.status, outcome.out) == (0, "1 200 https://httpbin.org/get\n200\n"), outcome.err
    assert [asked.url for asked in httpbin_tls.requests] == [
        "https://httpbin.org/get",
        "http://example.com/",
    ]


def test_a_block_that_fails_is_named(httpbin_tls, tmp_path, write):
    page = write("page.md", "text\n\n```python\nx = 1\nraise ValueError(x)\n```\n")
    outcome = run_files(httpbin_tls, tmp_path, page)
    assert outcome.status != 0
    assert "page.md:4: the block fails" in outcome.err
    assert 'page.md", line 5' in outcome.err


def test_a_server_nobody_vouches_for_is_refused(httpbin_tls, tmp_path, write):
    program = write(
        "program.py",
        "import hyperhttp\ntry:\n    hyperhttp.get('https://stranger.test/')\n"
        "except hyperhttp.ConnectError as error:\n    print(type(error).__name__)\n",
    )
    assert run_files(httpbin_tls, tmp_path, program).out == "TLSError\n"
