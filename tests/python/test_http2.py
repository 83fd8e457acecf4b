"""HTTP/2 as programs meet it: against hypercorn by TLS, and a scripted server that misbehaves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import pickle
import socket
from concurrent.futures import ThreadPoolExecutor

import h2.events
import pytest
from h2.errors import ErrorCodes
from http2_server import Http2Server
from hypercorn_server import MOST_STREAMS, Hypercorn, body_of
from running import in_child

import hyperhttp

BOUND = 120.0  # seconds; never reached


@pytest.fixture(scope="module")
def hypercorn_server(certificate):
    with Hypercorn(certificate) as made:
        yield made


@pytest.fixture(scope="module")
def plain_server():
    with Hypercorn(None) as made:
        yield made


@pytest.fixture(scope="module")
def old_server(certificate):
    """One that offers HTTP/1.1 only."""
    with Hypercorn(certificate, alpn=("http/1.1",)) as made:
        yield made


@pytest.fixture
def server(hypercorn_server):
    hypercorn_server.clear()
    return hypercorn_server


@pytest.fixture
def session(server):
    with hyperhttp.Session(verify=server.ca) as made:
        yield made


@pytest.fixture
def client(server):
    """A Client, to be entered; closed by the test."""
    return hyperhttp.Client(verify=server.ca)


# That it is spoken.


def test_nobody_has_to_ask(server, client, session, run):
    async def get():
        async with client:
            response = await client.get(server.url("/echo?a=b"))
            return response, await response.json()

    response, told = run(get())
    assert (response.status_code, response.http_version) == (200, "HTTP/2")
    assert response.reason == "OK"
    assert response.extensions["http_version"] == b"HTTP/2"
    assert response.headers["content-type"] == "application/json"
    assert (told["http_version"], told["method"], told["query"]) == ("2", "GET", "a=b")
    assert dict(told["headers"])["host"] == f"localhost:{server.port}"
    assert pickle.loads(pickle.dumps(response)).http_version == "HTTP/2"
    blocking = session.get(server.url())
    assert (blocking.http_version, blocking.json()["http_version"]) == ("HTTP/2", "2")
    assert repr(blocking) == "<Response [200 OK]>"


def test_one_connection_for_all(server, session):
    for _ in range(5):
        assert session.get(server.url()).ok
    assert len(server.connections) == 1


def test_http2_may_be_switched_off(server):
    with hyperhttp.Session(verify=server.ca, http2=False) as session:
        assert session.get(server.url()).http_version == "HTTP/1.1"
    response = hyperhttp.get(server.url(), verify=server.ca, http2=False)
    assert response.json()["http_version"] == "1.1"


def test_one_shot_functions(server):
    assert hyperhttp.get(server.url(), verify=server.ca).http_version == "HTTP/2"
    with hyperhttp.stream("GET", server.url(), verify=server.ca, http1=False) as response:
        assert response.http_version == "HTTP/2"
        assert json.loads(response.read())["http_version"] == "2"


def test_http1_where_the_server_offers_no_more(old_server, httpbin_tls, run):
    with hyperhttp.Session(verify=old_server.ca) as session:
        assert session.get(old_server.url()).http_version == "HTTP/1.1"
        assert session.get(httpbin_tls.url("/get")).http_version == "HTTP/1.1"


@pytest.mark.parametrize("kind", ["offers only HTTP/1.1", "knows no ALPN"])
def test_nothing_but_http2(old_server, httpbin_tls, server, run, kind):
    url = old_server.url() if kind == "offers only HTTP/1.1" else httpbin_tls.url("/get")

    async def get(target):
        async with hyperhttp.Client(verify=server.ca, http1=False) as client:
            return await client.get(target)

    assert run(get(server.url())).http_version == "HTTP/2"
    with pytest.raises(hyperhttp.UnsupportedProtocol) as caught:
        run(get(url))
    assert caught.value.phase == "tls"
    assert caught.value.code == "HH_ERR_UNSUPPORTED_PROTOCOL"
    assert caught.value.retryable is False
    assert "HTTP/2" in str(caught.value) and "localhost" in str(caught.value)


@pytest.mark.parametrize("options", [{"http2_prior_knowledge": True}, {"http1": False}])
def test_without_tls(plain_server, options):
    plain_server.clear()
    with hyperhttp.Session(**options) as session:
        for _ in range(3):
            response = session.get(plain_server.url())
            assert response.http_version == "HTTP/2"
            assert response.json()["http_version"] == "2"
    assert len(plain_server.connections) == 1
    with hyperhttp.Session() as session:
        assert session.get(plain_server.url()).http_version == "HTTP/1.1"


def test_a_certificate_nobody_vouches_for(server):
    with pytest.raises(hyperhttp.TLSError):
        hyperhttp.get(server.url())


# Requests and answers.


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_bodies(server, session, method):
    told = session.request(method, server.url(), json={"a": [1, "é"]}).json()
    assert (told["method"], told["body"].encode("latin-1")) == (method, '{"a":[1,"é"]}'.encode())
    assert dict(told["headers"])["content-type"] == "application/json"


def test_heads_and_statuses(server, session):
    response = session.head(server.url())
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0
    missing = session.get(server.url("/status/404"))
    assert (missing.status_code, missing.reason) == (404, "Not Found")
    with pytest.raises(hyperhttp.HTTPStatusError, match="404 Not Found"):
        missing.raise_for_status()


def test_fields_of_http1_stay_out(server, session):
    headers = {"X-Mixed": "Case", "Connection": "close", "Keep-Alive": "5", "Cookie": "a=1; b=2"}
    told = session.get(server.url(), headers=headers).json()
    names = [name for name, _ in told["headers"]]
    assert not {"connection", "keep-alive", "transfer-encoding", "upgrade"} & set(names)
    assert ("x-mixed", "Case") in [tuple(pair) for pair in told["headers"]]
    cookies = [value for name, value in told["headers"] if name == "cookie"]
    assert "; ".join(cookies) == "a=1; b=2"


def test_priority(server, session):
    told = session.get(server.url(), headers={"Priority": "u=1, i"}).json()
    assert ["priority", "u=1, i"] in told["headers"]


@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 5_000_001])
def test_large_answers(server, session, count):
    response = session.get(server.url(f"/body/{count}"))
    assert response.content == body_of(count)


def test_streams(server, client, run):
    async def read():
        digest, pieces = hashlib.sha256(), 0
        async with client, client.stream("GET", server.url("/body/8000000")) as response:
            async for piece in response.iter_bytes():
                digest.update(piece)
                pieces += 1
        return digest.digest(), pieces

    digest, pieces = run(read())
    assert digest == hashlib.sha256(body_of(8_000_000)).digest()
    assert pieces > 1


def test_a_slow_reader_stops_no_neighbour(server, client, run):
    async def read():
        async with client:
            async with client.stream("GET", server.url("/body/30000000")) as slow:
                body = slow.iter_bytes()
                first = await anext(body)
                for count in (10, 3_000_000, 10):
                    response = await client.get(server.url(f"/body/{count}"))
                    assert response.content == body_of(count)
                held = client.memory()
                total = len(first) + sum([len(piece) async for piece in body])
            return total, held

    total, held = run(read())
    assert total == 30_000_000
    assert held["connections"] == 1
    assert held["receive_buffers"] + held["unread_bodies"] < 8_000_000
    assert len(server.connections) == 1


def test_uploads(server, client, session, run):
    pieces = [body_of(100_000)] * 30
    wanted = hashlib.sha256(b"".join(pieces)).hexdigest().encode()

    async def generate():
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece

    async def send():
        async with client:
            return await client.post(server.url("/digest"), content=generate())

    assert run(send()).content == wanted
    assert session.put(server.url("/digest"), content=iter(pieces)).content == wanted
    assert session.put(server.url("/digest"), content=b"".join(pieces)).content == wanted


# Many at once.


def test_a_hundred_at_once(server, client, run):
    async def get():
        async with client:
            calls = [client.get(server.url("/gated")) for _ in range(100)]
            await asyncio.to_thread(server.wait_until, lambda state: state.in_flight == 100)
            held, dialled = client.memory(), client._stats()["connections_opened"]
            server.open_gate()
            responses = await asyncio.gather(*calls)
            return held, dialled, [response.status_code for response in responses]

    held, dialled, statuses = run(get())
    assert statuses == [200] * 100
    assert (held["requests"], held["connections"], dialled) == (100, 1, 1)
    assert len(server.connections) == 1


def test_more_than_the_server_takes(server, run):
    count = 2 * MOST_STREAMS + 7

    async def get():
        async with hyperhttp.Client(verify=server.ca, max_connections=1) as client:
            server.open_gate()
            return await client.batch([server.url("/gated")] * count)

    assert [response.status_code for response in run(get())] == [200] * count
    assert server.most_in_flight <= MOST_STREAMS
    assert len(server.connections) == 1


def test_a_batch(server, session):
    answers = session.batch([server.url(f"/body/{number}") for number in range(500)])
    assert [len(each.content) for each in answers] == list(range(500))
    assert {each.http_version for each in answers} == {"HTTP/2"}


def test_threads_share_a_session(server, session):
    session.get(server.url())
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: session.get(server.url(f"/body/{n}")).content, range(200)))
    assert [len(each) for each in got] == list(range(200))
    assert len(server.connections) == 1


def test_loops_one_after_the_other(server, client):
    async def get():
        response = await client.get(server.url())
        return response.http_version

    assert [asyncio.run(get()) for _ in range(3)] == ["HTTP/2"] * 3
    assert len(server.connections) == 1
    asyncio.run(client.close())


def test_a_child_has_a_connection_of_its_own(server, session):
    session.get(server.url())
    in_child(lambda: session.get(server.url()).http_version == "HTTP/2")
    assert session.get(server.url()).is_reused
    assert len(server.connections) == 2


# Giving up.


def test_cancelling_one_of_many(server, client, run):
    async def get():
        async with client:
            calls = [client.get(server.url("/gated")) for _ in range(20)]
            await asyncio.to_thread(server.wait_until, lambda state: state.in_flight == 20)
            calls[7].cancel()
            with pytest.raises(asyncio.CancelledError):
                await calls[7]
            await asyncio.to_thread(server.wait_until, lambda state: state.given_up == 1)
            server.open_gate()
            others = await asyncio.gather(*calls[:7], *calls[8:])
            return [response.status_code for response in others]

    assert run(get()) == [200] * 19
    assert server.given_up == 1
    assert len(server.connections) == 1


def test_a_stream_that_is_left(server, session):
    with session.stream("GET", server.url("/body/50000000")) as response:
        assert next(response.iter_bytes())
    assert session.get(server.url()).ok
    assert len(server.connections) == 1


def test_a_time_out_ends_its_own_request_only(server, client, run):
    async def get():
        async with client:
            patient = client.get(server.url("/gated"))
            with pytest.raises(hyperhttp.ReadTimeout):
                await client.get(server.url("/hang"), timeout=hyperhttp.Timeout(BOUND, read=0.05))
            await asyncio.to_thread(server.wait_until, lambda state: state.given_up == 1)
            server.open_gate()
            return (await patient).status_code

    assert run(get()) == 200
    assert len(server.connections) == 1


def test_closing_ends_what_is_under_way(server, client, run):
    async def get():
        calls = [client.get(server.url("/hang")) for _ in range(10)]
        await asyncio.to_thread(server.wait_until, lambda state: state.in_flight == 10)
        await client.close()
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [type(each) for each in run(get())] == [hyperhttp.RequestError] * 10
    server.wait_until(lambda state: state.in_flight == 0)


# A server that turns requests away, or goes.


def on_request(function):
    """A script that calls `function` of link and stream for each request."""

    def script(link, event):
        if isinstance(event, h2.events.RequestReceived):
            function(link, event.stream_id)

    return script


@pytest.mark.parametrize(
    "code", [ErrorCodes.INTERNAL_ERROR, ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.CANCEL]
)
def test_a_reset(code):
    def reset(link, stream_id):
        link.state.reset_stream(stream_id, code)

    with (
        Http2Server(on_request(reset)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
        pytest.raises(hyperhttp.RemoteProtocolError) as caught,
    ):
        session.get(server.url())
    error = caught.value
    assert (error.code, error.http2_error) == ("HH_ERR_STREAM_RESET", int(code))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.http2_error) == (type(error), int(code))


def test_a_reset_in_mid_answer():
    def begin(link, stream_id):
        link.state.send_headers(stream_id, [(":status", "200")])
        link.state.send_data(stream_id, b"only this")
        link.flush()
        link.state.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)

    with (
        Http2Server(on_request(begin)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
    ):
        with pytest.raises(hyperhttp.RemoteProtocolError):
            session.get(server.url())
        with (
            session.stream("GET", server.url()) as response,
            pytest.raises(hyperhttp.RemoteProtocolError) as caught,
        ):
            response.read()
    assert caught.value.phase == "body"
    assert caught.value.http2_error == ErrorCodes.INTERNAL_ERROR


def test_a_refused_request_goes_out_again():
    def refuse_the_first(link, stream_id):
        if stream_id == 1 and link is server.links[0]:
            link.state.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        else:
            link.answer(stream_id, b"in the end")

    with (
        Http2Server(on_request(refuse_the_first)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
    ):
        assert session.post(server.url(), content=b"x").content == b"in the end"


def test_refused_for_good():
    def refuse(link, stream_id):
        link.state.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)

    with (
        Http2Server(on_request(refuse)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
        pytest.raises(hyperhttp.RemoteProtocolError) as caught,
    ):
        session.post(server.url(), content=b"x")
    assert caught.value.code == "HH_ERR_REFUSED"
    assert caught.value.http2_error == ErrorCodes.REFUSED_STREAM
    assert caught.value.retryable is True


def test_going_away():
    def answer_and_go(link, stream_id):
        link.answer(stream_id, b"bye")
        link.state.close_connection(last_stream_id=stream_id)

    with (
        Http2Server(on_request(answer_and_go)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
    ):
        assert [session.get(server.url()).content for _ in range(3)] == [b"bye"] * 3
        assert len(server.links) == 3


def hangs_up(times):
    """A script that ends the first `times` connections instead of answering."""
    ended = []

    def answer_or_end(link, stream_id):
        if len(ended) < times:
            ended.append(link)
            raise OSError("hung up")
        link.answer(stream_id, b"in the end")

    return on_request(answer_or_end)


@pytest.mark.parametrize("times", [1, 2])
def test_a_server_that_hangs_up_is_asked_again(times):
    with (
        Http2Server(hangs_up(times)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
    ):
        assert session.get(server.url()).content == b"in the end"
        assert len(server.links) == 1 + times


@pytest.mark.parametrize(("method", "asked", "retryable"), [("GET", 3, True), ("POST", 1, False)])
def test_a_server_that_hangs_up_for_good(method, asked, retryable):
    with (
        Http2Server(hangs_up(10)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
        pytest.raises(hyperhttp.RequestError) as caught,
    ):
        session.request(method, server.url())
    # It is a reset when something of ours was still to be read there.
    assert caught.value.code in ("HH_ERR_EMPTY_RESPONSE", "HH_ERR_RECEIVE")
    assert caught.value.phase == "headers"
    assert caught.value.retryable is retryable
    assert len(server.links) == asked


def test_a_server_without_settings():
    """What claims to speak HTTP/2 and closes without a word: the error names a way out."""
    accepted = []

    def serve(listener):
        while len(accepted) < 3:
            connection, _ = listener.accept()
            accepted.append(connection)
            with connection:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor() as pool,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
    ):
        listener.settimeout(BOUND)
        served = pool.submit(serve, listener)
        port = listener.getsockname()[1]
        with pytest.raises(hyperhttp.RemoteProtocolError) as caught:
            session.get(f"http://127.0.0.1:{port}/")
        served.result(BOUND)
    said = str(caught.value)
    assert f"127.0.0.1:{port} closed the connection, before its HTTP/2 SETTINGS came" in said
    assert "turn http2 off" in said


def test_trailers():
    def answer(link, stream_id):
        link.state.send_headers(stream_id, [(":status", "200"), ("x-a", "1")])
        link.state.send_data(stream_id, b"body")
        link.state.send_headers(stream_id, [("x-sum", "abc")], end_stream=True)

    with (
        Http2Server(on_request(answer)) as server,
        hyperhttp.Session(http2_prior_knowledge=True) as session,
    ):
        response = session.get(server.url())
    assert (response.content, response.headers["x-a"]) == (b"body", "1")
    assert response.trailers["x-sum"] == "abc"
    assert "x-sum" not in response.headers


# Whether a silent connection lives.


def test_keepalive_asks():
    def script(link, event):
        if isinstance(event, h2.events.PingReceived) and link.pings == 2:
            link.answer(1, b"still here")

    # What answers a PING is a thread of this process: a short interval would time its scheduling.
    with (
        Http2Server(script) as server,
        hyperhttp.Session(http2_prior_knowledge=True, http2_keepalive=1) as session,
    ):
        assert session.get(server.url(), timeout=BOUND).content == b"still here"
        assert len(server.links) == 1


def test_keepalive_gives_up_a_dead_connection():
    with (
        Http2Server(lambda link, event: None, acknowledges_pings=False) as server,
        hyperhttp.Session(http2_prior_knowledge=True, http2_keepalive=0.02) as session,
        pytest.raises(hyperhttp.TransportError) as caught,
    ):
        try:
            session.post(server.url(), timeout=BOUND)
        finally:
            link = server.ended.get(timeout=BOUND)
    assert "PING" in str(caught.value)
    assert link.pings >= 1


# The fixture other tests rely on.


@pytest.mark.both_protocols
def test_the_peer_speaks_what_it_should(peer, http_version):
    wanted = {"h1": "HTTP/1.1", "h2": "HTTP/2"}[http_version]
    with hyperhttp.Session() as session:
        assert session.get(peer.url()).http_version == wanted
