"""Whole programs against the local httpbin: those the README of the package opens with, as they
stand, and those that users of requests, httpx and aiohttp write, moved to hyperhttp line by line.

A program is programs/NAME.py; NAME.out is what it has to print, where <...> stands for anything in
a line, and alone in a line for any lines.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from programs import Outcome, run_files

pytestmark = pytest.mark.both_protocols

PROGRAMS = Path(__file__).parent / "programs"
WHOLE = sorted(path.stem for path in PROGRAMS.glob("*.py") if not path.stem.startswith("readme_"))
# These take up where the first of them ends: its imports are theirs.
FRAGMENTS = sorted(path.stem for path in PROGRAMS.glob("readme_*.py"))
FIRST = "readme_quick_start"


def expected(name: str) -> re.Pattern[str]:
    """What a program prints."""
    text = (PROGRAMS / f"{name}.out").read_text(encoding="utf-8")
    pattern = re.escape(text).replace(re.escape("\n<...>\n"), r"\n(?:.*\n)*")
    return re.compile(pattern.replace(re.escape("<...>"), ".*"))


def check(outcome: Outcome, *names: str) -> None:
    assert outcome.status == 0, outcome.err
    assert "Traceback" not in outcome.err, outcome.err
    pattern = "".join(expected(name).pattern for name in names)
    assert re.fullmatch(pattern, outcome.out), outcome.out


@pytest.fixture
def run_readme(httpbin_tls, tmp_path):
    def run(name):
        """Runs a fragment after the quick start; what it asked for."""
        check(
            run_files(httpbin_tls, tmp_path, PROGRAMS / f"{FIRST}.py", PROGRAMS / f"{name}.py"),
            FIRST,
            name,
        )
        return httpbin_tls.requests[2:]

    return run


@pytest.mark.parametrize("name", WHOLE)
def test_program(httpbin_tls, tmp_path, name):
    check(run_files(httpbin_tls, tmp_path, PROGRAMS / f"{name}.py"), name)
    assert httpbin_tls.requests


def test_every_program_says_what_it_prints():
    names = {path.stem for path in PROGRAMS.glob("*.py")}
    assert names == {path.stem for path in PROGRAMS.glob("*.out")}
    assert len(WHOLE) > 20 and len(FRAGMENTS) == 6


def test_readme_quick_start(httpbin_tls, tmp_path):
    check(run_files(httpbin_tls, tmp_path, PROGRAMS / f"{FIRST}.py"), FIRST)
    first, second = httpbin_tls.requests
    assert (first.method, first.url) == ("GET", "https://example.com/")
    assert (second.method, second.url) == ("POST", "https://httpbin.org/post")


def test_readme_parallel_requests(run_readme):
    asked = run_readme("readme_parallel_requests")
    assert sorted(request.path for request in asked) == ["/get", "/headers", "/ip"]


def test_readme_connection_pooling(run_readme):
    assert run_readme("readme_connection_pooling") == []


def test_readme_error_handling(run_readme):
    assert [request.path for request in run_readme("readme_error_handling")] == ["/status/404"]


def test_readme_timeouts(run_readme):
    assert [request.path for request in run_readme("readme_timeouts")] == ["/delay/1"]


def test_readme_custom_headers(run_readme):
    (asked,) = run_readme("readme_custom_headers")
    assert asked.header("X-Custom-Header") == "Value"
    assert asked.header("User-Agent") == "MyApp/1.0"
