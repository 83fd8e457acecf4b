"""multipart/form-data from memory."""

from __future__ import annotations

import email.parser
import email.policy
import io

import pytest

import hyperhttp
from hyperhttp._multipart import encode_multipart


def parse(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Parts as another implementation reads them."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    assert message.is_multipart()
    assert not message.defects
    return [(dict(part.items()), part.get_payload(decode=True)) for part in message.iter_parts()]


def encode(data, files):
    return parse(*encode_multipart(data, files))


def test_layout():
    content_type, body = encode_multipart({"a": "1"}, {"f": ("x.bin", b"\0\xff", "a/b")})
    boundary = content_type.partition("boundary=")[2]
    assert content_type == f"multipart/form-data; boundary={boundary}"
    assert body == (
        b"--%(b)s\r\n"
        b'Content-Disposition: form-data; name="a"\r\n\r\n'
        b"1\r\n"
        b"--%(b)s\r\n"
        b'Content-Disposition: form-data; name="f"; filename="x.bin"\r\n'
        b"Content-Type: a/b\r\n\r\n"
        b"\0\xff\r\n"
        b"--%(b)s--\r\n" % {b"b": boundary.encode()}
    )


OCTETS = "application/octet-stream"


def test_boundaries_differ():
    assert encode_multipart(None, {"f": b""})[0] != encode_multipart(None, {"f": b""})[0]


@pytest.mark.parametrize(
    ("value", "filename", "content_type", "content"),
    [
        (b"raw", "upload", OCTETS, b"raw"),
        ("text \u00e9", "upload", OCTETS, "text \u00e9".encode()),
        (io.BytesIO(b"file"), "upload", OCTETS, b"file"),
        (bytearray(b"array"), "upload", OCTETS, b"array"),
        (memoryview(b"view"), "upload", OCTETS, b"view"),
        (("a.txt", b"x"), "a.txt", "text/plain", b"x"),
        (("a.json", io.BytesIO(b"{}")), "a.json", "application/json", b"{}"),
        (("a", b"x"), "a", OCTETS, b"x"),
        (("a.txt", b"x", "image/png"), "a.txt", "image/png", b"x"),
        (("a.txt", b"x", None, {}), "a.txt", "text/plain", b"x"),
        ((None, "field"), None, None, b"field"),
        ((None, "{}", "application/json"), None, "application/json", b"{}"),
    ],
)
def test_files(value, filename, content_type, content):
    [(headers, body)] = encode(None, {"f": value})
    suffix = "" if filename is None else f'; filename="{filename}"'
    assert headers["Content-Disposition"] == 'form-data; name="f"' + suffix
    assert headers.get("Content-Type") == content_type
    assert body == content


def test_a_real_file_brings_its_name(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"<p>")
    with path.open("rb") as file:
        [(headers, body)] = encode(None, {"f": file})
    assert headers["Content-Disposition"] == 'form-data; name="f"; filename="page.html"'
    assert headers["Content-Type"] == "text/html"
    assert body == b"<p>"


def test_a_file_is_read_from_where_it_stands():
    file = io.BytesIO(b"0123456789")
    file.seek(5)
    assert encode(None, {"f": file})[0][1] == b"56789"


def test_headers_of_a_part():
    [(headers, _)] = encode(
        None, {"f": ("a.txt", b"", "a/b", {"X-Part": "1", "content-type": "c/d"})}
    )
    assert headers["X-Part"] == "1"
    assert headers["content-type"] == "c/d"
    assert "Content-Type" not in headers


def test_order_and_repeats():
    parts = encode(
        [("a", "1"), ("b", ["2", "3"]), ("a", "4")], [("f", b"5"), ("f", b"6"), ("g", b"7")]
    )
    names = [headers["Content-Disposition"].split('"')[1] for headers, _ in parts]
    assert names == ["a", "b", "b", "a", "f", "f", "g"]
    assert [body for _, body in parts] == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("é", "é".encode()),
        (b"\xff", b"\xff"),
        (5, b"5"),
        (1.5, b"1.5"),
        (True, b"true"),
        (False, b"false"),
    ],
)
def test_fields(value, content):
    assert encode({"a": value}, {})[0][1] == content


def test_none_leaves_a_field_out():
    assert [body for _, body in encode({"a": None, "b": [None, "1"]}, {"f": b"2"})] == [b"1", b"2"]


def test_names_are_escaped_as_browsers_do():
    _, body = encode_multipart({'a"\r\nb': "1"}, {"é": ('x"y\n.txt', b"")})
    assert b'name="a%22%0D%0Ab"\r\n\r\n1' in body
    assert 'name="é"; filename="x%22y%0A.txt"\r\n'.encode() in body


@pytest.mark.parametrize(
    "file",
    [
        ("a", b"", "text/plain\r\nX-Evil: 1"),
        ("a", b"", "text/plain\0"),
        ("a", b"", "a/b", {"X": "1\r\n\r\nevil"}),
        ("a", b"", "a/b", {"X\r\nY": "1"}),
        ("a", b"", "a/b", {"X Y": "1"}),
        ("a", b"", "a/b", {"": "1"}),
    ],
)
def test_injection_is_refused(file):
    with pytest.raises(ValueError, match="the file 'f' has a header"):
        encode_multipart(None, {"f": file})


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (None, {"f": 5}),
        (None, {"f": None}),
        (None, {"f": ("name",)}),
        (None, {"f": ("name", b"", "a/b", {}, 5)}),
        (None, {"f": io.StringIO("text")}),
        (None, b"bytes"),
        (None, [b"bytes"]),
        (None, {5: b""}),
        (b"bytes", {"f": b""}),
        ("text", {"f": b""}),
        ({"a": object()}, {"f": b""}),
    ],
)
def test_wrong_types(data, files):
    with pytest.raises(TypeError):
        encode_multipart(data, files)


# Over the wire.


def test_sent(httpbin):
    with hyperhttp.Session() as session:
        told = session.post(
            httpbin.url("/post"), data={"a": "1"}, files={"f": ("x.txt", b"content")}
        ).json()
    assert told["form"] == {"a": "1"}
    assert told["files"] == {"f": "content"}
    assert told["headers"]["Content-Type"].startswith("multipart/form-data; boundary=")


def test_sent_by_a_client(httpbin, run):
    async def post():
        async with hyperhttp.Client() as client:
            return await (await client.post(httpbin.url("/post"), files={"f": b"content"})).json()

    assert run(post())["files"] == {"f": "content"}


def test_a_large_file_arrives_whole(peer):
    with hyperhttp.Session() as session:
        told = session.post(peer.url("/echo"), files={"f": bytes(3_000_000)}).json()
    assert told["length"] > 3_000_000
