"""The body as JSON: Unicode in every form, other parsers, and errors that show the answer."""

from __future__ import annotations

import asyncio
import json

import orjson
import pytest
from peer import answer

import hyperhttp

pytestmark = pytest.mark.both_protocols

Sync = hyperhttp.SyncResponse
VALUE = {"name": "hé€", "n": [1, 2.5, None, True]}
TEXT = json.dumps(VALUE, ensure_ascii=False)


def make(content: bytes, content_type: str = "application/json") -> Sync:
    headers = {"Content-Type": content_type}
    return Sync(200, content=content, headers=headers, url="http://a.example/x")


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
def test_every_form_of_unicode(encoding):
    assert make(TEXT.encode(encoding)).json() == VALUE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["1", "[]", '"é"', "12", "null"])
def test_short_texts(encoding, text):
    assert make(text.encode(encoding)).json() == json.loads(text)


def test_agrees_with_the_standard_library():
    for first in (0, 1, 0x31, 0xEF, 0xFE, 0xFF):
        for second in (0, 0x31, 0xBB, 0xFE, 0xFF):
            for tail in (b"", b"\0", b"\0\0", b"1\0", b"\0\x31", b"\xbf1"):
                content = bytes([first, second]) + tail
                try:
                    wanted = json.loads(content)
                except ValueError as error:
                    wanted = type(error)
                try:
                    got = make(content).json()
                except ValueError as error:
                    got = type(error)
                assert got == wanted, content


def test_lone_surrogates_pass():
    assert make(b'"\xed\xa0\x80"').json() == "\ud800"


def test_declared_charset_where_it_is_no_unicode():
    assert make(b'"\xe5"', "application/json; charset=iso-8859-1").json() == "å"
    assert make('"å"'.encode(), "application/json; charset=iso-8859-1").json() == "å"
    with pytest.raises(UnicodeDecodeError):
        make(b'"\xe5"').json()
    with pytest.raises(UnicodeDecodeError):
        make(b'"\xe5"', "application/json; charset=nonsense").json()


def test_keywords_go_to_the_parser():
    response = make(b'{"a": 1.5}')
    assert response.json(parse_float=str) == {"a": "1.5"}
    with pytest.raises(TypeError):
        response.json(nonsense=True)
    with pytest.raises(TypeError, match="keywords"):
        response.json(5)

    async def main():
        ready = hyperhttp.Response(200, content=b"[1.5]").json(parse_float=str)
        return await ready

    assert asyncio.run(main()) == ["1.5"]


def test_each_call_parses_anew():
    response = make(b"[]")
    response.json().append(1)
    assert response.json() == []


# Errors.


@pytest.mark.parametrize("content", [b"", b"{", b"<html>no</html>", b"nul", b'{"a": 1} x'])
def test_no_json(content):
    with pytest.raises(json.JSONDecodeError) as caught:
        make(content).json()
    note = "\n".join(caught.value.__notes__)
    assert "200 OK" in note
    assert "http://a.example/x" in note
    if content:
        assert repr(content) in note
        assert "application/json" in note
    else:
        assert "empty" in note


def test_the_note_is_short():
    with pytest.raises(json.JSONDecodeError) as caught:
        make(b"<" + b"x" * 1_000_000).json()
    assert len(caught.value.__notes__[0]) < 400


def test_the_note_without_a_url():
    with pytest.raises(json.JSONDecodeError) as caught:
        Sync(200, content=b"<").json()
    assert "made by hand" in caught.value.__notes__[0]


def test_other_errors_have_no_note():
    with pytest.raises(KeyError) as caught:
        make(b'{"a": 1}').json(object_hook=lambda value: value["b"])
    assert not hasattr(caught.value, "__notes__")


def test_deep_nesting_is_an_error():
    with pytest.raises(RecursionError):
        make(b"[" * 100_000).json()


# Another parser.


def session_with(peer, loads, content, content_type="application/json"):
    raw = answer(200, content, f"Content-Type: {content_type}")
    peer.do_raw = lambda out, request, rest: out.sendall(raw)
    with hyperhttp.Session(json_loads=loads) as session:
        return session.get(peer.url("/raw"))


def test_orjson(peer):
    assert session_with(peer, orjson.loads, TEXT.encode()).json() == VALUE


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_orjson_and_other_forms(peer, encoding):
    assert session_with(peer, orjson.loads, TEXT.encode(encoding)).json() == VALUE


def test_orjson_error(peer):
    with pytest.raises(json.JSONDecodeError) as caught:
        session_with(peer, orjson.loads, b"{").json()
    assert peer.url("/raw") in caught.value.__notes__[0]


def test_what_another_parser_gets(peer):
    got = []
    for content, content_type, wanted in (
        (b'"x"', "application/json", b'"x"'),
        (b'\xef\xbb\xbf"x"', "application/json", b'"x"'),
        ('"x"'.encode("utf-16"), "application/json", '"x"'),
        (b'"\xe5"', "application/json; charset=latin-1", '"å"'),
    ):
        session_with(peer, got.append, content, content_type).json()
        assert got.pop() == wanted


def test_async_client_with_orjson(peer):
    async def main():
        async with hyperhttp.Client(json_loads=orjson.loads) as client:
            response = await client.get(peer.url("/echo"))
            return (await response.json())["method"]

    assert asyncio.run(main()) == "GET"
