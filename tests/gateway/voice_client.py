"""A small voice client for tests: speaks the protocol over `websockets`, faster than real time where it may."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from perflab.wire.frame import (
    Flag,
    Frame,
    FrameType,
    decode_binary,
    decode_json64,
    encode_binary,
    encode_json64,
)
from perflab.wire.marks import NO_MARKS

FRAME_BYTES = 640
SILENCE = bytes(FRAME_BYTES)


def tone(frames: int, pitch_hz: float) -> bytes:
    """Return `frames` x 20 ms of a loud tone at 16 kHz."""
    samples = (int(12000 * math.sin(2 * math.pi * pitch_hz * i / 16000 + 0.1)) for i in range(frames * 320))
    return struct.pack(f"<{frames * 320}h", *samples)


@dataclass
class Answer:
    """What came back for one turn."""

    turn: int
    audio: bytes = b""
    text: str = ""
    marks: tuple[int, ...] = NO_MARKS
    interrupted: bool = False
    frames: int = 0


@dataclass
class VoiceClient:
    """One session; `codec` is the variant's `frames` flag."""

    socket: ClientConnection
    codec: str = "json64"
    frame_bytes: int = FRAME_BYTES
    seq: int = 0
    controls: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, kind: FrameType, turn: int, payload: bytes, flags: Flag = Flag.NONE) -> None:
        self.seq += 1
        frame = Frame(kind, turn, self.seq, self.seq * 20, payload, flags)
        await self.socket.send(encode_json64(frame) if self.codec == "json64" else encode_binary(frame))

    async def control(self, **body: Any) -> None:
        await self.send(FrameType.CONTROL, 0, json.dumps(body).encode())

    async def receive(self, timeout_s: float = 15.0) -> Frame:
        message = await asyncio.wait_for(self.socket.recv(), timeout_s)
        if self.codec == "json64":
            assert isinstance(message, str)
            return decode_json64(message)
        assert isinstance(message, bytes)
        return decode_binary(message)

    async def receive_control(self) -> dict[str, Any]:
        frame = await self.receive()
        assert frame.type is FrameType.CONTROL, frame
        return dict(json.loads(frame.payload))

    async def start(self, session: int, user: str = "Ada", template: str = "assistant", **more: Any) -> dict[str, Any]:
        """Start and return what the answer says beyond that the session is ready."""
        await self.control(op="start", session=session, template=template, user=user, **more)
        ready: dict[str, Any] = await self.receive_control()
        assert (ready.pop("op"), ready.pop("session")) == ("ready", session)
        assert bool(ready) == bool(more)
        return ready

    async def speak(self, turn: int, pcm: bytes, pace_s: float = 0.002) -> None:
        """Send an utterance; its last frame carries END_OF_SPEECH."""
        await self.send_frames(
            turn, [pcm[i : i + self.frame_bytes] for i in range(0, len(pcm), self.frame_bytes)], pace_s
        )

    async def send_frames(self, turn: int, frames: list[bytes], pace_s: float = 0.002) -> None:
        """Send an utterance given as frames or packets."""
        for number, payload in enumerate(frames):
            last = number == len(frames) - 1
            await self.send(FrameType.AUDIO, turn, payload, Flag.END_OF_SPEECH if last else Flag.NONE)
            await asyncio.sleep(pace_s)

    async def stay_silent(self, turn: int, pace_s: float = 0.01) -> None:
        """Keep the microphone open until cancelled."""
        while True:
            await self.send(FrameType.AUDIO, turn, bytes(self.frame_bytes))
            await asyncio.sleep(pace_s)

    async def listen(self, turn: int) -> Answer:
        """Collect a turn's reply up to its last frame."""
        answer = Answer(turn)
        while True:
            frame = await self.receive()
            if frame.type is FrameType.CONTROL:
                raise AssertionError(f"control frame in a reply: {frame.payload!r}")
            assert frame.turn == turn
            assert frame.flags & Flag.MARKS
            answer.frames += 1
            if frame.type is FrameType.AUDIO:
                answer.audio += frame.payload
            else:
                answer.text += frame.payload.decode()
            if frame.flags & Flag.END_OF_TURN:
                answer.marks = frame.marks
                answer.interrupted = bool(frame.flags & Flag.INTERRUPTED)
                return answer

    async def keep_talking(self, turn: int, pcm: bytes) -> None:
        """Speak at once, then be silent until cancelled: what a second task does while the first listens."""
        await self.speak(turn, pcm)
        await self.stay_silent(turn)

    async def ask(self, turn: int, pcm: bytes) -> Answer:
        """Speak, then be silent until the reply has ended."""
        await self.speak(turn, pcm)
        silence = asyncio.create_task(self.stay_silent(turn))
        try:
            return await self.listen(turn)
        finally:
            silence.cancel()
            await asyncio.gather(silence, return_exceptions=True)

    async def closed(self) -> int:
        """Read to the end and return the close code."""
        try:
            while True:
                self.controls.append(json.loads((await self.receive()).payload))
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 1006


def open_client(port: int, codec: str) -> Any:
    """Return the connection's context manager."""
    return connect(f"ws://127.0.0.1:{port}/voice", proxy=None, max_size=None, compression=None)
