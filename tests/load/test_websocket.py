"""The WebSocket client looks at opcodes: what is not data never counts as data."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.load.websocket import (
    BINARY,
    CLOSE,
    GUID,
    MAX_BACKLOG_BYTES,
    PING,
    PONG,
    TEXT,
    HandshakeRefused,
    Message,
    WebSocket,
    WebSocketError,
    encode_frame,
)

CONTINUATION = 0


def server_frame(opcode: int, payload: bytes, final: bool = True) -> bytes:
    bits, size = (0x80 if final else 0) | opcode, len(payload)
    if size < 126:
        return struct.pack(">BB", bits, size) + payload
    return struct.pack(">BBH", bits, 126, size) + payload


def unmask(frame: bytes) -> tuple[int, bytes]:
    """Return opcode and payload of one client frame: the plain form, byte by byte."""
    size, head = frame[1] & 0x7F, 2
    assert frame[1] & 0x80, "a client frame must be masked"
    if size == 126:
        size, head = struct.unpack(">H", frame[2:4])[0], 4
    elif size == 127:
        size, head = struct.unpack(">Q", frame[2:10])[0], 10
    key, payload = frame[head : head + 4], frame[head + 4 :]
    assert len(payload) == size
    return frame[0] & 0x0F, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


@contextmanager
def pair(max_message: int = 1 << 20) -> Iterator[tuple[WebSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        client = WebSocket(ours, max_message=max_message)
        yield client, theirs
        client.close()


@given(st.binary(max_size=70_000), st.binary(min_size=4, max_size=4), st.sampled_from([TEXT, BINARY]))
def test_masking_is_undone_by_the_plain_form(payload: bytes, key: bytes, opcode: int) -> None:
    assert unmask(encode_frame(opcode, payload, key)) == (opcode, payload)


def test_ping_is_answered_and_is_no_data() -> None:
    with pair() as (client, server):
        server.sendall(server_frame(PING, b"hello") + server_frame(PONG, b"") + server_frame(BINARY, b"data"))
        message = client.receive()
        assert isinstance(message, Message) and message.data == b"data" and client.pings == 1
        assert unmask(server.recv(100)) == (PONG, b"hello")


def test_fragments_are_joined_around_control_frames() -> None:
    with pair() as (client, server):
        parts = [server_frame(TEXT, b"one ", final=False), server_frame(PING, b""),
                 server_frame(CONTINUATION, b"two ", final=False), server_frame(CONTINUATION, b"three")]  # fmt: skip
        server.sendall(b"".join(parts))
        message = client.receive()
        assert message and (message.opcode, message.data) == (TEXT, b"one two three")


def test_a_message_that_comes_in_pieces_counts_from_its_first_byte() -> None:
    with pair() as (client, server):
        wire = server_frame(BINARY, bytes(1000))
        server.sendall(server_frame(BINARY, b"x") + wire[:5])
        assert client.receive()
        cut = time.monotonic_ns()

        def finish() -> None:
            time.sleep(0.1)
            server.sendall(wire[5:])

        threading.Thread(target=finish).start()
        message = client.receive()
        assert message and message.first_ns < cut < message.last_ns


def test_close_is_told_and_answered() -> None:
    with pair() as (client, server):
        server.sendall(server_frame(CLOSE, struct.pack(">H", 1011) + "schluß".encode()))
        server.shutdown(socket.SHUT_WR)
        assert client.receive() is None
        assert (client.close_code, client.close_reason) == (1011, "schluß")
        assert unmask(server.recv(100)) == (CLOSE, struct.pack(">H", 1011))


@pytest.mark.parametrize(
    "wire", [server_frame(CONTINUATION, b"x"), b"\xc1\x00", encode_frame(BINARY, b"masked"),
             server_frame(BINARY, bytes(2000)),
             server_frame(BINARY, bytes(600), final=False) + server_frame(CONTINUATION, bytes(600))],
    ids=["no beginning", "reserved bit", "masked", "too long", "too long in pieces"],
)  # fmt: skip
def test_violations_are_refused(wire: bytes) -> None:
    with pair(max_message=1000) as (client, server):
        server.sendall(wire)
        with pytest.raises(WebSocketError):
            client.receive()


def test_sending_never_waits_and_keeps_the_order() -> None:
    with pair() as (client, server):
        frame, sent = encode_frame(BINARY, bytes(64_000)), 0
        while client.try_send(frame):
            sent += 1
        assert client.backlog_bytes <= MAX_BACKLOG_BYTES
        received = bytearray()
        while len(received) < sent * len(frame):
            received += server.recv(1 << 20)
            if client.backlog_bytes:
                client._drain()
        assert bytes(received) == frame * sent


def _serve_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        head = connection.recv(4096)
        key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        connection.sendall(answer.replace(b"@", accept))
        connection.recv(10)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"HTTP/1.1 503 Busy\r\n\r\n", 503), (b"HTTP/1.1 101 Hm\r\nSec-WebSocket-Accept: no\r\n\r\n", 101), (b"", 0)],
)
def test_refused_handshakes_carry_their_status(answer: bytes, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_once, args=(listener, answer or b"\r\n\r\n"))
        thread.start()
        with pytest.raises(HandshakeRefused) as refused:
            WebSocket.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=5)
        assert refused.value.status == status
        thread.join(10)


def test_a_server_that_never_answers_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimeoutError):
        WebSocket.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=0.2)


def test_only_ws_is_spoken() -> None:
    with pytest.raises(HandshakeRefused, match="only ws://"):
        WebSocket.connect("wss://localhost/")
