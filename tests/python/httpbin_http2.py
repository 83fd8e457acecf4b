"""HTTP/2 as the local httpbin (httpbin.py) speaks it, over the same streams as httpbin_wire.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from httpbin_pages import answer_request
from httpbin_wire import Answer, Asked

MOST_READ_BYTES = 1 << 16
# RFC 9113 §8.2.2: HTTP/1.1 alone has these.
OF_HTTP1 = ("connection", "keep-alive", "transfer-encoding")


class Conversation:
    """One connection: its requests are answered side by side."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
        record: Callable[[Asked], None],
    ):
        self.reader = reader
        self.writer = writer
        self.number = number
        self.record = record
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.asked: dict[int, Asked] = {}
        self.answering: dict[int, asyncio.Task[None]] = {}
        self.windows = asyncio.Condition()  # they have grown

    async def run(self) -> None:
        self.state.initiate_connection()
        try:
            await self.flush()
            while data := await self.reader.read(MOST_READ_BYTES):
                for event in self.state.receive_data(data):
                    await self.take(event)
                await self.flush()
        except h2.exceptions.ProtocolError:
            await self.flush()
        finally:
            for task in self.answering.values():
                task.cancel()
            await asyncio.gather(*self.answering.values(), return_exceptions=True)

    async def flush(self) -> None:
        self.writer.write(self.state.data_to_send())
        await self.writer.drain()

    async def take(self, event: Any) -> None:
        stream = getattr(event, "stream_id", 0)
        if isinstance(event, h2.events.RequestReceived):
            self.asked[stream] = read_head(event.headers, self.number)
        elif isinstance(event, h2.events.DataReceived):
            self.asked[stream].body += event.data
            self.state.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamEnded):
            asked = self.asked.pop(stream)
            self.record(asked)
            task = self.answering[stream] = asyncio.ensure_future(self.answer(stream, asked))
            task.add_done_callback(lambda _: self.answering.pop(stream, None))
        elif isinstance(event, h2.events.StreamReset):
            self.asked.pop(stream, None)
            if stream in self.answering:
                self.answering[stream].cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            async with self.windows:
                self.windows.notify_all()

    async def answer(self, stream: int, asked: Asked) -> None:
        try:
            answer = await answer_request(asked)
            await self.send(stream, asked, answer)
        except h2.exceptions.ProtocolError:
            return  # the client has gone, or given the request up
        except OSError:  # a page that hangs up
            self.state.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            await self.flush()

    async def send(self, stream: int, asked: Asked, answer: Answer) -> None:
        has_body = asked.method != "HEAD" and answer.status not in (204, 304)
        self.state.send_headers(stream, format_head(answer), end_stream=not has_body)
        if has_body and isinstance(answer.body, bytes):
            await self.send_data(stream, answer.body)
        elif has_body:
            async for piece in answer.body:
                await self.send_data(stream, piece)
        if has_body:
            self.state.end_stream(stream)
        await self.flush()

    async def send_data(self, stream: int, data: bytes) -> None:
        while data:
            room = self.state.local_flow_control_window(stream)
            room = min(room, self.state.max_outbound_frame_size)
            if room <= 0:
                async with self.windows:
                    await self.windows.wait()
                continue
            self.state.send_data(stream, data[:room])
            data = data[room:]
            await self.flush()


def read_head(headers: list[tuple[str, str]], number: int) -> Asked:
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    fields = [(name, value) for name, value in headers if not name.startswith(":")]
    fields.insert(0, ("Host", pseudo[":authority"]))
    return Asked(
        pseudo[":method"], pseudo[":path"], fields, scheme=pseudo[":scheme"], connection=number
    )


def format_head(answer: Answer) -> list[tuple[str, str]]:
    head = [(":status", str(answer.status)), ("date", formatdate(usegmt=True))]
    head += [("server", "httpbin"), ("access-control-allow-origin", "*")]
    head += [("access-control-allow-credentials", "true")]
    if isinstance(answer.body, bytes) and answer.status not in (204, 304):
        head.append(("content-length", str(len(answer.body))))
    fields = ((name.lower(), value) for name, value in answer.headers)
    return head + [field for field in fields if field[0] not in OF_HTTP1]
