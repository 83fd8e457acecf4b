"""The body as text: which encoding, byte order marks, pieces; and awaiting, or forgetting to."""

from __future__ import annotations

import asyncio
import gc
import inspect
import random
import weakref

import pytest

import hyperhttp
from hyperhttp._decode import ByteChunker, LineSplitter, TextChunker, TextDecoder

Sync = hyperhttp.SyncResponse
MARKS = {"utf-8-sig": "utf-8-sig", "utf-16": "utf-16", "utf-32": "utf-32"}


def make(content: bytes, content_type: str | None = None, **options) -> Sync:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Sync(200, content=content, headers=headers, **options)


# The charset of Content-Type.


@pytest.mark.parametrize(
    "content_type, charset",
    [
        (None, None),
        ("", None),
        ("text/html", None),
        ("text/html;", None),
        ("text/html; charset=utf-8", "utf-8"),
        ("text/html;charset=UTF-8", "UTF-8"),
        ("text/html; CHARSET = latin-1 ; x=y", "latin-1"),
        ('text/html; charset="utf-8"', "utf-8"),
        ("text/html; charset='utf-8'", "utf-8"),
        ('text/html; a="; charset=wrong"; charset=right', "right"),
        ('text/html; a="\\"; charset=wrong"; charset=right', "right"),
        ("text/html; charset=first; charset=second", "first"),
        ("text/html; xcharset=no", None),
        ("text/html; charset", None),
        ("text/html; charset=", None),
        ("text/html; charset=a b", None),
        ("text/html; charset=../etc/x", None),
        ("text/html; charset=" + "x" * 41, None),
        ("charset=utf-8", None),
        ('text/html; a="unended; charset=x', None),
    ],
)
def test_charset_encoding(content_type, charset):
    assert make(b"", content_type).charset_encoding == charset


@pytest.mark.parametrize(
    "charset, content, text",
    [
        ("utf-8", "å".encode(), "å"),
        ("utf8", "å".encode(), "å"),
        ("iso-8859-1", b"\xe5", "å"),
        ("windows-1252", b"\x80", "€"),
        ("shift_jis", "日本".encode("shift_jis"), "日本"),
        ("gb18030", "中文".encode("gb18030"), "中文"),
        ("utf-16", "hé".encode("utf-16"), "hé"),
        ("utf-16-le", "hé".encode("utf-16-le"), "hé"),
        ("ascii", b"a\xe5b", "a\ufffdb"),
        ("utf-8", b"a\xffb", "a\ufffdb"),
        ("utf-8", b"\xe5\xa4", "\ufffd"),
    ],
)
def test_declared(charset, content, text):
    response = make(content, f"text/plain; charset={charset}")
    assert response.encoding == charset
    assert response.text == text


@pytest.mark.parametrize(
    "charset",
    ["nonsense", "hex", "zlib", "rot13", "base64", "idna", "punycode", "Puny-Code", "undefined"]
    + ["unicode_escape", "raw-unicode-escape", "none", "utf-9"],
)
def test_unusable_charset_falls_back(charset):
    response = make("å\\u0041".encode(), f"text/plain; charset={charset}")
    assert response.charset_encoding == charset
    assert response.encoding == "utf-8"
    assert response.text == "å\\u0041"


@pytest.mark.parametrize("seed", range(10))
def test_random_content_types(seed):
    chance = random.Random(seed)
    parts = ["charset", "=", ";", '"', "\\", " ", "utf-8", "text/html", "\t", "é", "'", ","]
    for _ in range(500):
        content_type = "".join(chance.choices(parts, k=chance.randint(0, 12))).strip()
        response = make(b"\xe5", content_type)
        assert response.charset_encoding in (None, "utf-8", "utf-8utf-8") or (
            set(response.charset_encoding) <= set("charsetutf-8")
        )
        assert len(response.text) == 1


# Byte order marks.


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("content_type", [None, "text/plain", "text/plain; charset=utf-8"])
def test_mark_wins_over_utf8(encoding, content_type):
    response = make("hé€".encode(encoding), content_type)
    assert response.text == "hé€"
    if content_type != "text/plain; charset=utf-8":
        assert response.encoding == MARKS[encoding]


def test_big_endian_marks():
    assert make(b"\xfe\xff\x00h\x00\xe9").text == "hé"
    assert make(b"\x00\x00\xfe\xff\x00\x00\x00h").text == "h"


def test_mark_wins_over_the_default():
    response = make("hé".encode("utf-16"), default_encoding="latin-1")
    assert response.encoding == "utf-16"
    assert response.text == "hé"


def test_mark_does_not_win_over_a_declared_charset():
    assert make(b"\xff\xfe", "text/plain; charset=latin-1").text == "ÿþ"


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xef\xbb", b"\xfe", b"\x00"])
def test_too_short_for_a_mark(content):
    assert make(content).text == content.decode("utf-8", "replace")


# The default.


def test_default_encoding():
    assert make(b"\xe5", default_encoding="latin-1").text == "å"
    assert make(b"\xe5", default_encoding="latin-1").encoding == "latin-1"
    assert make(b"\xe5", default_encoding="nonsense").encoding == "utf-8"


def test_default_encoding_as_a_function():
    asked = []

    def guess(content):
        asked.append(content)
        return "latin-1"

    assert make(b"\xe5", default_encoding=guess).text == "å"
    assert asked == [b"\xe5"]
    assert make(b"\xe5", "text/plain; charset=utf-8", default_encoding=guess).text == "\ufffd"
    assert asked == [b"\xe5"]
    assert make("å".encode(), default_encoding=lambda content: None).text == "å"


def test_default_encoding_that_fails():
    def fail(content):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        _ = make(b"x", default_encoding=fail).text
    with pytest.raises(TypeError, match="default_encoding"):
        _ = make(b"x", default_encoding=lambda content: 5).text


def test_default_encoding_of_a_client(peer):
    peer.do_raw = lambda out, request, rest: out.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xe5"
    )
    with hyperhttp.Session(default_encoding="latin-1") as session:
        assert session.get(peer.url("/raw")).text == "å"


# Set by hand.


def test_encoding_set_by_hand():
    response = make(b"\xe5", "text/plain; charset=utf-8")
    assert response.text == "\ufffd"
    response.encoding = "latin-1"
    assert response.encoding == "latin-1"
    assert response.text == "å"
    response.encoding = None
    assert response.encoding == "utf-8"
    assert response.text == "\ufffd"
    del response.encoding
    assert response.encoding == "utf-8"


@pytest.mark.parametrize("value", ["nonsense", "hex", "", "utf-8\0", "é"])
def test_unknown_encoding_set_by_hand(value):
    response = make(b"x")
    with pytest.raises((LookupError, ValueError)):
        response.encoding = value
    assert response.encoding == "utf-8"


def test_encoding_of_the_wrong_type():
    with pytest.raises(TypeError, match="str or None"):
        make(b"x").encoding = 5


def test_headers_changed_later_count():
    response = make(b"\xe5")
    response.headers["Content-Type"] = "text/plain; charset=latin-1"
    assert response.text == "å"


def test_text_is_decoded_once():
    response = make(b"abc" * 1000)
    assert response.text is response.text


# Awaiting.


def run(awaitable):
    async def main():
        return await awaitable

    return asyncio.run(main())


def test_awaited():
    response = hyperhttp.Response(200, text="å")
    assert run(response.text()) == "å"
    assert run(response.read()) == "å".encode()
    assert run(response.aread()) == "å".encode()


def test_awaited_twice_gives_the_same_object():
    async def main():
        ready = hyperhttp.Response(200, json={"a": [1]}).json()
        return await ready, await ready

    first, second = asyncio.run(main())
    assert first is second == {"a": [1]}


@pytest.mark.parametrize("value", ["()", "[1, 2]", '{"a": 1}', "null", "3", '"x"'])
def test_every_value_comes_out_as_it_is(value):
    import json

    response = hyperhttp.Response(200, content=value)
    assert run(response.json()) == json.loads(value) if value != "()" else True
    if value == "()":
        with pytest.raises(ValueError):
            run(response.json())


def test_tuples_and_exceptions_come_out_as_values():
    for value in ((1, 2), (), ValueError("a value"), StopIteration(5)):
        response = hyperhttp.Response(200, content=b"1")
        ready = response.json(object_hook=None, parse_int=lambda text, value=value: value)
        assert run(ready) is value
        with pytest.raises(StopIteration) as stop:
            ready.send(None)
        assert stop.value.value is value


def test_asyncio_takes_it():
    async def main():
        response = hyperhttp.Response(200, text="å")
        assert inspect.isawaitable(response.text())
        gathered = await asyncio.gather(response.text(), response.read(), response.text())
        task = await asyncio.create_task(response.text())
        waited = await asyncio.wait_for(response.text(), 120)
        shielded = await asyncio.shield(response.text())
        async with asyncio.TaskGroup() as group:
            grouped = group.create_task(response.text())
        repr(asyncio.ensure_future(response.text()))
        return [*gathered, task, waited, shielded, grouped.result()]

    assert asyncio.run(main()) == ["å", "å".encode(), "å", "å", "å", "å", "å"]
    assert asyncio.run(hyperhttp.Response(200, text="x").text()) == "x"


def test_never_yields_to_the_loop():
    async def main():
        other = []
        asyncio.get_running_loop().call_soon(other.append, 1)
        await hyperhttp.Response(200, text="x").text()
        return list(other)

    assert asyncio.run(main()) == []


def test_errors_come_out_at_the_await():
    ready = hyperhttp.Response(200, content=b"{").json()
    for _ in range(2):
        with pytest.raises(ValueError, match="Expecting"):
            run(ready)


def test_thrown_into():
    ready = hyperhttp.Response(200).text()
    error = KeyError("x")
    for given in (
        (error,),
        (KeyError, error),
        (KeyError, error, None),
        (KeyError,),
        (KeyError, "x"),
    ):
        with pytest.raises(KeyError):
            ready.throw(*given)
    with pytest.raises(TypeError):
        ready.throw("x")
    with pytest.raises(TypeError):
        ready.throw()
    assert ready.close() is None


USES = {
    "index": lambda ready: ready["key"],
    "slice": lambda ready: ready[:5],
    "attribute": lambda ready: ready.items,
    "method": lambda ready: ready.strip(),
    "str": str,
    "format": lambda ready: f"{ready}",
    "percent": lambda ready: "%s" % ready,  # noqa: UP031
    "len": len,
    "iter": list,
    "in": lambda ready: "x" in ready,
    "bool": bool,
    "not": lambda ready: not ready,
    "equal": lambda ready: ready == "x",
    "equal reversed": lambda ready: "x" == ready,  # noqa: SIM300
    "not equal": lambda ready: ready != "x",
    "less": lambda ready: ready < "x",
    "add": lambda ready: ready + "x",
    "add reversed": lambda ready: "x" + ready,
    "join": lambda ready: ready % 5,
    "or": lambda ready: ready | {},
    "times": lambda ready: ready * 2,
    "int": int,
    "float": float,
    "unpack": lambda ready: (*ready,),
    "dict": dict,
}


@pytest.mark.parametrize("name", USES)
def test_forgetting_to_await_says_so(name):
    response = hyperhttp.Response(200, json={"key": "x"})
    for ready, call in (
        (response.json(), "response.json()"),
        (response.text(), "response.text()"),
        (response.read(), "response.read()"),
    ):
        with pytest.raises(TypeError) as caught:
            USES[name](ready)
        assert "await it" in str(caught.value)
        assert call in str(caught.value)


def test_the_advice_shows_how_to_write_it():
    response = hyperhttp.Response(200, json={"key": "x"})
    with pytest.raises(TypeError, match=r"\(await response\.json\(\)\)\[\.\.\.\]"):
        response.json()["key"]
    with pytest.raises(TypeError, match=r"\(await response\.text\(\)\)\.strip"):
        response.text().strip()
    with pytest.raises(TypeError):
        getattr(response.text(), "x" * 1000)


def test_what_works_unawaited():
    ready = hyperhttp.Response(200, text="x").text()
    assert repr(ready) == "<Ready: await response.text()>"
    assert ready == ready
    assert (ready != ready) is False
    assert ready in {ready}
    assert isinstance(hash(ready), int)
    assert not hasattr(ready, "__len_hint__")
    assert not hasattr(ready, "cr_code")
    with pytest.raises(TypeError):
        type(ready)()


def test_lets_go_of_the_answer():
    response = hyperhttp.Response(200, text="x")
    gone = weakref.ref(response)
    ready = response.text()
    run(ready)
    del response
    gc.collect()
    assert gone() is None
    assert run(ready) == "x"


def test_a_cycle_is_collected():
    response = hyperhttp.Response(200, text="x")
    response.ready = response.text()
    gone = weakref.ref(response)
    del response
    gc.collect()
    assert gone() is None


# In pieces.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "shift_jis"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_pieces_give_what_the_whole_gives(encoding, size):
    text = "日本\r\nabc\r\rx\n\n語" if encoding == "shift_jis" else "é😀\r\nabc\r\rx\n\n€"
    data = text.encode(encoding)
    decoder = TextDecoder("utf-8" if encoding.startswith("utf") else encoding)
    splitter, chunker = LineSplitter(), TextChunker(3)
    lines, chunks = [], []
    for start in range(0, len(data), size):
        piece = decoder.feed(data[start : start + size])
        lines += splitter.feed(piece)
        chunks += chunker.feed(piece)
    piece = decoder.flush()
    lines += splitter.feed(piece) + splitter.flush()
    chunks += chunker.feed(piece) + chunker.flush()
    assert lines == text.splitlines()
    assert "".join(chunks) == text
    assert all(len(chunk) == 3 for chunk in chunks[:-1])


def test_cut_short():
    decoder = TextDecoder("utf-8")
    assert decoder.feed("aé".encode()[:-1]) + decoder.flush() == "a\ufffd"
    decoder = TextDecoder("utf-8")
    assert decoder.feed(b"\xef\xbb") + decoder.flush() == "\ufffd"
    assert TextDecoder("nonsense").flush() == ""


def test_text_is_given_out_as_soon_as_no_mark_can_come():
    assert TextDecoder("utf-8").feed(b"h") == "h"


@pytest.mark.parametrize("seed", range(20))
def test_random_pieces(seed):
    chance = random.Random(seed)
    text = "".join(chance.choice("ab\r\n\x0b") for _ in range(500))
    size = chance.randint(1, 20)
    splitter, chunker = LineSplitter(), ByteChunker(size)
    lines, chunks = [], []
    rest = text
    while rest:
        cut = chance.randint(0, 15)
        piece, rest = rest[:cut], rest[cut:]
        lines += splitter.feed(piece)
        chunks += chunker.feed(piece.encode())
    lines += splitter.flush()
    chunks += chunker.flush()
    assert b"".join(chunks).decode() == text
    assert all(len(chunk) == size for chunk in chunks[:-1])
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    assert lines == unified.removesuffix("\n").split("\n") if unified else lines == []


def test_a_long_line_costs_its_length_only():
    splitter = LineSplitter()
    for _ in range(100_000):
        assert splitter.feed("x" * 10) == []
    assert splitter.feed("\n") == ["x" * 1_000_000]
