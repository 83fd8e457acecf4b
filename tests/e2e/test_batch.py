"""`hyperhttp batch`: lists, results, files, bounds, resuming, interruption."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time

import pytest
from conftest import PATIENCE_S, peak_kib
from peer import pattern


def results_of(text) -> list[dict]:
    if isinstance(text, bytes):
        text = text.decode()
    return [json.loads(line) for line in text.splitlines()]


def files_of(directory) -> list[str]:
    found = []
    for base, _, names in os.walk(directory):
        found += [os.path.relpath(os.path.join(base, name), directory) for name in names]
    return sorted(found)


# Lists.


def test_text_list(hyperhttp, peer, tmp_path):
    (tmp_path / "list").write_bytes(
        b"\xef\xbb\xbf" + peer.url("/ok/1").encode() + b"\r\n\n# a comment\n"
        b"  " + peer.url("/ok/2").encode() + b"  \n" + f"127.0.0.1:{peer.port}/ok/3".encode()
    )
    outcome = hyperhttp("batch", "-i", tmp_path / "list", "--jsonl", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    results = results_of((tmp_path / "out").read_text())
    assert sorted(result["line"] for result in results) == [1, 4, 5]
    assert all(result["status"] == 200 and result["error"] is None for result in results)
    assert all(result["http_version"] == "1.1" for result in results)
    assert all(result["bytes"] == 8 for result in results)
    assert {result["id"] for result in results} == {None}
    assert "requests   3" in outcome.text
    assert outcome.err == ""


def test_json_list(hyperhttp, peer):
    items = [
        {"url": peer.url("/echo"), "id": "post", "method": "PUT", "body": "x\ny"},
        {"url": peer.url("/echo"), "id": 7, "body": {"a": [1, None]}},
        {"url": peer.url("/echo"), "id": "head", "headers": {"X-A": "1", "X-B": ["2", "3"]}},
    ]
    given = "\n".join(map(json.dumps, items)).encode()
    outcome = hyperhttp("batch", "-i", "-", "--jsonl", "-", "-H", "X-A: 0", input=given)
    assert outcome.status == 0, outcome.err
    assert {result["id"] for result in results_of(outcome.out)} == {"post", 7, "head"}
    sent = {(r.method, r.body): r for r in peer.requests}
    assert ("PUT", b"x\ny") in sent
    assert sent["POST", b'{"a":[1,null]}'].values("content-type") == ["application/json"]
    assert sent["GET", b""].values("x-a") == ["1"]
    assert sent["GET", b""].values("x-b") == ["2", "3"]


def test_arguments_and_standard_input(hyperhttp, peer):
    outcome = hyperhttp("batch", peer.url("/ok/1"), peer.url("/ok/2"), "--jsonl", "-")
    assert [r["line"] for r in results_of(outcome.out)] == [None, None]
    outcome = hyperhttp("batch", "--jsonl", "-", input=peer.url("/ok/3").encode())
    assert [r["url"] for r in results_of(outcome.out)] == [peer.url("/ok/3")]


def test_bad_lines_do_not_stop_the_rest(hyperhttp, peer):
    given = "\n".join(
        [peer.url("/ok/1"), "not-a-url", "http://[bad/", '{"url": 5}', '{"broken', "ftp://h.x/"]
        + ["http://h\0/", "x" * 9_000_000, peer.url("/ok/2")]
    )
    outcome = hyperhttp("batch", "--jsonl", "-", input=given.encode())
    assert outcome.status == 1
    results = {r["line"]: r for r in results_of(outcome.out)}
    assert set(results) == set(range(1, 10))
    assert [line for line in results if results[line]["error"] is None] == [1, 9]
    for line in range(2, 9):
        error = results[line]["error"]
        assert error["message"]
        assert error["class"] == "client"
        assert f"line {line}: " in outcome.err
    assert "invalid    7 lines" in outcome.err
    assert len(peer.requests) == 2


def test_bad_lines_show_what_they_hold(hyperhttp, peer):
    given = 'not a url\n a.b c \n{"url": "word", "id": 1}\nhttp://h:x/\n'
    outcome = hyperhttp("batch", "--jsonl", "-", input=given.encode())
    assert outcome.status == 1
    results = {r["line"]: r for r in results_of(outcome.out)}
    assert [results[n]["url"] for n in range(1, 5)] == ["not a url", "a.b c", "word", "http://h:x/"]
    for line, result in results.items():
        assert result["error"]["message"].startswith(f'"{result["url"]}" is not a URL: its ') or (
            line in (1, 3)
            and result["error"]["message"].startswith(f'"{result["url"]}" is not a URL: it has no ')
        )
        assert f"line {line}: {result['error']['message']}\n" in outcome.err


def test_a_list_of_mistakes_is_reported_as_it_is_read(hyperhttp):
    """Nothing is sent, so nothing waits for the network: results must come out all the same."""
    process = hyperhttp.start("batch", "-q", "--jsonl", "-")
    if hyperhttp.is_sanitized:
        bound = 1_000_000
    else:
        bound = 10_000
    lines = 200_000

    def feed():
        process.stdin.write(b"no url at all, and a long line to fill the memory with\n" * lines)
        process.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    for number in range(1, lines + 1):
        line = process.stdout.readline()
        if number == lines // 2:
            assert peak_kib(process) < bound
    assert json.loads(line)["line"] == lines
    feeder.join()
    assert process.wait(timeout=PATIENCE_S) == 1


def test_interrupt_while_only_mistakes_are_read(hyperhttp, tmp_path):
    (tmp_path / "list").write_bytes(b"mistake\n" * 3_000_000)
    process = hyperhttp.start("batch", "-i", tmp_path / "list", "--jsonl", tmp_path / "out")
    while not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size == 0:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    outcome = hyperhttp.finish(process)
    assert outcome.status == 130
    told = results_of((tmp_path / "out").read_text())
    assert 0 < len(told) < 3_000_000
    assert f"invalid    {len(told):,} lines" in outcome.text


def test_many_large_bodies_are_not_all_held(hyperhttp, peer, tmp_path):
    if hyperhttp.is_sanitized:
        pytest.skip("a sanitized build has its own appetite")
    body = json.dumps({"url": peer.url("/gated"), "body": "x" * 4_000_000}).encode() + b"\n"
    with (tmp_path / "list").open("wb") as file:
        for _ in range(60):
            file.write(body)
    process = hyperhttp.start("batch", "--per-host", "1", "-i", tmp_path / "list")
    peer.wait_for(1)
    assert peak_kib(process) < 130_000
    peer.gate.set()
    outcome = hyperhttp.finish(process)
    assert outcome.status == 0, outcome.err
    assert len(peer.requests) == 60
    assert all(len(request.body) == 4_000_000 for request in peer.requests)


def test_only_ten_bad_lines_are_listed(hyperhttp, peer):
    outcome = hyperhttp("batch", "--jsonl", "-", input=b"nope\n" * 25)
    assert outcome.status == 1
    assert len(results_of(outcome.out)) == 25
    assert "line 10: " in outcome.err
    assert "line 11: " not in outcome.err
    assert "and 15 more" in outcome.err


def test_results_come_while_the_list_is_still_being_written(hyperhttp, peer):
    process = hyperhttp.start("batch", "--jsonl", "-")
    for number in range(3):
        process.stdin.write(peer.url(f"/ok/{number}").encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["url"].endswith(f"/ok/{number}")
    process.stdin.close()
    assert process.wait(timeout=PATIENCE_S) == 0


def test_empty_list(hyperhttp):
    outcome = hyperhttp("batch", "--jsonl", "-", input=b"\n# nothing\n")
    assert (outcome.status, outcome.out) == (0, b"")


# Results.


def test_result_carries_the_answer(hyperhttp, peer):
    outcome = hyperhttp("batch", "--jsonl", "-", peer.url("/latin"), peer.url("/status/404"))
    assert outcome.status == 0
    results = {r["status"]: r for r in results_of(outcome.out)}
    assert results[200]["headers"]["x-name"] == ["café"]
    assert results[200]["timings"]["total_ms"] > 0
    assert results[404]["error"] is None
    assert "statuses   200: 1, 404: 1" in outcome.err


def test_failures_have_class_phase_and_sentence(hyperhttp, peer, closed_port):
    outcome = hyperhttp(
        "batch", "--jsonl", "-",
        peer.url("/ok"), peer.url("/truncated"), peer.url("/garbage"),
        f"http://127.0.0.1:{closed_port}/", "http://nonexistent.invalid/",
    )  # fmt: skip
    assert outcome.status == 1
    errors = {r["url"].split("/", 3)[-1] or r["url"]: r["error"] for r in results_of(outcome.out)}
    assert errors["ok"] is None
    assert errors["truncated"]["code"] == "HH_ERR_TRUNCATED"
    assert errors["garbage"]["class"] == "protocol"
    refused = errors[f"http://127.0.0.1:{closed_port}/"]
    assert (refused["class"], refused["phase"]) == ("connection", "connect")
    assert refused["message"] == f"connect to 127.0.0.1:{closed_port} refused"
    assert errors["http://nonexistent.invalid/"]["class"] == "dns"
    assert "ok         1" in outcome.err
    assert "failed     4" in outcome.err
    outcome = hyperhttp("batch", "--timeout", "0.2", "--jsonl", "-", peer.url("/hang"))
    assert outcome.status == 1
    assert results_of(outcome.out)[0]["error"]["class"] == "timeout"


def test_fail_and_size_bound(hyperhttp, peer, tmp_path):
    outcome = hyperhttp(
        "batch", "-f", "--max-bytes", "1k", "--jsonl", "-", "--output-dir", tmp_path / "d",
        peer.url("/status/404"), peer.url("/status/500"), peer.url("/bytes/2000"), peer.url("/ok"),
    )  # fmt: skip
    assert outcome.status == 1
    errors = {r["url"].rsplit("/", 1)[-1]: r["error"] for r in results_of(outcome.out)}
    assert errors["404"]["class"] == "client"
    assert errors["500"]["class"] == "server"
    assert errors["2000"]["code"] == "HH_ERR_RESPONSE_TOO_LARGE"
    assert errors["ok"] is None
    names = [n for n in files_of(tmp_path / "d") if not n.startswith(".")]
    assert names == [f"127.0.0.1_{peer.port}/ok"]


def test_redirects_and_compression(hyperhttp, peer):
    outcome = hyperhttp("batch", "-L", "--jsonl", "-", peer.url("/redirect/2"), peer.url("/gzip"))
    results = {r["url"].split("/")[3]: r for r in results_of(outcome.out)}
    assert results["redirect"]["status"] == 200
    assert results["gzip"]["bytes"] == 100_000
    outcome = hyperhttp("batch", "--raw", "--jsonl", "-", peer.url("/redirect/2"), peer.url("/gzip"))
    results = {r["url"].split("/")[3]: r for r in results_of(outcome.out)}
    assert results["redirect"]["status"] == 302
    assert results["gzip"]["bytes"] < 100_000


def test_no_redirects_allowed(hyperhttp, peer, tmp_path):
    outcome = hyperhttp(
        "batch", "-L", "--max-redirs", "0", "--jsonl", "-", "--output-dir", tmp_path,
        peer.url("/redirect/1"), peer.url("/ok"),
    )  # fmt: skip
    assert outcome.status == 1
    results = {r["status"]: r for r in results_of(outcome.out)}
    assert results[200]["error"] is None
    assert results[302]["error"]["code"] == "HH_ERR_TOO_MANY_REDIRECTS"
    assert results[302]["error"]["message"] == "more redirects than --max-redirs allows (0)"
    assert results[302]["file"] is None
    assert len(peer.requests) == 2
    assert [n for n in files_of(tmp_path) if n[0] != "."] == [f"127.0.0.1_{peer.port}/ok"]


def test_sentences_name_options(hyperhttp, nginx):
    outcome = hyperhttp("batch", "--jsonl", "-", nginx.tls_url("/"))
    assert results_of(outcome.out)[0]["error"]["message"].endswith("give its CA with --cacert")
    assert "give its CA with --cacert\n" in outcome.err


def test_quiet(hyperhttp, peer):
    outcome = hyperhttp("batch", "-q", peer.url("/ok"))
    assert (outcome.status, outcome.out, outcome.err) == (0, b"", "")


def test_live_line(hyperhttp, peer):
    process = hyperhttp.start("batch", "--progress", "always", peer.url("/gated"))
    peer.wait_for(1)
    seen = b""
    while b"1 in flight" not in seen:
        seen += os.read(process.stderr.fileno(), 4096)
    peer.gate.set()
    assert hyperhttp.finish(process).status == 0


# Files.


def test_files_mirror_the_server(hyperhttp, nginx, tmp_path):
    wanted = {}
    for number in range(400):
        path = f"m/{number % 7}/{number}.txt"
        content = pattern(number * 97, number)
        (nginx.root / path).parent.mkdir(parents=True, exist_ok=True)
        (nginx.root / path).write_bytes(content)
        wanted[f"127.0.0.1_{nginx.port}/{path}"] = content
    given = "\n".join(nginx.url("/" + name.split("/", 1)[1]) for name in wanted)
    outcome = hyperhttp("batch", "--output-dir", tmp_path / "d", input=given.encode())
    assert outcome.status == 0, outcome.err
    assert [n for n in files_of(tmp_path / "d") if n[0] != "."] == sorted(wanted)
    for name, content in wanted.items():
        assert (tmp_path / "d" / name).read_bytes() == content


def test_names_are_safe_and_apart(hyperhttp, peer, tmp_path):
    paths = ["/ok/a", "/ok/a", "/ok/a/b", "/ok/", "/ok/..%2f..%2fx", "/ok/q?x=/../y", "/ok/a"]
    given = "\n".join(map(peer.url, paths))
    names = []
    for run in "12":
        outcome = hyperhttp(
            "batch", "--concurrency", "3", "--output-dir", tmp_path / run, "--jsonl", "-",
            input=given.encode(),
        )  # fmt: skip
        assert outcome.status == 0, outcome.err
        by_line = {r["line"]: r["file"].split("/", 1)[1] for r in results_of(outcome.out)}
        names.append([by_line[line] for line in range(1, 8)])
    assert names[0] == names[1]
    assert names[0] == [
        "ok/a", "ok/a~2", "ok/a~d/b", "ok/index", "ok/..%2f..%2fx", "ok/q@x=%2F..%2Fy", "ok/a~7",
    ]  # fmt: skip
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


def test_failed_items_leave_no_file(hyperhttp, peer, tmp_path):
    outcome = hyperhttp("batch", "--output-dir", tmp_path, peer.url("/truncated"), peer.url("/ok"))
    assert outcome.status == 1
    assert files_of(tmp_path) == [".hyperhttp-batch.jsonl", f"127.0.0.1_{peer.port}/ok"]


def test_unwritable_files_fail_alone(hyperhttp, peer, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))

    outcome = hyperhttp(
        "batch", "--output-dir", tmp_path, "--jsonl", "-",
        peer.url("/bytes/1000000"), peer.url("/bytes/100"), preexec_fn=limit,
    )  # fmt: skip
    assert outcome.status == 1
    errors = {r["url"].rsplit("/", 1)[-1]: r["error"] for r in results_of(outcome.out)}
    assert errors["100"] is None
    assert errors["1000000"]["class"] == "file"
    assert "File too large" in errors["1000000"]["message"]
    assert [n for n in files_of(tmp_path) if n[0] != "."] == [f"127.0.0.1_{peer.port}/bytes/100"]
    assert not [n for n in files_of(tmp_path) if n.endswith(".part")]


def test_links_are_not_followed(hyperhttp, peer, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / f"127.0.0.1_{peer.port}").symlink_to(tmp_path / "outside")
    outcome = hyperhttp("batch", "--output-dir", tmp_path / "d", peer.url("/ok"))
    assert outcome.status == 1
    assert os.listdir(tmp_path / "outside") == []


def test_full_results_file(hyperhttp, peer):
    outcome = hyperhttp("batch", "--jsonl", "/dev/full", peer.url("/ok"))
    assert outcome.status == 1
    assert "hyperhttp: can't write the results: No space left" in outcome.err


def test_summary_that_cannot_be_written(hyperhttp, peer):
    with open("/dev/full", "wb") as full:
        outcome = hyperhttp("batch", peer.url("/ok"), stdout=full)
    assert outcome.status == 1
    assert outcome.err == "hyperhttp: can't write the summary: No space left on device\n"


# Bounds.


def test_concurrency_is_bounded(hyperhttp, peer):
    given = "\n".join(peer.url(f"/ok/{n}") for n in range(300)).encode()
    outcome = hyperhttp("batch", "--concurrency", "7", "--jsonl", "-", input=given)
    assert outcome.status == 0
    assert len(results_of(outcome.out)) == 300
    assert peer.most_in_flight <= 7
    assert peer.connections <= 7


def test_concurrency_is_used(hyperhttp, peer):
    given = "\n".join([peer.url("/gated")] * 20).encode()
    process = hyperhttp.start("batch", "--concurrency", "10")
    process.stdin.write(given)
    process.stdin.close()
    process.stdin = None
    peer.wait_for(10)
    assert peer.in_flight == 10
    peer.gate.set()
    assert hyperhttp.finish(process).status == 0
    assert peer.most_in_flight == 10


def test_per_host_bound_does_not_block_others(hyperhttp, peer, other_peer):
    given = "\n".join([peer.url("/gated")] * 50 + [other_peer.url(f"/ok/{n}") for n in range(50)])
    process = hyperhttp.start("batch", "--concurrency", "20", "--per-host", "3", "--jsonl", "-")
    process.stdin.write(given.encode())
    process.stdin.close()
    process.stdin = None
    # The gated host holds three places; all of the other's requests end meanwhile.
    for _ in range(50):
        assert json.loads(process.stdout.readline())["url"].startswith(other_peer.url(""))
    peer.wait_for(3)
    assert peer.most_in_flight == 3
    peer.gate.set()
    outcome = hyperhttp.finish(process)
    assert outcome.status == 0
    assert peer.most_in_flight == 3
    assert other_peer.most_in_flight <= 3


def test_rate(hyperhttp, peer):
    given = "\n".join([peer.url("/ok")] * 30).encode()
    start = time.monotonic()
    outcome = hyperhttp("batch", "--rate", "60", input=given)
    assert outcome.status == 0
    assert time.monotonic() - start >= 29 / 60


def test_memory_does_not_grow_with_the_list(hyperhttp, nginx, peer):
    if hyperhttp.is_sanitized:
        pytest.skip("a sanitized build has its own appetite")
    (nginx.root / "small").write_bytes(b"x" * 100)

    def peak(count):
        process = hyperhttp.start("batch", "-q", "--jsonl", "/dev/null")
        process.stdin.write((nginx.url("/small") + "\n").encode() * count)
        process.stdin.write(peer.url("/gated").encode())
        process.stdin.close()
        process.stdin = None
        peer.wait_for(1)
        most = peak_kib(process)
        process.kill()
        hyperhttp.finish(process)
        return most

    assert peak(40_000) < peak(2_000) + 1_000


# Resuming.


def test_resume(hyperhttp, peer, tmp_path):
    given = "\n".join(
        [peer.url(f"/ok/{n}") for n in range(10)]
        + [peer.url("/flaky/a/1/503"), json.dumps({"url": peer.url("/echo"), "body": "1"})]
        + [json.dumps({"url": peer.url("/echo"), "body": "2", "id": "two"})]
    ).encode()
    out = tmp_path / "out"
    first = hyperhttp("batch", "-f", "--jsonl", out, input=given)
    assert first.status == 1
    with out.open("a") as file:
        file.write('{"id":null,"url":"torn')
    second = hyperhttp("batch", "-f", "--jsonl", out, "--resume", input=given)
    assert second.status == 0, second.err
    assert "skipped    12" in second.text
    assert len(peer.requests) == 14
    assert peer.hits("/flaky/a/1/503") == 2
    assert len(results_of(out.read_text())) == 14
    third = hyperhttp("batch", "-f", "--jsonl", out, "--resume", input=given)
    assert third.status == 0
    assert len(peer.requests) == 14


def test_resume_by_journal(hyperhttp, peer, tmp_path):
    given = "\n".join([peer.url("/ok/1"), peer.url("/ok/1"), peer.url("/truncated")]).encode()
    first = hyperhttp("batch", "--output-dir", tmp_path, input=given)
    assert first.status == 1
    second = hyperhttp("batch", "--output-dir", tmp_path, "--resume", input=given)
    assert second.status == 1
    assert "skipped    2" in second.text
    assert peer.hits("/ok/1") == 2
    assert peer.hits("/truncated") == 2


def test_interrupt_and_resume(hyperhttp, peer, tmp_path):
    given = "\n".join(
        [peer.url(f"/ok/{n}") for n in range(40)] + [peer.url(f"/gated/{n}") for n in range(40)]
    ).encode()
    options = ["batch", "--concurrency", "8", "--output-dir", tmp_path / "d", "--jsonl"]
    process = hyperhttp.start(*options, tmp_path / "out")
    process.stdin.write(given)
    process.stdin.close()
    process.stdin = None
    peer.wait_for(48)
    process.send_signal(signal.SIGINT)
    outcome = hyperhttp.finish(process)
    assert outcome.status == 130, outcome.err
    assert "interrupted" in outcome.text
    assert "cancelled  8" in outcome.text
    done = results_of((tmp_path / "out").read_text())
    assert len(done) == 40
    assert len(files_of(tmp_path / "d")) == 40
    peer.gate.set()
    outcome = hyperhttp(*options, tmp_path / "out", "--resume", input=given)
    assert outcome.status == 0, outcome.err
    assert "skipped    40" in outcome.text
    assert len(results_of((tmp_path / "out").read_text())) == 80
    assert len([n for n in files_of(tmp_path / "d") if n[0] != "."]) == 80
    assert all(peer.hits(f"/ok/{n}") == 1 for n in range(40))


def test_second_interrupt_ends_at_once(hyperhttp, peer):
    process = hyperhttp.start("batch", peer.url("/gated"))
    peer.wait_for(1)
    # Both are pending when it goes on, so the second comes before the first is acted upon.
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    outcome = hyperhttp.finish(process)
    assert outcome.status in (130, 143)
    assert outcome.out == b""


def test_closed_pipe_stops_quietly(hyperhttp, peer):
    process = hyperhttp.start("batch", "--jsonl", "-", "--concurrency", "2")
    process.stdin.write("\n".join(peer.url(f"/ok/{n}") for n in range(500)).encode())
    process.stdin.close()
    process.stdin = None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=PATIENCE_S) == 1
    assert process.stderr.read() == b""
    assert len(peer.requests) < 500


# Mistakes.


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["--retries", "3"],
        ["--concurrency", "0"],
        ["--concurrency", "x"],
        ["--rate", "0"],
        ["--per-host"],
        ["-i", "/nonexistent/list"],
        ["-i", "/"],
        ["--output-dir", "/dev/null/x"],
        ["--jsonl", "/nonexistent/directory/out"],
        ["--resume"],
        ["--resume", "--jsonl", "-"],
        ["--progress", "sometimes"],
        ["--cacert", "/nonexistent"],
        ["-H", "nonsense"],
        ["-H", "Content-Length: 5"],
        ["-X", "BAD METHOD"],
        ["--resolve", "nonsense"],
        ["--interface", "eth0"],
    ],
)
def test_mistakes_on_the_command_line(hyperhttp, peer, tmp_path, arguments):
    (tmp_path / "out").write_text("old")
    has_results = "--jsonl" in arguments or "--resume" in arguments
    kept = [] if has_results else ["--jsonl", tmp_path / "out"]
    outcome = hyperhttp("batch", peer.url("/ok"), *kept, *arguments)
    assert (tmp_path / "out").read_text() == "old"
    assert outcome.status == 2, outcome.err
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("hyperhttp: ")
    assert lines[1].startswith("usage: hyperhttp batch ")
    assert outcome.out == b""
    assert peer.requests == []


def test_one_run_at_a_time(hyperhttp, peer, tmp_path):
    process = hyperhttp.start("batch", "--output-dir", tmp_path, peer.url("/gated"))
    peer.wait_for(1)
    outcome = hyperhttp("batch", "--output-dir", tmp_path, peer.url("/ok"))
    assert outcome.status == 2
    assert "another run" in outcome.err
    peer.gate.set()
    assert hyperhttp.finish(process).status == 0


def test_http2(hyperhttp, http2_peer, tmp_path):
    urls = [http2_peer.url(f"/bytes/{number}") for number in range(300)]
    outcome = hyperhttp("batch", "--cacert", http2_peer.ca, "--jsonl", tmp_path / "out",
                        "--output-dir", tmp_path / "files", input="\n".join(urls).encode())  # fmt: skip
    assert outcome.status == 0, outcome.err
    results = results_of((tmp_path / "out").read_text())
    assert sorted(result["bytes"] for result in results) == list(range(300))
    assert {result["http_version"] for result in results} == {"2"}
    for result in results:
        assert (tmp_path / "files" / result["file"]).read_bytes() == pattern(result["bytes"])
    outcome = hyperhttp("batch", "--http1.1", "--cacert", http2_peer.ca, "--jsonl", "-", "-q",
                        http2_peer.url())  # fmt: skip
    assert results_of(outcome.out)[0]["http_version"] == "1.1"
