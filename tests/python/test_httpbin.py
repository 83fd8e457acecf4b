"""The local httpbin itself, asked by the standard library: what other tests rely on."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
import zlib

import pytest


class Told:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.fixture
def ask(httpbin):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)

    def ask(path, method="GET", body=None, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(httpbin.url(path), body, names, method=method)
        try:
            return Told(opener.open(request, timeout=60))
        except urllib.error.HTTPError as error:
            return Told(error)

    return ask


def test_get_tells_what_came(ask, httpbin):
    told = ask("/get?a=1&b=2&b=3&empty=", X_Some="thing").json
    assert told["args"] == {"a": "1", "b": ["2", "3"], "empty": ""}
    assert told["headers"]["X-Some"] == "thing"
    assert told["origin"] == "127.0.0.1"
    assert told["url"] == httpbin.url("/get?a=1&b=2&b=3&empty=")
    asked = httpbin.requests[-1]
    assert (asked.method, asked.path, asked.header("x-some")) == ("GET", "/get", "thing")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_json_body(ask, method):
    told = ask(f"/{method.lower()}", method, b'{"a": 1}', Content_Type="application/json").json
    assert told["json"] == {"a": 1}
    assert told["data"] == '{"a": 1}'
    assert told["form"] == told["files"] == {}


def test_form_body(ask):
    told = ask("/post", "POST", b"a=1&a=2&b=%C3%A9").json
    assert told["form"] == {"a": ["1", "2"], "b": "é"}
    assert told["data"] == "" and told["json"] is None


def test_multipart_body(ask):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\xff\r\n\x00\r\n"
        b'--x\r\nContent-Disposition: form-data; name="text"; filename="a.txt"\r\n\r\ntext\r\n'
        b"--x--\r\n"
    )
    told = ask("/post", "POST", body, Content_Type="multipart/form-data; boundary=x").json
    assert told["form"] == {"field": "value"}
    assert told["files"] == {
        "file": "data:application/octet-stream;base64,/w0KAA==",
        "text": "text",
    }


def test_bytes_that_are_no_text(ask):
    told = ask("/anything/deep/er", "PUT", b"\xff", Content_Type="image/png").json
    assert told["data"] == "data:application/octet-stream;base64,/w=="
    assert told["method"] == "PUT"


def test_statuses(ask):
    assert ask("/status/404").status == 404
    assert ask("/status/204").body == b""
    assert ask("/status/500:0,503:1", "POST", b"").status == 503
    assert ask("/status/nonsense").status == 400
    assert ask("/nowhere").status == 404
    refused = ask("/post")
    assert (refused.status, refused.headers["Allow"]) == (405, "OPTIONS, POST")
    assert ask("/get", "OPTIONS").headers["Allow"] == "GET, OPTIONS"


def test_redirects(ask, httpbin):
    def follow(path):
        told = ask(path)
        return told.status, told.headers["Location"]

    assert follow("/redirect/2") == (302, "/redirect/1")
    assert follow("/redirect/1") == (302, "/get")
    assert follow("/relative-redirect/2") == (302, "/relative-redirect/1")
    assert follow("/absolute-redirect/1") == (302, httpbin.url("/get"))
    assert follow("/redirect-to?url=http://a/b&status_code=307") == (307, "http://a/b")
    assert follow("/status/301") == (301, "/redirect/1")


def test_codings(ask):
    told = ask("/gzip")
    assert told.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(told.body))["gzipped"] is True
    told = ask("/deflate")
    assert json.loads(zlib.decompress(told.body))["deflated"] is True


def test_formats(ask):
    assert ask("/json").json["slideshow"]["author"] == "Yours Truly"
    assert b"<h1>" in ask("/html").body
    assert ask("/xml").body.startswith(b"<?xml")
    assert "∮" in ask("/encoding/utf8").body.decode()
    assert ask("/image/png").body.startswith(b"\x89PNG\r\n")
    assert ask("/robots.txt").body.startswith(b"User-agent: *")
    assert ask("/base64/aGVsbG8=").body == b"hello"
    assert len(ask("/uuid").json["uuid"]) == 36
    assert ask("/user-agent", User_Agent="x/1").json == {"user-agent": "x/1"}


def test_bytes(ask):
    assert ask("/bytes/100?seed=1").body == ask("/bytes/100?seed=1").body
    told = ask("/stream-bytes/1000?seed=1&chunk_size=100")
    assert told.headers["Transfer-Encoding"] == "chunked"
    assert told.body == ask("/bytes/1000?seed=1").body
    assert [json.loads(line)["id"] for line in ask("/stream/3").body.splitlines()] == [0, 1, 2]
    assert ask("/drip?numbytes=5&duration=0").body == b"*****"


def test_ranges(ask):
    told = ask("/range/26", Range="bytes=2-4")
    assert (told.status, told.body) == (206, b"cde")
    assert told.headers["Content-Range"] == "bytes 2-4/26"
    assert ask("/range/26", Range="bytes=-2").body == b"yz"
    assert ask("/range/26", Range="bytes=24-").body == b"yz"
    assert ask("/range/26", Range="bytes=26-").status == 416


def test_credentials(ask):
    assert ask("/basic-auth/u/p").status == 401
    assert ask("/basic-auth/u/p", Authorization="Basic dTpw").json["authenticated"] is True
    assert ask("/hidden-basic-auth/u/p").status == 404
    assert ask("/bearer").status == 401
    assert ask("/bearer", Authorization="Bearer t").json["token"] == "t"


def test_cookies(ask):
    assert ask("/cookies", Cookie="a=1; b=2").json == {"cookies": {"a": "1", "b": "2"}}
    assert ask("/cookies/set?a=1").headers["Set-Cookie"] == "a=1; Path=/"


def test_conditions_and_headers(ask):
    assert ask("/cache").headers["ETag"]
    assert ask("/cache", If_None_Match="x").status == 304
    assert ask("/cache/60").headers["Cache-Control"] == "public, max-age=60"
    assert ask("/etag/x", If_None_Match='"x"').status == 304
    assert ask("/etag/x", If_Match='"y"').status == 412
    assert ask("/response-headers?X-A=1").headers["X-A"] == "1"
    assert ask("/links/3/1").headers["Link"] == (
        '</links/3/0>; rel="prev", </links/3/2>; rel="next"'
    )


def test_hosts_of_documents(ask):
    assert b"Example Domain" in ask("/any", Host="example.com").body
    assert ask("/users?page=1", Host="api.example.com").json["args"] == {"page": "1"}


def test_a_connection_is_kept(httpbin):
    before = httpbin.connections
    connection = http.client.HTTPConnection("127.0.0.1", httpbin.port, timeout=60)
    for path in ("/get", "/status/404", "/stream/2", "/status/204", "/get"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.request("HEAD", "/get")
    answer = connection.getresponse()
    assert int(answer.headers["Content-Length"]) > 0 and answer.read() == b""
    connection.request("GET", "/get", headers={"Connection": "close"})
    answer = connection.getresponse()
    assert answer.headers["Connection"] == "close" and answer.read()
    connection.close()
    assert httpbin.connections == before + 1


def test_chunks_and_expectations(httpbin):
    with socket.create_connection(("127.0.0.1", httpbin.port), timeout=60) as connection:
        connection.sendall(
            b"POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"] == "abcde"


@pytest.mark.parametrize("given", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_nonsense_is_refused(httpbin, given):
    with socket.create_connection(("127.0.0.1", httpbin.port), timeout=60) as connection:
        connection.sendall(given)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_delays_run_side_by_side(httpbin):
    threads = []
    waiting = threading.Barrier(20)

    def get() -> None:
        waiting.wait()
        connection = http.client.HTTPConnection("127.0.0.1", httpbin.port, timeout=60)
        connection.request("GET", "/delay/0.2")
        assert connection.getresponse().read()
        connection.close()

    for _ in range(20):
        threads.append(threading.Thread(target=get))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert httpbin.hits("/delay/0.2") == 20


def test_tls_and_plain_share_a_port(httpbin_tls):
    context = ssl.create_default_context(cafile=httpbin_tls.ca)
    https = http.client.HTTPSConnection("localhost", httpbin_tls.port, context=context, timeout=60)
    https.request("GET", "/get")
    assert json.load(https.getresponse())["url"] == httpbin_tls.url("/get")
    https.close()
    plain = http.client.HTTPConnection("localhost", httpbin_tls.port, timeout=60)
    plain.request("GET", "/get")
    assert json.load(plain.getresponse())["url"].startswith("http://")
    plain.close()


def test_it_proves_public_names_on_a_unix_socket(httpbin_tls):
    context = ssl.create_default_context(cafile=httpbin_tls.ca)
    for name in ("httpbin.org", "api.example.com", "example.com"):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(60)
            raw.connect(httpbin_tls.unix_path)
            with context.wrap_socket(raw, server_hostname=name) as connection:
                connection.sendall(
                    f"GET /anything HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
                )
                answer = connection.makefile("rb").read()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["url"] == f"https://{name}/anything"


def test_each_loop_runs_a_coroutine(any_loop, run):
    async def name_loop():
        await asyncio.sleep(0)
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert any_loop(name_loop()) in ("asyncio", "uvloop")
    assert run(name_loop()) == "asyncio"


def test_flaky_pages(ask, httpbin):
    assert [ask("/flaky/2/503").status for _ in range(4)] == [503, 503, 200, 200]
    httpbin.requests.clear()
    assert ask("/flaky/2/503").status == 503
    with pytest.raises(http.client.RemoteDisconnected):
        ask("/hang-up")
