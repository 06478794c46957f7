"""A raw WebSocket client (RFC 6455) for load generation: looks at opcodes, never waits to send.

Plain `socket`, so it runs as it stands under gevent's monkey patching. It offers no extensions, hence no
compression. Frames to the server must carry a mask key; the key may be any 32 bits, so pre-encoded frames use the
zero key: valid on the wire, the server unmasks as ever (its cost is the same), and the generator saves its XOR.
The unpredictable keys that the RFC asks of browsers guard proxies against scripts; here there is neither.
"""

from __future__ import annotations

import base64
import hashlib
import os
import select
import socket
import struct
import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ZERO_KEY = bytes(4)
MAX_HEAD_BYTES = 16 << 10
MAX_BACKLOG_BYTES = 4 << 20  # a peer that lets this much pile up has stopped reading


class WebSocketError(Exception):
    """The connection cannot go on: refused, cut off, or against the protocol."""


class HandshakeRefused(WebSocketError):
    """The server answered the handshake with something else than 101; `status` is its HTTP status, 0 = none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Message:
    """One data message; `first_ns` is when its first byte was read, `last_ns` when its last was."""

    opcode: int
    data: bytes
    first_ns: int
    last_ns: int


def frame_head(opcode: int, size: int, key: bytes = ZERO_KEY) -> bytes:
    """Return the header of a final, masked client frame with `size` payload bytes."""
    if size < 126:
        return struct.pack(">BB", 0x80 | opcode, 0x80 | size) + key
    if size < 1 << 16:
        return struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size) + key
    return struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size) + key


def encode_frame(opcode: int, payload: bytes, key: bytes = ZERO_KEY) -> bytes:
    """Return a whole client frame; the XOR runs over one big integer, which is quick up to some kilobytes."""
    if key != ZERO_KEY:
        size = len(payload)
        pad = (key * (size // 4 + 1))[:size]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
    return frame_head(opcode, len(payload), key) + payload


class WebSocket:
    """One open connection; sending never waits, receiving does. Not for several readers."""

    def __init__(self, sock: socket.socket, rest: bytes = b"", max_message: int = 1 << 20) -> None:
        self._sock, self._max = sock, max_message
        # gevent's socket would wait for room; the socket beneath it answers at once.
        self._send_now = getattr(sock, "_sock", sock).send
        self._backlog = bytearray()
        self._buffer, self._pos, self._read_ns = rest, 0, time.monotonic_ns()
        self._start_ns = self._read_ns
        self.close_code, self.close_reason, self.pings, self.closed = 0, "", 0, False

    @classmethod
    def connect(cls, url: str, timeout_s: float = 10.0, max_message: int = 1 << 20) -> WebSocket:
        """Open a ``ws://`` URL; raises HandshakeRefused or OSError (a time-out is one)."""
        parts = urlsplit(url)
        if parts.scheme != "ws" or not parts.hostname:
            raise HandshakeRefused(f"{url}: only ws://host:port/path is supported")
        family, address = _look_up(parts.hostname, parts.port or 80)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            rest = _handshake(sock, f"{parts.hostname}:{parts.port or 80}", target, time.monotonic() + timeout_s)
            sock.settimeout(None)
            return cls(sock, rest, max_message)
        except BaseException:
            sock.close()
            raise

    def try_send(self, wire: bytes) -> bool:
        """Hand a pre-encoded frame to the kernel without waiting; what it does not take now goes first next time.

        False means that the peer has stopped reading and the frame was dropped whole. Raises OSError when the
        connection is gone.
        """
        if self._backlog:
            self._drain()
        if self._backlog:
            if len(self._backlog) + len(wire) > MAX_BACKLOG_BYTES:
                return False
            self._backlog += wire
            return True
        try:
            sent = self._send_now(wire, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(wire):
            self._backlog += wire[sent:]
        return True

    @property
    def backlog_bytes(self) -> int:
        """How much was handed over but has not yet gone into the kernel."""
        return len(self._backlog)

    def _drain(self) -> None:
        try:
            del self._backlog[: self._send_now(self._backlog, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            return

    def send(self, opcode: int, payload: bytes, timeout_s: float = 5.0) -> None:
        """Send one message under a random mask key, waiting for room; raises TimeoutError when there is none."""
        self.try_send(encode_frame(opcode, payload, os.urandom(4)))
        deadline = time.monotonic() + timeout_s
        while self._backlog:
            if not select.select([], [self._sock], [], max(deadline - time.monotonic(), 0))[1]:
                raise TimeoutError(f"the peer took no data for {timeout_s:g} s")
            self._drain()

    def receive(self) -> Message | None:
        """Return the next data message, or None once the connection has closed; answers pings and the close.

        Control frames never count as data. Raises WebSocketError on a protocol violation, OSError when reset.
        """
        opcode, parts, first_ns = 0, [], 0
        while True:
            frame = self._frame()
            if frame is None:
                return None
            bits, data, start_ns = frame
            kind = bits & 0x0F
            if kind >= CLOSE:
                self._control(kind, data)
                continue
            if (kind == 0) != bool(opcode):
                raise WebSocketError("a fragment without a beginning, or a beginning inside a message")
            if kind:
                opcode, first_ns = kind, start_ns
            parts.append(data)
            if sum(map(len, parts)) > self._max:
                raise WebSocketError(f"a message above {self._max} bytes")
            if bits & 0x80:
                return Message(opcode, b"".join(parts) if len(parts) > 1 else data, first_ns, self._read_ns)

    def _frame(self) -> tuple[int, bytes, int] | None:
        if not self._need(2):
            return None
        bits, size = self._buffer[self._pos], self._buffer[self._pos + 1]
        if bits & 0x70 or size & 0x80:
            raise WebSocketError("reserved bits or a masked frame from the server")
        head = 2
        if size >= 126:
            head, code = (4, ">H") if size == 126 else (10, ">Q")
            if not self._need(head):
                return None
            (size,) = struct.unpack_from(code, self._buffer, self._pos + 2)
        if size > self._max:
            raise WebSocketError(f"a frame of {size} bytes; at most {self._max} are taken")
        if not self._need(head + size):
            return None
        begin, start_ns = self._pos + head, self._start_ns
        self._pos = begin + size
        self._start_ns = self._read_ns  # what follows came with the latest read
        return bits, self._buffer[begin : self._pos], start_ns

    def _need(self, count: int) -> bool:
        while len(self._buffer) - self._pos < count:
            try:
                chunk = self._sock.recv(1 << 16)
            except ConnectionResetError:
                if not self.close_code:
                    raise
                chunk = b""  # after its close frame a server may drop the connection without reading ours
            self._read_ns = time.monotonic_ns()
            if not chunk:
                self.closed = True
                return False
            if self._pos == len(self._buffer):
                self._buffer, self._pos, self._start_ns = chunk, 0, self._read_ns
            else:
                self._buffer, self._pos = self._buffer[self._pos :] + chunk, 0
        return True

    def _control(self, kind: int, data: bytes) -> None:
        if kind == PING:
            self.pings += 1
            self.try_send(encode_frame(PONG, data, os.urandom(4)))
        elif kind == CLOSE and not self.close_code:
            self.close_code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
            self.close_reason = data[2:].decode("utf-8", "replace")
            self.try_send(encode_frame(CLOSE, data[:2], os.urandom(4)))

    def close(self, code: int = 1000) -> None:
        """Say goodbye where the peer still listens, and close the socket; safe to call twice."""
        try:
            if not self.closed and not self.close_code:
                self.try_send(encode_frame(CLOSE, struct.pack(">H", code), os.urandom(4)))
        except OSError:
            self.closed = True  # the peer was gone already
        self.closed = True
        self._sock.close()


@cache
def _look_up(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, address


def _handshake(sock: socket.socket, host: str, target: str, deadline: float) -> bytes:
    key = base64.b64encode(os.urandom(16))
    sock.sendall(
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the handshake was not answered in time")
        sock.settimeout(left)
        chunk = sock.recv(4096)
        if not chunk or len(head) > MAX_HEAD_BYTES:
            raise HandshakeRefused("the server closed, or sent no end of its headers, during the handshake")
        head += chunk
    head, rest = head.split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    status = lines[0].split(b" ")[1:2]
    if status != [b"101"]:
        code = int(status[0]) if status and status[0].isdigit() else 0
        raise HandshakeRefused(f"handshake answered with {lines[0][:80].decode('latin-1')!r}", code)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    if headers.get(b"sec-websocket-accept") != accept:
        raise HandshakeRefused("the server's Sec-WebSocket-Accept does not fit the key", 101)
    return rest
