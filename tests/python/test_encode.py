"""params= and data=: application/x-www-form-urlencoded, as browsers write it."""

from __future__ import annotations

import collections
import enum
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from hyperhttp import URL, Request


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    A = "a"


class Loud(int):
    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


def form(data: Any) -> bytes:
    return Request("POST", "http://a/", data=data).content


def query(params: Any) -> str:
    return URL("http://a/", params=params).query


@pytest.mark.parametrize(
    ("pairs", "encoded"),
    [
        ({}, ""),
        ([], ""),
        ({"a": "b"}, "a=b"),
        ({"a": "b", "c": "d"}, "a=b&c=d"),
        ([("a", "1"), ("a", "2")], "a=1&a=2"),
        ((("a", "1"), ["b", "2"]), "a=1&b=2"),
        (iter([("a", "1")]), "a=1"),
        ({"a": ["1", "2"], "b": ("3",)}, "a=1&a=2&b=3"),
        ([("a", [1, 2]), ("b", ())], "a=1&a=2"),
        ({"a": None, "b": "c", "d": [None, 1, None]}, "b=c&d=1"),
        ({"a": None}, ""),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"a": 1, "b": -2, "c": 1.5, "d": 1e100, "e": float("nan")},
         "a=1&b=-2&c=1.5&d=1e%2B100&e=nan"),
        ({1: 2, 1.5: 2.5, b"k": b"v"}, "1=2&1.5=2.5&k=v"),
        ({True: False}, "true=false"),
        ({"a": Number.ONE, "b": Text.A, "c": Loud(7)}, "a=1&b=a&c=7"),
        ({"": ""}, "="),
        ({"": "", "a": ""}, "=&a="),
        ({"a b": "c d+e"}, "a+b=c+d%2Be"),
        ({"é": "€😀"}, "%C3%A9=%E2%82%AC%F0%9F%98%80"),
        ({"a": b"\xff\x00"}, "a=%FF%00"),
        ({"a": "\0\r\n\t"}, "a=%00%0D%0A%09"),
        ({"a&b=c": "d#e?f/g%h"}, "a%26b%3Dc=d%23e%3Ff%2Fg%25h"),
        ({"az": "AZ09*-._"}, "az=AZ09*-._"),
        (MappingProxyType({"a": "b"}), "a=b"),
        (collections.OrderedDict(a="b"), "a=b"),
        (collections.ChainMap({"a": "b"}), "a=b"),
    ],
)  # fmt: skip
def test_encoded(pairs, encoded):
    if isinstance(pairs, collections.abc.Iterator):
        assert form(pairs) == encoded.encode()
        return
    assert query(pairs) == encoded
    if pairs:
        assert form(pairs) == encoded.encode()


def test_every_byte_as_the_library_has_it():
    for codepoint in [*range(0x250), 0x20AC, 0xFFFD, 0x1F600]:
        pairs = [("k" + chr(codepoint), chr(codepoint) * 2)]
        # The one draws the line by RFC 3986, the other by the URL Standard.
        theirs = urlencode(pairs).replace("~", "%7E").replace("%2A", "*")
        assert query(pairs) == theirs
        assert parse_qsl(query(pairs), keep_blank_values=True) == pairs
        assert URL("http://a/", params=pairs).params == tuple(pairs)


@pytest.mark.parametrize(
    "pairs",
    [
        1,
        object(),
        ["a"],
        ["ab"],
        [b"ab"],
        [("a",)],
        [("a", "b", "c")],
        [1],
        [None],
        {"a": object()},
        {"a": {"b": "c"}},
        {"a": {"b"}},
        {"a": [["b"]]},
        {"a": [{}]},
        {"a": bytearray(b"b")},
        {"a": 1j},
        {None: "a"},
        {("a",): "b"},
        {"a": iter("b")},
    ],
)
def test_wrong_types(pairs):
    with pytest.raises(TypeError):
        query(pairs)
    with pytest.raises(TypeError):
        Request("GET", "http://a/", params=pairs)
    with pytest.raises(TypeError):
        form(pairs)


def test_a_wrong_type_is_named():
    with pytest.raises(TypeError, match="value must be str, bytes, int, float or bool, not dict"):
        query({"a": {}})
    with pytest.raises(TypeError, match="name must be .* not NoneType"):
        query({None: "a"})
    with pytest.raises(TypeError, match="one of them is int"):
        query([1])


def test_surrogates():
    with pytest.raises(UnicodeEncodeError):
        query({"a": "\ud800"})
    with pytest.raises(UnicodeEncodeError):
        query("\ud800")


def test_an_iterable_that_fails():
    def pairs():
        yield "a", "b"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        query(pairs())
    with pytest.raises(ZeroDivisionError):
        form(pairs())


def test_a_list_that_changes_amid():
    class Pair:
        def __iter__(self):
            pairs.clear()
            yield from ("a", "b")

    pairs: list[Any] = [Pair(), Pair(), ("c", "d")]
    assert query(pairs) == "a=b"


@pytest.mark.parametrize("given", ["a=b&c", b"a=b&c", "?a=b&c", b"?a=b&c"])
def test_encoded_already(given):
    assert query(given) == "a=b&c"


def test_encoded_already_stays_in_the_query():
    url = URL("http://a/b#c", params="d=#e f")
    assert str(url) == "http://a/b?d=%23e%20f#c"
    assert url.params == (("d", "#e f"),)


@pytest.mark.parametrize(
    ("url", "longer"),
    [
        ("http://a", "http://a/?k=v"),
        ("http://a/", "http://a/?k=v"),
        ("http://a/?", "http://a/?k=v"),
        ("http://a/?b", "http://a/?b&k=v"),
        ("http://a/?b=c&", "http://a/?b=c&k=v"),
        ("http://a/?b=?", "http://a/?b=?&k=v"),
        ("http://a/#f", "http://a/?k=v#f"),
        ("http://a/?b#f?g", "http://a/?b&k=v#f?g"),
        ("http://a/#f?g", "http://a/?k=v#f?g"),
        ("http://a/?b=%20#", "http://a/?b=%20&k=v#"),
    ],
)
def test_appended_to_the_query(url, longer):
    assert str(URL(url, params={"k": "v"})) == longer
    assert str(Request("GET", url, params={"k": "v"}).url) == longer


def test_nothing_to_append():
    for params in (None, {}, [], "", b"", "?", {"a": None}):
        assert str(URL("http://a/?b#c", params=params)) == "http://a/?b#c"


def test_a_large_form():
    data = {"k%d" % i: "é" * 100 for i in range(2000)}
    assert form(data) == urlencode(data).encode()
    assert form({"a": " " * 10_000_000}) == b"a=" + b"+" * 10_000_000
