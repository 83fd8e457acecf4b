"""What clients are configured with: each argument does what it says, and refuses what it can't."""

from __future__ import annotations

import asyncio
import gc
import inspect
import pickle
import ssl
import subprocess
import warnings
from pathlib import Path

import pytest
from descriptors import descriptors, event_polls

import hyperhttp
from hyperhttp import _engine
from hyperhttp._config import basic_auth_field, json_dumps, json_loads, tls_options

BOTH = [hyperhttp.Client, hyperhttp.Session]


@pytest.fixture(params=BOTH, ids=["Client", "Session"])
def make(request):
    """Makes clients of one kind, and closes them."""
    made = []

    def factory(**options):
        made.append(request.param(**options))
        return made[-1]

    yield factory
    for each in made:
        each._close()


# The list of arguments.


@pytest.mark.parametrize("cls", BOTH)
def test_signature(cls):
    parameters = inspect.signature(cls).parameters
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters.values())
    defaults = {name: each.default for name, each in parameters.items()}
    assert defaults["timeout"] == hyperhttp.Timeout(30.0, connect=10.0)
    assert defaults["max_connections"] == 100
    assert defaults["keepalive_expiry"] == 45.0
    assert defaults["follow_redirects"] is True
    assert (defaults["http1"], defaults["http2"]) == (True, True)
    assert defaults["http2_prior_knowledge"] is False
    assert defaults["http2_keepalive"] is None
    assert defaults["max_redirects"] == 20
    assert defaults["verify"] is True
    for name in parameters:
        assert name in cls.__doc__


@pytest.mark.parametrize("name", ["retries", "proxy", "http3", "cookies", "nonsense"])
def test_unknown_arguments(make, name):
    with pytest.raises(TypeError, match=name):
        make(**{name: None})


def test_async_client_is_client():
    assert hyperhttp.AsyncClient is hyperhttp.Client


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"base_url": 5}, TypeError),
        ({"base_url": "example.com"}, hyperhttp.InvalidURL),
        ({"base_url": "http://example.com/?a=b"}, ValueError),
        ({"base_url": "http://example.com/#a"}, ValueError),
        ({"headers": 5}, TypeError),
        ({"headers": {"A": "b\r\nC: d"}}, ValueError),
        ({"headers": {"A b": "c"}}, ValueError),
        ({"auth": "user"}, TypeError),
        ({"auth": ("user",)}, TypeError),
        ({"auth": ("user", b"password")}, TypeError),
        ({"timeout": "5"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": (1, 2, 3)}, ValueError),
        ({"max_connections": 0}, ValueError),
        ({"max_connections": -1}, ValueError),
        ({"max_connections": -(10**30)}, ValueError),
        ({"max_connections": 1.5}, TypeError),
        ({"max_connections": True}, TypeError),
        ({"max_connections_per_host": 0}, ValueError),
        ({"max_keepalive_connections": 0}, ValueError),
        ({"max_keepalive_connections": "5"}, TypeError),
        ({"keepalive_expiry": -1}, ValueError),
        ({"keepalive_expiry": float("inf")}, ValueError),
        ({"keepalive_expiry": "5"}, TypeError),
        ({"http1": 1}, TypeError),
        ({"http1": None}, TypeError),
        ({"http2": "yes"}, TypeError),
        ({"http1": False, "http2": False}, ValueError),
        ({"http2": False, "http2_prior_knowledge": True}, ValueError),
        ({"http2_prior_knowledge": 0}, TypeError),
        ({"http2_keepalive": "5"}, TypeError),
        ({"http2_keepalive": 0}, ValueError),
        ({"http2_keepalive": -1}, ValueError),
        ({"http2_keepalive": float("nan")}, ValueError),
        ({"follow_redirects": 1}, TypeError),
        ({"max_redirects": 0}, ValueError),
        ({"max_redirects": 61}, ValueError),
        ({"verify": 5}, TypeError),
        ({"verify": None}, TypeError),
        ({"verify": "/no/such/file"}, FileNotFoundError),
        ({"cert": "/no/such/file"}, FileNotFoundError),
        ({"cert": ()}, ValueError),
        ({"cert": 5}, TypeError),
        ({"cert": (__file__, "/no/such/key")}, FileNotFoundError),
        ({"cert": (__file__, __file__, 5)}, TypeError),
        ({"uds": 5}, TypeError),
        ({"uds": "a\0b"}, ValueError),
        ({"uds": "a" * 200}, ValueError),
        ({"local_address": "localhost"}, ValueError),
        ({"local_address": 5}, TypeError),
        ({"event_hooks": {"request": print}}, TypeError),
        ({"event_hooks": {"request": [5]}}, TypeError),
        ({"event_hooks": {"requests": []}}, ValueError),
        ({"max_response_bytes": 0}, ValueError),
        ({"max_response_bytes": 1.5}, TypeError),
        ({"resolver": 5}, TypeError),
        ({"json_loads": 5}, TypeError),
        ({"json_dumps": "x"}, TypeError),
        ({"default_encoding": 5}, TypeError),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values(make, options, error):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as caught:
            make(**options)
        assert str(caught.value)
        gc.collect()  # a client that never came about is nothing to close


def test_huge_numbers_are_no_limit(make):
    client = make(max_connections=10**30, max_response_bytes=10**30, keepalive_expiry=1e300)
    assert not client.is_closed
    assert not make(http2_keepalive=1e300).is_closed


def test_the_engine_refuses_options_it_does_not_know():
    with pytest.raises(TypeError, match="'colour'"):
        _engine.ClientBase({"colour": 1}, {})
    with pytest.raises(TypeError, match="5"):
        _engine.ClientBase({5: 1}, {})
    with pytest.raises(ValueError, match="min_version"):
        _engine.ClientBase({"min_version": -1}, {})


# What they tell of themselves.


def test_attributes(make):
    client = make(base_url="https://example.com/v1", timeout=5, headers={"A": "b"}, params={"c": 1})
    assert isinstance(client.base_url, hyperhttp.URL)
    assert str(client.base_url) == "https://example.com/v1"
    assert client.timeout == hyperhttp.Timeout(5)
    assert client.headers["a"] == "b"
    assert client.params == {"c": 1}
    assert not client.is_closed
    name = type(client).__name__
    assert repr(client) == f"<{name} of 'https://example.com/v1'>"
    client._close()
    assert client.is_closed
    assert repr(client) == f"<{name} of 'https://example.com/v1', closed>"


def test_plain_attributes(make):
    client = make()
    assert client.base_url is None
    assert client.timeout == hyperhttp.Timeout(30.0, connect=10.0)
    assert client.params is None
    assert dict(client.event_hooks) == {"request": (), "response": ()}
    for name in ("timeout", "base_url"):
        with pytest.raises(AttributeError):
            setattr(client, name, None)


@pytest.mark.parametrize(
    ("timeout", "same"),
    [
        (None, hyperhttp.Timeout(None)),
        (2, hyperhttp.Timeout(2.0)),
        ((1, 2, 3, 4), hyperhttp.Timeout(connect=1, read=2, write=3, pool=4)),
        ((1, None, 3, None), hyperhttp.Timeout(connect=1, read=None, write=3, pool=None)),
        (hyperhttp.Timeout(total=5), hyperhttp.Timeout(total=5)),
    ],
)
def test_timeouts(make, timeout, same):
    assert make(timeout=timeout).timeout == same


def test_memory(make, peer):
    with hyperhttp.Session() as session:
        before = session.memory()
        session.get(peer.url("/ok"))
        after = session.memory()
    assert before["connections"] == before["requests"] == before["receive_buffers"] == 0
    assert after["connections"] == after["idle_connections"] == 1
    assert after["requests"] == after["queued_requests"] == after["receive_buffers"] == 0
    assert all(type(value) is int for value in after.values())
    for name in after:
        assert f"{name}:" in hyperhttp.Session.memory.__doc__
    with pytest.raises(RuntimeError, match="closed"):
        session.memory()


def test_memory_of_a_stream_that_nobody_reads(peer):
    with hyperhttp.Session() as session:
        with session.stream("GET", peer.url("/bytes/10000000")) as response:
            # A read takes what has arrived: sooner or later more than the piece it hands out.
            for _ in response.iter_bytes():
                during = session.memory()
                if during["receive_buffers"]:
                    break
        after = session.memory()
    assert during["requests"] == 1
    assert 0 < during["receive_buffers"] < 4_000_000
    assert after["requests"] == after["receive_buffers"] == 0


# Base URL, headers, params, credentials.


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("", "/get", "/get"),
        ("/v1", "users", "/v1/users"),
        ("/v1/", "users", "/v1/users"),
        ("/v1", "/users", "/v1/users"),
        ("/v1/", "/users/", "/v1/users/"),
        ("/v1", "", "/v1/"),
    ],
)
def test_base_url(peer, base, url, path):
    with hyperhttp.Session(base_url=peer.url(base)) as session:
        session.get(url)
    assert peer.requests[0].path == path


def test_absolute_urls_leave_the_base(peer, other_peer):
    with hyperhttp.Session(base_url=hyperhttp.URL(peer.url("/v1"))) as session:
        session.get(other_peer.url("/ok"))
    assert other_peer.hits("/ok") == 1
    assert not peer.requests


def test_headers(peer):
    with hyperhttp.Session(headers={"A": "client", "B": "client"}) as session:
        session.get(peer.url("/ok"), headers={"a": "own"})
        session.headers["B"] = "changed"
        session.get(peer.url("/ok"))
    first, second = peer.requests
    assert (first.values("a"), first.values("b")) == (["own"], ["client"])
    assert (second.values("a"), second.values("b")) == (["client"], ["changed"])


def test_user_agent(peer):
    with hyperhttp.Session() as session:
        session.get(peer.url("/ok"))
    with hyperhttp.Session(headers={"User-Agent": "mine/1"}) as session:
        session.get(peer.url("/ok"))
    ours, own = (request.values("user-agent") for request in peer.requests)
    assert ours == [f"python-hyperhttp/{hyperhttp.__version__}"]
    assert own == ["mine/1"]


def test_params(peer):
    with hyperhttp.Session(params={"key": "k"}) as session:
        session.get(peer.url("/ok?own=1"), params={"b": [True, None, 2], "c": None})
    assert peer.requests[0].target == "/ok?own=1&key=k&b=true&b=2"


@pytest.mark.parametrize("auth", [("user", "pass"), hyperhttp.BasicAuth("user", "pass")])
def test_auth(httpbin, make, run, auth):
    with hyperhttp.Session(auth=auth) as session:
        assert session.get(httpbin.url("/basic-auth/user/pass")).status_code == 200
        assert session.get(httpbin.url("/basic-auth/user/pass"), auth=None).status_code == 401
        assert session.get(httpbin.url("/basic-auth/user/pass"), auth=("a", "b")).status_code == 401
        request = session.build_request("GET", httpbin.url("/basic-auth/user/pass"))
        assert request.headers["authorization"] == "Basic dXNlcjpwYXNz"
        assert session.send(request).status_code == 200


def test_basic_auth():
    auth = hyperhttp.BasicAuth("user", "geheim")
    assert "geheim" not in repr(auth)
    assert auth == ("user", "geheim")
    again = pickle.loads(pickle.dumps(auth))
    assert type(again) is hyperhttp.BasicAuth
    assert again == auth


@pytest.mark.parametrize(
    ("auth", "error"),
    [
        (("a:b", "c"), ValueError),
        (("a\n", "c"), ValueError),
        (("a", "c\r\nX: y"), ValueError),
        (("a", "\x7f"), ValueError),
        (("a",), TypeError),
        (["a", "b"], TypeError),
        ((b"a", "b"), TypeError),
    ],
)
def test_credentials_that_cannot_be_sent(auth, error):
    with pytest.raises(error):
        basic_auth_field(auth)


def test_credentials_in_utf_8():
    assert basic_auth_field(("ü", "€")) == "Basic w7w64oKs"


# USE_CLIENT_DEFAULT, and defaults that a request overrides.


def test_use_client_default(peer):
    unset = hyperhttp.USE_CLIENT_DEFAULT
    with hyperhttp.Session(auth=("u", "p"), timeout=hyperhttp.Timeout(read=0.05)) as session:
        assert session.get(peer.url("/ok"), auth=unset, timeout=120).status_code == 200
        with pytest.raises(hyperhttp.ReadTimeout):
            session.get(peer.url("/hang"), auth=unset, timeout=unset)
    assert all(request.values("authorization") for request in peer.requests)
    assert repr(unset) == "USE_CLIENT_DEFAULT"
    assert pickle.loads(pickle.dumps(unset)) is unset


def test_follow_redirects(peer):
    with hyperhttp.Session(follow_redirects=False) as session:
        assert session.get(peer.url("/redirect/2")).status_code == 302
        assert session.get(peer.url("/redirect/2"), follow_redirects=True).status_code == 200
    with hyperhttp.Session(max_redirects=1) as session:
        assert session.get(peer.url("/redirect/1")).status_code == 200
        assert session.get(peer.url("/redirect/2"), follow_redirects=False).status_code == 302
        with pytest.raises(hyperhttp.TooManyRedirects):
            session.get(peer.url("/redirect/2"))


# Connections.


def test_limits():
    limits = hyperhttp.Limits(max_connections=5, keepalive_expiry=None)
    assert repr(limits) == (
        "Limits(keepalive_expiry=None, max_connections=5, max_keepalive_connections=None)"
    )
    assert limits == hyperhttp.Limits(max_connections=5, keepalive_expiry=None)
    assert limits != hyperhttp.Limits()
    assert limits != 5
    assert hash(limits) == hash(pickle.loads(pickle.dumps(limits)))


@pytest.mark.parametrize(
    "options", [{"max_connections": 2}, {"limits": hyperhttp.Limits(max_connections=2)}]
)
def test_max_connections(peer, run, options):
    async def get():
        async with hyperhttp.Client(**options) as client:
            calls = [client.get(peer.url("/gated")) for _ in range(6)]
            while len(peer.requests) < 2:
                await asyncio.sleep(0)
            held = client.memory()
            peer.gate.set()
            for call in calls:
                assert (await call).status_code == 200
            return held

    held = run(get())
    assert (held["requests"], held["queued_requests"], held["connections"]) == (6, 4, 2)
    assert peer.most_in_flight == peer.connections == 2


def test_max_connections_per_host(peer, other_peer, run):
    async def get():
        async with hyperhttp.Client(max_connections_per_host=1) as client:
            urls = [peer.url("/ok"), other_peer.url("/ok")] * 5
            return [response.status_code for response in await client.batch(urls)]

    assert run(get()) == [200] * 10
    assert peer.connections == other_peer.connections == 1


def test_no_limit(peer, run):
    async def get():
        async with hyperhttp.Client(max_connections=None) as client:
            calls = [client.get(peer.url("/gated")) for _ in range(120)]
            while len(peer.requests) < 120:
                await asyncio.sleep(0)
            peer.gate.set()
            for call in calls:
                await call

    run(get())
    assert peer.most_in_flight == 120


def test_max_keepalive_connections(peer, run):
    async def get():
        async with hyperhttp.Client(max_keepalive_connections=1) as client:
            calls = [client.get(peer.url("/gated")) for _ in range(5)]
            while len(peer.requests) < 5:
                await asyncio.sleep(0)
            peer.gate.set()
            for call in calls:
                await call
            return client.memory()["connections"]

    assert run(get()) == 1


def test_keepalive_expiry_of_nothing(peer):
    with hyperhttp.Session(keepalive_expiry=0) as session:
        session.get(peer.url("/ok"))
        session.get(peer.url("/ok"), headers={"Connection": "close"})
    assert len(peer.requests) == 2


def test_uds(httpbin_tls, tmp_path):
    path = Path(httpbin_tls.unix_path)
    with hyperhttp.Session(uds=path) as session:
        assert session.get("http://example.com/get").status_code == 200


def test_local_address(peer):
    with hyperhttp.Session(local_address="127.0.0.1") as session:
        told = session.get(peer.url("/ok"))
    assert told.status_code == 200
    with (
        hyperhttp.Session(local_address="203.0.113.1") as session,
        pytest.raises(hyperhttp.ConnectError),
    ):
        session.get(peer.url("/ok"))


# JSON and text.


def test_json_functions(peer):
    def dumps(value):
        return f"<{value!r}>".encode()

    def loads(text):
        return ("loaded", text)

    with hyperhttp.Session(json_dumps=dumps, json_loads=loads) as session:
        response = session.post(peer.url("/echo"), json={"a": 1})
    assert peer.requests[0].body == b"<{'a': 1}>"
    assert peer.requests[0].values("content-type") == ["application/json"]
    assert response.json()[0] == "loaded"


def test_json_by_orjson(peer):
    import orjson

    with hyperhttp.Session(json_dumps=orjson.dumps, json_loads=orjson.loads) as session:
        told = session.post(peer.url("/echo"), json={"a": [1, None, "ü"]}).json()
    assert told["length"] == len('{"a":[1,null,"ü"]}'.encode())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True]}, b'{"a":[1,2.5,null,true]}'),
        ("ü", '"ü"'.encode()),
        ([], b"[]"),
        (0, b"0"),
    ],
)
def test_json_dumps(value, text):
    assert json_dumps(value) == text
    assert json_loads(text) == value


@pytest.mark.parametrize(
    ("value", "error"),
    [({1, 2}, TypeError), (object(), TypeError), (float("nan"), ValueError), (b"", TypeError)],
)
def test_what_is_no_json(peer, make, value, error):
    with pytest.raises(error):
        json_dumps(value)
    with hyperhttp.Session() as session, pytest.raises(error):
        session.post(peer.url("/ok"), json=value)
    assert not peer.requests


def test_default_encoding(peer):
    with hyperhttp.Session(default_encoding="latin-1") as session:
        assert session.get(peer.url("/bytes/251")).text[-1] == chr(250)
    with hyperhttp.Session(default_encoding=lambda content: "ascii") as session:
        assert session.get(peer.url("/ok")).encoding.lower().startswith("hh_") is False


# TLS.


@pytest.fixture(scope="module")
def client_certificate(tmp_path_factory) -> Path:
    """A folder with cert.pem, key.pem, both.pem, and locked.pem: the key under "geheim"."""
    base = tmp_path_factory.mktemp("client-certificate")
    run_openssl(base, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    (base / "both.pem").write_text((base / "cert.pem").read_text() + (base / "key.pem").read_text())
    subprocess.run(
        ["openssl", "ec", "-in", base / "key.pem", "-aes256", "-passout", "pass:geheim"]
        + ["-out", base / "locked.pem"],
        check=True,
        capture_output=True,
    )
    return base


def run_openssl(base: Path, *arguments: str) -> None:
    subprocess.run(
        ["openssl", *arguments, "-nodes", "-days", "30", "-subj", "/CN=client"]
        + ["-keyout", str(base / "key.pem"), "-out", str(base / "cert.pem")],
        check=True,
        capture_output=True,
    )


def get_status(url: str, **options) -> int:
    with hyperhttp.Session(**options) as session:
        return session.get(url).status_code


def test_verify(nginx):
    with pytest.raises(hyperhttp.TLSError):
        get_status(nginx.tls_url())
    assert get_status(nginx.tls_url(), verify=False) in (200, 403, 404)
    assert get_status(nginx.tls_url(), verify=nginx.certificate)
    assert get_status(nginx.tls_url(), verify=str(nginx.certificate))


def test_verify_by_a_relative_path(nginx, monkeypatch, tmp_path):
    monkeypatch.chdir(nginx.certificate.parent)
    with hyperhttp.Session(verify="cert.pem") as session:
        monkeypatch.chdir(tmp_path)
        assert session.get(nginx.tls_url()).status_code


def test_verify_by_a_directory(nginx, tmp_path):
    (tmp_path / "ca.pem").write_bytes(nginx.certificate.read_bytes())
    subprocess.run(["openssl", "rehash", tmp_path], check=True, capture_output=True)
    assert get_status(nginx.tls_url(), verify=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(hyperhttp.TLSError):
        get_status(nginx.tls_url(), verify=tmp_path / "empty")


def test_verify_by_a_context(nginx):
    context = ssl.create_default_context(cafile=str(nginx.certificate))
    assert get_status(nginx.tls_url(), verify=context)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    assert tls_options(context, None)["min_version"] == 13
    assert get_status(nginx.tls_url(), verify=context)


def test_a_context_of_other_authorities(nginx, certificate):
    context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    with pytest.raises(hyperhttp.TLSError):
        get_status(nginx.tls_url(), verify=context)


def test_a_context_that_verifies_nothing(nginx):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert get_status(nginx.tls_url(), verify=context)


def test_contexts_that_cannot_be_taken_over(certificate):
    ca = str(certificate / "cert.pem")
    nameless = ssl.create_default_context(cafile=ca)
    nameless.check_hostname = False
    with pytest.raises(ValueError, match="check_hostname"):
        tls_options(nameless, None)
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ValueError, match="no CA certificates"):
        tls_options(empty, None)
    old = ssl.create_default_context(cafile=ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ValueError, match="maximum_version"):
        tls_options(old, None)
    revoking = ssl.create_default_context(cafile=ca)
    revoking.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with pytest.raises(ValueError, match="revocation"):
        tls_options(revoking, None)


@pytest.mark.parametrize(
    "names",
    [("both.pem",), ("cert.pem", "key.pem"), ("cert.pem", "locked.pem"), ("both.pem", None)],
)
def test_cert(client_certificate, certificate, names):
    paths = tuple(client_certificate / name if name else None for name in names)
    cert = (*paths, "geheim") if "locked.pem" in names else paths if paths[1:] else paths[0]
    server = TLSServer(certificate, client_certificate / "cert.pem")
    with server, hyperhttp.Session(verify=certificate / "cert.pem", cert=cert) as session:
        assert session.get(server.url).text == "/CN=client"


def test_a_key_with_the_wrong_password(client_certificate, nginx):
    cert = (client_certificate / "cert.pem", client_certificate / "locked.pem", "falsch")
    with (
        hyperhttp.Session(verify=nginx.certificate, cert=cert) as session,
        pytest.raises(hyperhttp.TLSError) as caught,
    ):
        session.get(nginx.tls_url())
    assert "falsch" not in str(caught.value)


class TLSServer:
    """Answers one request with the subject of the client's certificate."""

    def __init__(self, certificate: Path, client: Path) -> None:
        import socket

        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        self._context.load_verify_locations(client)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> TLSServer:
        import threading

        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with self._context.wrap_socket(connection, server_side=True) as stream:
            subject = stream.getpeercert()["subject"]
            body = "".join(f"/CN={value}" for ((_, value),) in subject).encode()
            stream.recv(65536)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def __exit__(self, *exc_info: object) -> None:
        self._thread.join()
        self._listener.close()


# Hooks can be changed.


def test_event_hooks_can_be_set(peer):
    seen = []
    with hyperhttp.Session() as session:
        session.get(peer.url("/ok"))
        session.event_hooks = {"request": [seen.append], "response": [seen.append]}
        response = session.get(peer.url("/ok"))
        assert seen == [response.request, response] or len(seen) == 2
        assert session.event_hooks["request"] == (seen.append,)
        with pytest.raises(TypeError):
            session.event_hooks["request"] = []
        session.event_hooks = None
        session.get(peer.url("/ok"))
        with pytest.raises(ValueError, match="answer"):
            session.event_hooks = {"answer": []}
    assert len(seen) == 2


# Left unclosed, or used once closed.


@pytest.mark.parametrize("cls", BOTH)
def test_unclosed(cls):
    before = descriptors()
    client = cls()
    assert event_polls(descriptors() - before) == 1
    with pytest.warns(ResourceWarning, match=f"unclosed <{cls.__name__}>"):
        del client
        gc.collect()
    assert not descriptors() - before


def test_use_after_close(make, peer, run):
    client = make()
    client._close()
    client._close()
    with pytest.raises(RuntimeError, match="closed"):
        if isinstance(client, hyperhttp.Session):
            client.get(peer.url("/ok"))
        else:
            run(get(client, peer.url("/ok")))
    with pytest.raises(RuntimeError, match="closed"):
        if isinstance(client, hyperhttp.Session):
            client.__enter__()
        else:
            run(client.__aenter__())


async def get(client: hyperhttp.Client, url: str) -> hyperhttp.Response:
    return await client.get(url)
