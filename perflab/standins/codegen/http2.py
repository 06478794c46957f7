"""HTTP/2 over clear text with prior knowledge (RFC 9113, section 3.3), by the library h2."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hyperframe.frame import GoAwayFrame

from perflab.standins.codegen.requests import MAX_BODY_BYTES
from perflab.standins.codegen.service import Answer, CodegenService, refusal


@dataclass
class _Stream:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    too_large: bool = False
    unsent: deque[bytes] = field(default_factory=deque)


class Http2Connection(asyncio.Protocol):
    """One client's connection; after `streams` requests it says GOAWAY, answers what it has, and closes.

    What h2 refuses ends the connection with its error code; a frame that is too long is refused when it is whole, so
    that a client can have 16 MiB held for it. h2 cannot say a graceful GOAWAY itself (it closes its own
    state with it), so that frame is written beside it; what a client opens after it is not answered (section 6.8).
    """

    def __init__(self, service: CodegenService, streams: int) -> None:
        self._service, self._left = service, streams
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the server's preface."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what came and answer the requests that are whole."""
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
            self._flush()
        except h2.exceptions.ProtocolError:
            self._flush()
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody waits for the answers any more."""
        for task in self._tasks:
            task.cancel()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._opened(event)
        elif isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if stream := self._streams.get(event.stream_id):
                stream.too_large |= len(stream.body) + len(event.data) > MAX_BODY_BYTES
                if not stream.too_large:
                    stream.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            if stream := self._streams.get(event.stream_id):
                task = asyncio.get_running_loop().create_task(self._serve(event.stream_id, stream))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        elif isinstance(event, h2.events.StreamReset):
            self._streams.pop(event.stream_id, None)
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for number in list(self._streams):
                self._send(number)

    def _opened(self, event: h2.events.RequestReceived) -> None:
        if self._leaving:
            return
        self._streams[event.stream_id] = _Stream({str(name): str(value) for name, value in event.headers})
        self._left -= 1
        if self._left <= 0:
            self._leaving = True
            self._flush()
            self._transport.write(GoAwayFrame(0, last_stream_id=event.stream_id, error_code=0).serialize())

    async def _serve(self, number: int, stream: _Stream) -> None:
        headers = _Headers(stream.headers)
        if stream.too_large:
            answer = self._service.refused(refusal(413, f"body above {MAX_BODY_BYTES} bytes"), headers)
        else:
            answer = await self._service.answer(headers[":method"], headers[":path"], headers, _body(stream))
        if number not in self._streams or self._transport.is_closing():
            return
        if answer.cut:
            self._transport.abort()
            return
        stream.unsent.append(answer.body)
        try:
            self._h2.send_headers(number, _head(answer))
            self._send(number)
            self._flush()
        except h2.exceptions.ProtocolError:  # the client broke the rules, or left, while this was made
            self._transport.close()

    def _send(self, number: int) -> None:
        """Send as much of an answer as the client's windows allow; the rest goes when they grow."""
        stream = self._streams[number]
        while stream.unsent:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            body = stream.unsent[0]
            if room <= 0 < len(body):
                return
            stream.unsent.popleft()
            if len(body) > room:
                stream.unsent.appendleft(body[room:])
                self._h2.send_data(number, body[:room])
            else:
                self._h2.send_data(number, body, end_stream=True)
                del self._streams[number]
        if self._leaving and not self._streams:
            self._flush()
            self._transport.close()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._transport.write(data)


class _Headers(dict[str, str]):
    """HTTP/2 names are in lower case; asked for in any."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        return super().get(name.lower(), default)


def _body(stream: _Stream):  # type: ignore[no-untyped-def]
    async def read() -> bytes:
        return bytes(stream.body)

    return read


def _head(answer: Answer) -> list[tuple[str, str]]:
    head = [(":status", str(answer.status)), ("content-type", "application/json"),
            ("content-length", str(len(answer.body)))]  # fmt: skip
    return head if answer.retry_s is None else [*head, ("retry-after", f"{answer.retry_s:g}")]
