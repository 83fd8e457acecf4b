"""Headers: a mapping that ignores letter case and keeps order and repeats."""

from __future__ import annotations

import collections
import copy
import gc
import pickle
import sys
from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

import pytest
from leaks import leaks

from hyperhttp import Headers

PAIRS = [("Accept", "text/html"), ("X-One", "1"), ("accept", "text/plain"), ("x-one", "2")]
SECRETS = ["Authorization", "proxy-authorization", "COOKIE", "Set-Cookie"]


def test_look_up_ignores_case():
    headers = Headers({"Content-Type": "text/html"})
    for name in ("Content-Type", "content-type", "CONTENT-TYPE", b"Content-type"):
        assert headers[name] == "text/html"
        assert name in headers
        assert headers.get(name) == "text/html"


def test_missing():
    headers = Headers({"a": "1"})
    with pytest.raises(KeyError) as caught:
        headers["b"]
    assert caught.value.args == ("b",)
    assert headers.get("b") is None
    assert headers.get("b", "x") == "x"
    assert headers.get_list("b") == []
    assert "b" not in headers
    with pytest.raises(KeyError):
        del headers["b"]


@pytest.mark.parametrize("name", ["", "é", "\ud800", "a b", "a\n", "\0"])
def test_what_is_no_name_is_never_found(name):
    headers = Headers({"a": "1"})
    assert name not in headers
    assert headers.get(name) is None
    with pytest.raises(KeyError):
        headers[name]


@pytest.mark.parametrize("name", [1, None, ("a",), object()])
def test_what_is_no_text(name):
    headers = Headers({"a": "1"})
    assert name not in headers
    with pytest.raises(TypeError, match="must be str or bytes"):
        headers[name]
    with pytest.raises(TypeError, match="must be str or bytes"):
        headers.get(name)
    with pytest.raises(TypeError, match="must be str or bytes"):
        headers[name] = "x"
    with pytest.raises(TypeError, match="must be str or bytes"):
        del headers[name]


@pytest.mark.parametrize(
    "given",
    [
        {"Accept": ["text/html", "text/plain"], "X-One": ("1", "2")},
        {b"Accept": [b"text/html", "text/plain"], "X-One": ["1", b"2"]},
        PAIRS,
        tuple(PAIRS),
        iter(PAIRS),
        (pair for pair in PAIRS),
        [[name, value] for name, value in PAIRS],
        [(name.encode(), value.encode()) for name, value in PAIRS],
        Headers(PAIRS),
        MappingProxyType({"Accept": ["text/html", "text/plain"], "X-One": ["1", "2"]}),
        collections.OrderedDict([("accept", ["text/html", "text/plain"]), ("X-One", ["1", "2"])]),
    ],
)
def test_made_from(given):
    headers = Headers(given)
    assert headers.get_list("accept") == ["text/html", "text/plain"]
    assert headers.get_list("X-ONE") == ["1", "2"]
    assert headers["accept"] == "text/html, text/plain"
    assert len(headers) == 2


def test_empty():
    for headers in (Headers(), Headers(None), Headers({}), Headers([]), Headers(headers=())):
        assert len(headers) == 0
        assert not headers
        assert list(headers) == []
        assert headers.raw == []
        assert repr(headers) == "Headers({})"
        with pytest.raises(KeyError):
            headers.popitem()


@pytest.mark.parametrize(
    "given",
    [
        "a: 1",
        b"a: 1",
        bytearray(b"a"),
        1,
        object(),
        {"a": 1},
        {"a": None},
        {"a": ["1", None]},
        {"a": {"b": "c"}},
        {1: "a"},
        {None: "a"},
        ["a"],
        ["ab"],
        [b"ab"],
        [("a",)],
        [("a", "b", "c")],
        [1],
        [None],
        [{"a": "1"}],
    ],
)
def test_wrong_types(given):
    with pytest.raises(TypeError):
        Headers(given)
    headers = Headers({"x": "1"})
    with pytest.raises(TypeError):
        headers.update(given)
    assert headers.raw == [(b"x", b"1")]


def test_wrong_arguments():
    for call in (
        lambda: Headers({}, {}),
        lambda: Headers(wrong={}),
        lambda: Headers().get(),
        lambda: Headers().get("a", "b", "c"),
        lambda: Headers().add("a"),
        lambda: Headers().add("a", "b", "c"),
        lambda: Headers().pop(),
        lambda: Headers().setdefault("a"),
        lambda: Headers().get_list(),
        lambda: Headers().update({}, {}),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "a\r\nX: y", b"a\nb", "\n", "a\n"])
def test_line_breaks_in_values(value):
    headers = Headers({"a": "1"})
    for attempt in (
        lambda: Headers({"secret": value}),
        lambda: Headers([("secret", value)]),
        lambda: headers.add("secret", value),
        lambda: headers.__setitem__("secret", value),
        lambda: headers.setdefault("secret", value),
        lambda: headers.update({"b": "2", "secret": value}),
        lambda: headers.update(secret=value),
        lambda: headers | {"secret": value},
    ):
        with pytest.raises(ValueError, match="'secret' has a line break or NUL"):
            attempt()
    assert headers.raw == [(b"a", b"1")]


def test_a_refused_value_is_not_shown():
    with pytest.raises(ValueError) as caught:
        Headers({"Authorization": "Bearer hunter2\n"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a:", "a\n", "a\0", "é", "a\r\nb", b"\xff", "(a)", "a,b", '"a"', "\x7f"],
)
def test_names_are_tokens(name):
    headers = Headers()
    for attempt in (
        lambda: Headers({name: "1"}),
        lambda: headers.add(name, "1"),
        lambda: headers.__setitem__(name, "1"),
        lambda: headers.update([("a", "1"), (name, "2")]),
    ):
        with pytest.raises(ValueError, match="isn't a header name"):
            attempt()
    assert len(headers) == 0


def test_every_token_character():
    name = "!#$%&'*+-.^_`|~09azAZ"
    assert list(Headers({name: "1"})) == [name.lower()]


def test_surrogates_in_values():
    with pytest.raises(UnicodeEncodeError):
        Headers({"a": "\ud800"})


def test_values_as_bytes():
    headers = Headers({"a": "é", "b": b"\xe9", "c": " \t x y \t", "d": "", "e": "\x01\x7f"})
    assert headers.raw == [
        (b"a", "é".encode()),
        (b"b", b"\xe9"),
        (b"c", b"x y"),
        (b"d", b""),
        (b"e", b"\x01\x7f"),
    ]
    assert headers["a"] == "é"
    assert headers["b"] == "é"
    assert headers["d"] == ""


def test_iteration():
    headers = Headers(PAIRS)
    assert list(headers) == ["accept", "x-one"]
    assert list(headers.keys()) == ["accept", "x-one"]
    assert list(headers.values()) == ["text/html, text/plain", "1, 2"]
    assert list(headers.items()) == [("accept", "text/html, text/plain"), ("x-one", "1, 2")]
    assert headers.multi_items() == [(name.lower(), value) for name, value in PAIRS]
    assert headers.raw == [(name.encode(), value.encode()) for name, value in PAIRS]
    assert dict(headers) == {"accept": "text/html, text/plain", "x-one": "1, 2"}
    assert {**headers} == dict(headers)
    assert len(headers) == 2


def test_views_are_live_and_ignore_case():
    headers = Headers({"a": "1"})
    keys, items = headers.keys(), headers.items()
    headers["B"] = "2"
    assert list(keys) == ["a", "b"]
    assert "A" in keys
    assert ("B", "2") in items
    assert keys & {"b", "c"} == {"b"}


def test_change_during_iteration():
    headers = Headers({"a": "1", "b": "2"})
    for change in (
        lambda: headers.add("c", "3"),
        lambda: headers.pop("c"),
        lambda: headers.__setitem__("a", "4"),
        lambda: headers.update(d="5"),
        lambda: headers.setdefault("e", "6"),
        lambda: headers.popitem(),
        lambda: headers.clear(),
    ):
        iterator = iter(headers)
        next(iterator)
        change()
        with pytest.raises(RuntimeError, match="changed during iteration"):
            next(iterator)
        headers.update(a="1", b="2")


def test_an_iterator_at_its_end_stays_there():
    headers = Headers({"a": "1"})
    iterator = iter(headers)
    assert list(iterator) == ["a"]
    headers["b"] = "2"
    assert list(iterator) == []
    assert iter(iterator) is iterator


def test_an_iterator_outlives_its_headers():
    iterator = iter(Headers({"a": "1", "b": "2"}))
    gc.collect()
    assert list(iterator) == ["a", "b"]


def test_set_replaces_all_where_the_first_was():
    headers = Headers([("a", "1"), ("b", "2"), ("A", "3")])
    headers["A"] = "4"
    assert headers.raw == [(b"A", b"4"), (b"b", b"2")]
    headers["c"] = b"5"
    assert headers.multi_items() == [("a", "4"), ("b", "2"), ("c", "5")]


def test_delete_takes_all():
    headers = Headers([("a", "1"), ("b", "2"), ("A", "3")])
    del headers["a"]
    assert headers.raw == [(b"b", b"2")]


def test_add():
    headers = Headers({"a": "1"})
    assert headers.add("A", "2") is None
    headers.add(b"b", b"3")
    assert headers.multi_items() == [("a", "1"), ("a", "2"), ("b", "3")]


def test_get_list_splits_commas():
    headers = Headers(
        [("a", "1, 2,,3 , "), ("a", 'x="1, 2", y'), ("a", r'"\", \\", z'), ("a", ","), ("a", "")]
    )
    assert headers.get_list("a", split_commas=True) == [
        "1", "2", "3", 'x="1, 2"', "y", r'"\", \\"', "z",
    ]  # fmt: skip
    assert headers.get_list("a", True) == headers.get_list(name="a", split_commas=True)
    assert len(headers.get_list("a")) == 5
    assert Headers({"a": '"open, end'}).get_list("a", True) == ['"open, end']
    assert Headers({"a": '"open\\'}).get_list("a", True) == ['"open\\']


def test_setdefault():
    headers = Headers({"a": "1"})
    assert headers.setdefault("A", "2") == "1"
    assert headers.setdefault("B", "3") == "3"
    assert headers == {"a": "1", "b": "3"}
    with pytest.raises(TypeError):
        headers.setdefault("c", None)


def test_pop():
    headers = Headers([("a", "1"), ("b", "2"), ("A", "3")])
    assert headers.pop("a") == "1, 3"
    assert headers.pop("a", None) is None
    with pytest.raises(KeyError):
        headers.pop("a")
    assert headers.raw == [(b"b", b"2")]


def test_popitem():
    headers = Headers([("a", "1"), ("B", "2"), ("A", "3")])
    assert headers.popitem() == ("a", "1, 3")
    assert headers.popitem() == ("b", "2")
    assert not headers


def test_clear():
    headers = Headers(PAIRS)
    headers.clear()
    assert headers.raw == []
    headers["a"] = "1"
    assert headers == {"a": "1"}


def test_update():
    headers = Headers([("a", "1"), ("b", "2"), ("A", "3")])
    headers.update({"A": "4", "c": ["5", "6"]})
    assert headers.multi_items() == [("a", "4"), ("b", "2"), ("c", "5"), ("c", "6")]
    headers.update([("b", "7"), ("B", "8")], d="9")
    assert headers.get_list("b") == ["7", "8"]
    assert headers["d"] == "9"
    headers.update()
    headers.update(None)
    assert len(headers) == 4


def test_update_with_itself():
    headers = Headers(PAIRS)
    before = headers.raw
    headers.update(headers)
    headers |= headers
    assert headers.raw == before
    headers.update(headers.items())
    assert headers["accept"] == "text/html, text/plain"


def test_update_from_what_changes_it():
    headers = Headers({"a": "1"})

    def pairs():
        for i in range(300):
            headers.clear()
            headers.add("x%d" % i, "y" * i)
            yield "b", str(i)

    headers.update(pairs())
    assert headers.get_list("b") == [str(i) for i in range(300)]
    assert headers["x299"] == "y" * 299


def test_update_is_all_or_nothing():
    def pairs():
        yield "a", "2"
        raise ZeroDivisionError

    headers = Headers({"a": "1"})
    with pytest.raises(ZeroDivisionError):
        headers.update(pairs())
    with pytest.raises(ZeroDivisionError):
        Headers(pairs())
    assert headers == {"a": "1"}


def test_a_mapping_that_fails():
    class Broken(Mapping[str, str]):
        def __getitem__(self, name: str) -> str:
            raise ZeroDivisionError

        def __iter__(self) -> Any:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    class Worse:
        __iter__ = dict.__iter__

        @property
        def keys(self) -> Any:
            raise ZeroDivisionError

    for given in (Broken(), Worse()):
        with pytest.raises(ZeroDivisionError):
            Headers(given)
        with pytest.raises(ZeroDivisionError):
            assert Headers({"a": "1"}) == given


def test_union():
    headers = Headers({"a": "1", "b": "2"})
    united = headers | {"B": "3", "c": "4"}
    assert type(united) is Headers
    assert united == {"a": "1", "b": "3", "c": "4"}
    assert headers == {"a": "1", "b": "2"}
    assert {"A": "0", "z": "9"} | headers == {"a": "1", "b": "2", "z": "9"}
    same = headers
    headers |= [("d", "5"), ("d", "6")]
    assert headers is same
    assert headers.get_list("d") == ["5", "6"]
    for wrong in (1, "a", None, ["a"]):
        with pytest.raises(TypeError):
            headers | wrong
        with pytest.raises(TypeError):
            wrong | headers


def test_equality():
    headers = Headers(PAIRS)
    assert headers == Headers(PAIRS)
    assert headers == PAIRS
    assert headers == tuple(PAIRS)
    assert headers == {"x-ONE": ["1", "2"], "ACCEPT": ["text/html", "text/plain"]}
    assert headers == sorted(PAIRS)
    assert headers != PAIRS[:-1]
    assert headers != list(reversed(PAIRS)), "the order within a name counts"
    assert headers != {"accept": "text/html, text/plain", "x-one": "1, 2"}
    assert Headers({"a": "1"}) != {"a": "1", "b": "2"}
    assert Headers({"a": "1"}) != {"b": "1"}
    assert Headers({"a": "1"}) != {"a": "A"}
    assert Headers([("a", "1"), ("a", "1")]) != [("a", "1"), ("b", "1")]
    for other in ("a", 1, None, {"a": 1}, {1: "a"}, [1], ["ab"], {"a": "\n"}, object()):
        assert Headers({"a": "1"}) != other
        assert (Headers({"a": "1"}) == other) is False
    with pytest.raises(TypeError):
        assert headers < headers


def test_not_hashable():
    with pytest.raises(TypeError):
        hash(Headers())


def test_is_a_mapping():
    assert isinstance(Headers(), MutableMapping)
    assert isinstance(Headers(), Mapping)
    assert issubclass(Headers, Mapping)
    match Headers({"a": "1"}):
        case {"A": value}:
            assert value == "1"
        case _:
            pytest.fail("no mapping")


def test_is_final():
    with pytest.raises(TypeError):
        type("Sub", (Headers,), {})
    with pytest.raises(TypeError):
        Headers.x = 1
    with pytest.raises(AttributeError):
        Headers().x = 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    headers = Headers([*PAIRS, ("Latin", b"\xe9")])
    loaded = pickle.loads(pickle.dumps(headers, protocol))
    assert type(loaded) is Headers
    assert loaded.raw == headers.raw


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, Headers.copy, Headers])
def test_copies_are_independent(copied):
    headers = Headers(PAIRS)
    other = copied(headers)
    assert type(other) is Headers
    assert other.raw == headers.raw
    other["accept"] = "x"
    other.add("y", "z")
    assert headers == PAIRS


def test_repr():
    assert repr(Headers({"Accept": "a'b"})) == """Headers({'accept': "a'b"})"""
    assert repr(Headers(PAIRS[:1] * 2)) == (
        "Headers([('accept', 'text/html'), ('accept', 'text/html')])"
    )


@pytest.mark.parametrize("name", SECRETS)
def test_repr_hides_secrets(name):
    headers = Headers([(name, "hunter2"), ("x-cookie", "seen")])
    assert headers[name] == "hunter2"
    for text in (repr(headers), str(headers), f"{headers}", repr(headers.keys())):
        assert "hunter2" not in text
        assert "[secure]" in text
        assert "seen" in text


def test_many():
    headers = Headers()
    for i in range(300):
        headers.add("name-%d" % (i % 150), "v" * i)
    assert len(headers) == 150
    assert headers.get_list("NAME-7") == ["v" * 7, "v" * 157]
    for i in range(0, 150, 2):
        del headers["name-%d" % i]
    for _ in range(50):
        for i in range(1, 150, 2):
            headers["name-%d" % i] = "w" * i
    assert len(headers) == 75
    assert headers.raw == [(b"name-%d" % i, b"w" * i) for i in range(1, 150, 2)]
    assert sys.getsizeof(headers) < 200_000, "what was replaced is given back"


def test_a_long_value():
    value = "x" * 10_000_000
    headers = Headers({"a": value})
    assert headers["a"] == value
    assert sys.getsizeof(headers) > 10_000_000


def test_no_leak():
    def round_trip():
        headers = Headers(PAIRS)
        headers.update(a="1")
        iterator = iter(headers)
        next(iterator)
        list(headers.items())
        headers["a"] = "2"
        repr(headers), headers.raw, headers | {"a": "3"}, headers == PAIRS
        with pytest.raises(ValueError):
            headers.add("a", "\n")
        headers.pop("a")

    assert not leaks(round_trip)
