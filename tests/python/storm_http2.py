"""The storm's server (storm.py) over HTTP/2 without TLS: the same paths, side by side.

A request it drops is reset, refused, or ends in GOAWAY, by lot.
"""

from __future__ import annotations

import asyncio
import random

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.errors import ErrorCodes

# Path: the length that is declared, the bytes that come.
BODIES = {
    b"/ok": (5, b"hello"),
    b"/late": (5, b"hello"),
    b"/large": (200_000, bytes(200_000)),
    b"/part": (90_000, bytes(70_000)),
    b"/chunks": (None, b"x" * 99),
}


class Http2Server(asyncio.Protocol):
    """Requests have no bodies."""

    def __init__(self, dice: random.Random):
        self.dice = dice
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, validate_inbound_headers=False)
        )
        self.waiting: dict[int, tuple[bytes, bool]] = {}  # stream: what the window holds up

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.state.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.state.receive_data(data):
                self.take(event)
        except h2.exceptions.ProtocolError:
            self.flush()
            self.transport.close()
            return
        self.flush()

    def take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            path = dict(event.headers)[b":path"].split(b"?")[0]
            if path == b"/drop":
                self.drop(event.stream_id)
            elif path == b"/late":
                delay = self.dice.random() * 0.02
                asyncio.get_running_loop().call_later(delay, self.answer, event.stream_id, path)
            elif path != b"/never":
                self.answer(event.stream_id, path)
        elif isinstance(event, h2.events.StreamReset):
            self.waiting.pop(event.stream_id, None)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for stream in list(self.waiting):
                self.send(stream, *self.waiting.pop(stream))

    def answer(self, stream: int, path: bytes) -> None:
        length, body = BODIES[path]
        headers = [(":status", "200")]
        if length is not None:
            headers.append(("content-length", str(length)))
        try:
            self.state.send_headers(stream, headers)
            self.send(stream, body, path != b"/part")
        except h2.exceptions.ProtocolError:
            pass  # given up, or the connection has gone
        self.flush()

    def send(self, stream: int, body: bytes, ends: bool) -> None:
        try:
            while body:
                room = self.state.local_flow_control_window(stream)
                room = min(room, self.state.max_outbound_frame_size)
                if room <= 0:
                    self.waiting[stream] = (body, ends)
                    return
                self.state.send_data(stream, body[:room])
                body = body[room:]
            if ends:
                self.state.end_stream(stream)
        except h2.exceptions.ProtocolError:
            pass

    def drop(self, stream: int) -> None:
        lot = self.dice.random()
        if lot < 0.05:
            self.state.close_connection(ErrorCodes.NO_ERROR, last_stream_id=stream)
            self.flush()
            self.transport.close()
        else:
            code = ErrorCodes.REFUSED_STREAM if lot < 0.3 else ErrorCodes.INTERNAL_ERROR
            self.state.reset_stream(stream, code)
