"""Timeout, and what else timeout= may be."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from fractions import Fraction

import pytest
from leaks import leaks

from hyperhttp import Request, Timeout

NAMES = ("connect", "read", "write", "pool", "total")
NONE = dict.fromkeys(NAMES)


def bounds(timeout: Timeout) -> tuple[float | None, ...]:
    return tuple(getattr(timeout, name) for name in NAMES)


@pytest.mark.parametrize(
    ("timeout", "given"),
    [
        (Timeout(), {}),
        (Timeout(5), {"connect": 5.0, "read": 5.0, "write": 5.0}),
        (Timeout(timeout=2.5), {"connect": 2.5, "read": 2.5, "write": 2.5}),
        (Timeout(30.0, connect=10.0), {"connect": 10.0, "read": 30.0, "write": 30.0}),
        (Timeout(5, read=None), {"connect": 5.0, "read": None, "write": 5.0}),
        (Timeout(None), NONE),
        (Timeout(None, total=60), {**NONE, "total": 60.0}),
        (Timeout(pool=1, total=2), {"pool": 1.0, "total": 2.0}),
        (Timeout((1, 2)), {"connect": 1.0, "read": 2.0}),
        (Timeout((1, None, 3, 4)), {"connect": 1.0, "read": None, "write": 3.0, "pool": 4.0}),
        (Timeout(Timeout(5, pool=1), pool=2),
         {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 2.0}),
    ],
)  # fmt: skip
def test_given(timeout, given):
    assert timeout.as_dict() == given
    assert Timeout(**given) == timeout
    shown = ", ".join(f"{name}={given[name]!r}" for name in NAMES if name in given)
    assert repr(timeout) == f"Timeout({shown})"
    assert eval(repr(timeout)) == timeout
    for name in given:
        assert getattr(timeout, name) == given[name]


def test_what_is_not_given_shows_the_default():
    assert bounds(Timeout()) == (10.0, 30.0, 30.0, None, None)
    assert bounds(Timeout(5.0)) == (5.0, 5.0, 5.0, None, None)
    assert Timeout() != Timeout(connect=10, read=30, write=30, pool=None, total=None)


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        (0, 0.001),
        (0.0, 0.001),
        (-0.0, 0.001),
        (1e-9, 0.001),
        (0.0005, 0.001),
        (0.0011, 0.002),
        (0.1, 0.1),
        (0.3, 0.3),
        (4.35, 4.35),
        (1.001, 1.001),
        (86400, 86400.0),
        (Fraction(1, 2), 0.5),
        (Decimal("1.5"), 1.5),
        (1e300, 1e12),
        (10**30, 1e12),
    ],
)
def test_counts_in_milliseconds(number, seconds):
    assert Timeout(number).read == seconds
    assert Timeout(total=number).total == seconds
    assert Timeout((number, number)).connect == seconds


@pytest.mark.parametrize(
    "number", [-1, -0.001, float("inf"), float("-inf"), float("nan"), -(10**9)]
)
def test_wrong_numbers(number):
    for attempt in (
        lambda: Timeout(number),
        lambda: Timeout(total=number),
        lambda: Timeout((1, number)),
        lambda: Request("GET", "http://a/", timeout=number),
    ):
        with pytest.raises(ValueError, match="finite and at least 0"):
            attempt()


@pytest.mark.parametrize("value", ["1", b"1", [1, 2], {}, True, False, object(), 1j, ("1", 2)])
def test_wrong_types(value):
    with pytest.raises(TypeError):
        Timeout(value)
    with pytest.raises(TypeError):
        Timeout(pool=value)
    with pytest.raises(TypeError):
        Request("GET", "http://a/", timeout=value)


def test_wrong_arguments():
    for call in (
        lambda: Timeout(1, 2),
        lambda: Timeout(wrong=1),
        lambda: Timeout(connect=(1, 2)),
        lambda: Timeout(connect=Timeout(1)),
    ):
        with pytest.raises(TypeError):
            call()
    for count in (0, 1, 3, 5):
        with pytest.raises(ValueError, match="a tuple of timeouts"):
            Timeout((1,) * count)
    with pytest.raises(ValueError, match="finite"):
        Timeout(10**400)


def test_a_number_that_fails():
    class Number:
        def __float__(self) -> float:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Timeout(Number())


def test_equality():
    assert Timeout(5) == Timeout(5.0) == Timeout(connect=5, read=5, write=5)
    assert hash(Timeout(5)) == hash(Timeout(5.0))
    assert Timeout(5) != Timeout(5, pool=None)
    assert Timeout(5) != 5
    assert Timeout(None) != None  # noqa: E711
    assert len({Timeout(number) for number in range(1, 100)}) == 99
    with pytest.raises(TypeError):
        assert Timeout(1) < Timeout(2)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("timeout", [Timeout(), Timeout(5, total=9), Timeout(None, connect=1)])
def test_pickle(timeout, protocol):
    loaded = pickle.loads(pickle.dumps(timeout, protocol))
    assert type(loaded) is Timeout
    assert loaded == timeout


def test_copy():
    timeout = Timeout(1)
    assert copy.copy(timeout) is timeout
    assert copy.deepcopy([timeout])[0] is timeout


def test_is_immutable_and_final():
    timeout = Timeout(1)
    for name in (*NAMES, "x"):
        with pytest.raises(AttributeError):
            setattr(timeout, name, 2)
    with pytest.raises(TypeError):
        type("Sub", (Timeout,), {})


def test_no_leak():
    def round_trip():
        timeout = Timeout(1.5, pool=2)
        repr(timeout), timeout.as_dict(), hash(timeout), timeout == Timeout((1, 2))
        pickle.loads(pickle.dumps(timeout))
        with pytest.raises(TypeError):
            Timeout("1")

    assert not leaks(round_trip)
