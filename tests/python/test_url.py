"""URL: what its parts are, which copies it makes, and what it refuses."""

from __future__ import annotations

import copy
import os
import pickle

import pytest
from leaks import leaks

import hyperhttp
from hyperhttp import URL, InvalidURL, UnsupportedProtocol

FULL = "https://jo%40x:p%3Aw@Example.COM:8443/a%20b/%C3%A9?q=1&r=%2B+x#top%21"


def test_parts():
    url = URL(FULL)
    assert str(url) == "https://jo%40x:p%3Aw@example.com:8443/a%20b/%C3%A9?q=1&r=%2B+x#top%21"
    assert url.scheme == "https"
    assert url.host == "example.com"
    assert url.port == 8443
    assert url.netloc == "example.com:8443"
    assert url.origin == "https://example.com:8443"
    assert url.username == "jo@x"
    assert url.password == "p:w"
    assert url.userinfo == "jo%40x:p%3Aw"
    assert url.path == "/a b/é"
    assert url.raw_path == b"/a%20b/%C3%A9?q=1&r=%2B+x"
    assert url.query == "q=1&r=%2B+x"
    assert url.params == (("q", "1"), ("r", "+ x"))
    assert url.fragment == "top!"
    assert url.is_absolute_url
    assert not url.is_relative_url


def test_parts_that_are_not_there():
    url = URL("http://example.com")
    assert str(url) == "http://example.com/"
    assert url.port is None
    assert url.path == "/"
    assert url.raw_path == b"/"
    assert (url.query, url.fragment, url.username, url.password, url.userinfo) == ("",) * 5
    assert url.params == ()
    assert url.netloc == "example.com"
    assert url.origin == "http://example.com"


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("http://a:80/", None),
        ("https://a:443/", None),
        ("http://a:443/", 443),
        ("https://a:80/", 80),
        ("http://a:65535/", 65535),
        ("ws://a:80/", None),
        ("wss://a:443/", None),
        ("http://a:0/", 0),
    ],
)
def test_port(text, port):
    url = URL(text)
    assert url.port == port
    assert url.netloc == ("a" if port is None else f"a:{port}")


def test_ipv6():
    url = URL("http://[2001:DB8::1]:8080/")
    assert url.host == "2001:db8::1"
    assert url.netloc == "[2001:db8::1]:8080"
    assert url.origin == "http://[2001:db8::1]:8080"


def test_names_are_mapped():
    assert URL("http://BÜCHER.example/ü?ü#ü").host == "xn--bcher-kva.example"
    assert str(URL("HTTP://a/../b/./c")) == "http://a/b/c"
    assert str(URL(" http://a/ \n")) == "http://a/"


@pytest.mark.parametrize(
    "text", ["", "/path", "example.com", "http://", "http://a b/", "http://[::1", "http://a:99999/",
             "http://a:x/", "//example.com/", "http:// /", "http://a\0b/", "http://exa%zz/"]
)  # fmt: skip
def test_invalid(text):
    with pytest.raises(InvalidURL):
        URL(text)


@pytest.mark.parametrize("text", ["ftp://a/", "file:///etc/passwd", "javascript:alert(1)", "x:y"])
def test_unsupported(text):
    with pytest.raises(UnsupportedProtocol):
        URL(text)


def test_too_long():
    with pytest.raises(hyperhttp.HyperHTTPError):
        URL("http://a/" + "x" * 70_000)


def test_an_error_shows_no_password():
    with pytest.raises(InvalidURL) as caught:
        URL("http://user:hunter2@a b/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("given", [None, 1, b"http://a/", ["http://a/"], object()])
def test_wrong_types(given):
    with pytest.raises(TypeError, match="must be a str or a URL"):
        URL(given)
    with pytest.raises(TypeError):
        URL("http://a/").join(given)


def test_wrong_arguments():
    url = URL("http://a/")
    for call in (
        lambda: URL(),
        lambda: URL("http://a/", {"a": "b"}),
        lambda: URL("http://a/", wrong=1),
        lambda: url.join(),
        lambda: url.copy_with("http"),
        lambda: url.copy_with(wrong=1),
        lambda: url.copy_with(query="a", params={}),
        lambda: url.copy_add_param("a"),
        lambda: url.copy_add_param(1, "a"),
        lambda: url.copy_set_param("a", object()),
        lambda: url.copy_remove_param(1),
        lambda: url.copy_merge_params(1),
        lambda: os.fspath(url),
        lambda: url < url,
    ):
        with pytest.raises(TypeError):
            call()


def test_surrogates():
    with pytest.raises(UnicodeEncodeError):
        URL("http://a/\ud800")
    assert URL("http://a/") != "http://a/\ud800"


def test_of_a_url():
    url = URL("http://a/?b=c#d")
    assert URL(url) == url
    assert str(URL(url, params={"e": "f"})) == "http://a/?b=c&e=f#d"


@pytest.mark.parametrize(
    ("relative", "joined"),
    [
        ("g", "http://a/b/c/g"),
        ("../g", "http://a/b/g"),
        ("../../../g", "http://a/g"),
        ("/g", "http://a/g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("", "http://a/b/c/d;p?q"),
        ("//g", "http://g/"),
        ("https://g/h", "https://g/h"),
        (URL("https://g/h"), "https://g/h"),
    ],
)
def test_join(relative, joined):
    assert str(URL("http://a/b/c/d;p?q").join(relative)) == joined


def test_join_refuses():
    with pytest.raises(UnsupportedProtocol):
        URL("http://a/").join("ftp://b/")
    with pytest.raises(InvalidURL):
        URL("http://a/").join("http://[")


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "http://u:p@a:81/b?c=d#e"),
        ({"scheme": "https"}, "https://u:p@a:81/b?c=d#e"),
        ({"host": "g"}, "http://u:p@g:81/b?c=d#e"),
        ({"host": "::1"}, "http://u:p@[::1]:81/b?c=d#e"),
        ({"host": "[::1]"}, "http://u:p@[::1]:81/b?c=d#e"),
        ({"port": 82}, "http://u:p@a:82/b?c=d#e"),
        ({"port": 80}, "http://u:p@a/b?c=d#e"),
        ({"port": None}, "http://u:p@a/b?c=d#e"),
        ({"username": "x y"}, "http://x%20y:p@a:81/b?c=d#e"),
        ({"password": "@:/?#[]%\\"}, "http://u:%40%3A%2F%3F%23%5B%5D%25%5C@a:81/b?c=d#e"),
        ({"password": None}, "http://u@a:81/b?c=d#e"),
        ({"username": None, "password": None}, "http://a:81/b?c=d#e"),
        ({"username": None}, "http://:p@a:81/b?c=d#e"),
        ({"path": "x/y"}, "http://u:p@a:81/x/y?c=d#e"),
        ({"path": "/x?y#z"}, "http://u:p@a:81/x%3Fy%23z?c=d#e"),
        ({"path": "/100%/a%20b/%2"}, "http://u:p@a:81/100%25/a%20b/%252?c=d#e"),
        ({"path": "/a\\b\tc\n"}, "http://u:p@a:81/a%5Cb%09c%0A?c=d#e"),
        ({"path": None}, "http://u:p@a:81/?c=d#e"),
        ({"path": ""}, "http://u:p@a:81/?c=d#e"),
        ({"path": "/é"}, "http://u:p@a:81/%C3%A9?c=d#e"),
        ({"query": "x=#y z"}, "http://u:p@a:81/b?x=%23y%20z#e"),
        ({"query": None}, "http://u:p@a:81/b#e"),
        ({"query": ""}, "http://u:p@a:81/b#e"),
        ({"params": {"x": "#&="}}, "http://u:p@a:81/b?x=%23%26%3D#e"),
        ({"params": "?x=#y"}, "http://u:p@a:81/b?x=%23y#e"),
        ({"params": None}, "http://u:p@a:81/b#e"),
        ({"fragment": "x#y"}, "http://u:p@a:81/b?c=d#x#y"),
        ({"fragment": None}, "http://u:p@a:81/b?c=d"),
        ({"path": "//x"}, "http://u:p@a:81//x?c=d#e"),
    ],
)
def test_copy_with(parts, text):
    url = URL("http://u:p@a:81/b?c=d#e")
    assert str(url.copy_with(**parts)) == text
    assert str(url) == "http://u:p@a:81/b?c=d#e"


def test_what_was_put_in_comes_out():
    url = URL("http://a/").copy_with(username="a@b:c", password="p/?#%20é", fragment="f#g")
    assert (url.username, url.password, url.fragment) == ("a@b:c", "p/?#%20é", "f#g")
    assert url.host == "a"


@pytest.mark.parametrize(
    "parts",
    [
        {"host": "a/b"},
        {"host": "a@b"},
        {"host": "a?b"},
        {"host": "a#b"},
        {"host": "a\\b"},
        {"host": "a b"},
        {"host": "a\tb"},
        {"host": ""},
        {"host": "a:80"},
        {"host": "[::1]:80/x"},
        {"scheme": "http://evil/"},
        {"scheme": "ht tp"},
        {"scheme": ""},
        {"scheme": "é"},
        {"port": -1},
        {"port": 65536},
        {"port": 10**30},
    ],
)
def test_copy_with_refuses(parts):
    with pytest.raises(InvalidURL):
        URL("http://a/").copy_with(**parts)


def test_copy_with_another_scheme():
    with pytest.raises(UnsupportedProtocol):
        URL("http://a/").copy_with(scheme="ftp")


@pytest.mark.parametrize(
    "parts",
    [
        {"host": None},
        {"scheme": None},
        {"host": b"a"},
        {"path": 1},
        {"query": b"a"},
        {"port": "80"},
        {"port": True},
        {"port": 80.0},
        {"username": 1},
        {"params": 1},
    ],
)
def test_copy_with_wrong_types(parts):
    with pytest.raises(TypeError):
        URL("http://a/").copy_with(**parts)


def test_params():
    url = URL("http://a/?x=1&y=2&x=3&&z&=w#f")
    assert url.params == (("x", "1"), ("y", "2"), ("x", "3"), ("z", ""), ("", "w"))
    assert str(url.copy_add_param("x", 4)) == "http://a/?x=1&y=2&x=3&&z&=w&x=4#f"
    assert str(url.copy_set_param("x", "5 6")) == "http://a/?y=2&z=&=w&x=5+6#f"
    assert str(url.copy_remove_param("x")) == "http://a/?y=2&z=&=w#f"
    assert str(url.copy_remove_param("nothing")) == "http://a/?x=1&y=2&x=3&z=&=w#f"
    merged = url.copy_merge_params({"y": [7, 8], "new": True, "z": None})
    assert str(merged) == "http://a/?x=1&x=3&z=&=w&y=7&y=8&new=true#f"
    assert str(URL("http://a/").copy_add_param("b", "c")) == "http://a/?b=c"
    assert str(URL("http://a/?b").copy_remove_param("b")) == "http://a/"


def test_params_that_are_not_utf8():
    assert URL("http://a/?x=%FF%zz%&y=a%2").params == (("x", "\ufffd%zz%"), ("y", "a%2"))


def test_repr_hides_the_password():
    assert repr(URL("http://a/")) == "URL('http://a/')"
    assert repr(URL("http://u@a/")) == "URL('http://u@a/')"
    assert repr(URL("http://u:hunter2@a/b")) == "URL('http://u:[secure]@a/b')"
    assert repr(URL("http://:hunter2@a/b")) == "URL('http://:[secure]@a/b')"


def test_equality():
    url = URL("http://example.com/a")
    assert url == URL("HTTP://EXAMPLE.com:80/b/../a")
    assert url == "HTTP://EXAMPLE.com/a"
    assert url != "http://example.com/b"
    assert url != URL("http://example.com/a#")
    for other in ("", "example.com", "ftp://a/", None, 1, b"http://example.com/a"):
        assert url != other
        assert (url == other) is False
    assert hash(url) == hash(URL("http://EXAMPLE.com/a")) == hash(str(url))
    assert {url: 1}[URL("http://example.com/a")] == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    loaded = pickle.loads(pickle.dumps(URL(FULL), protocol))
    assert type(loaded) is URL
    assert str(loaded) == str(URL(FULL))


def test_copy():
    url = URL(FULL)
    assert copy.copy(url) is url
    assert copy.deepcopy(url) is url


def test_is_immutable_and_final():
    url = URL("http://a/")
    for name in ("scheme", "host", "port", "path", "x"):
        with pytest.raises(AttributeError):
            setattr(url, name, "x")
    with pytest.raises(TypeError):
        type("Sub", (URL,), {})


def test_no_leak():
    def round_trip():
        url = URL(FULL, params={"a": "b"})
        url.join("x"), url.params, url.raw_path, url.netloc, url.origin, url.userinfo, repr(url)
        url.copy_with(path="/x", params={"a": 1}).copy_set_param("a", "b").copy_remove_param("a")
        url.copy_add_param("a", "b").copy_merge_params({"c": "d"})
        with pytest.raises(InvalidURL):
            url.copy_with(host="a/b")
        assert url != "nonsense"

    assert not leaks(round_trip)
