"""Turns over the real voice socket: speak, fall silent, and time the first audio of the reply."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.strategies.experiment import FigureSpec, Target, Work
from perflab.wire.frame import Flag, Frame, FrameType, decode_binary, decode_json64, encode_binary, encode_json64

CALLERS = 8
SPOKEN, FRAME_S = 25, 0.02  # half a second of speech in frames of 20 ms
SILENCE = bytes(640)
TURN_LIMIT_S = 20.0
WHOLE = FigureSpec("whole_ms", "time until the reply is whole", "ms", 0.05)


@dataclass
class Caller:
    """One session; `codec` is the value of the system's `frames` flag."""

    socket: Any
    codec: str
    seq: int = 0
    turn: int = 0

    async def send(self, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        """Send one frame."""
        self.seq += 1
        frame = Frame(kind, self.turn, self.seq, self.seq * 20, payload, flags)
        if self.codec == "json64":
            await self.socket.send_str(encode_json64(frame))
        else:
            await self.socket.send_bytes(encode_binary(frame))

    async def receive(self) -> Frame:
        """Return the next frame."""
        message = await self.socket.receive(TURN_LIMIT_S)
        return decode_json64(message.data) if self.codec == "json64" else decode_binary(message.data)

    async def start(self, session: int) -> None:
        """Start the session; raises ConnectionError when the gateway refuses it."""
        asked = {"op": "start", "session": session, "template": "assistant", "user": "a caller"}
        await self.send(FrameType.CONTROL, json.dumps(asked).encode())
        body = json.loads((await self.receive()).payload)
        if body.get("op") != "ready":
            raise ConnectionError(f"the session was refused: {body}")

    async def ask(self, speech: list[bytes]) -> tuple[float, float, bytes]:
        """Speak in real time, then be silent; return ms to the first audio and to the end, and the reply's digest."""
        self.turn += 1
        talking = asyncio.create_task(self._talk(speech))
        try:
            return await self._listen(talking, len(speech) * FRAME_S)
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)

    async def _talk(self, speech: list[bytes]) -> None:
        begin = time.perf_counter()
        number = 0
        while True:
            await asyncio.sleep(max(begin + number * FRAME_S - time.perf_counter(), 0))
            last = number == len(speech) - 1
            payload = speech[number] if number < len(speech) else SILENCE
            await self.send(FrameType.AUDIO, payload, Flag.END_OF_SPEECH if last else Flag.NONE)
            number += 1

    async def _listen(self, talking: asyncio.Task[None], spoken_s: float) -> tuple[float, float, bytes]:
        spoken_at = time.perf_counter() + spoken_s - FRAME_S  # when the last frame of speech is due
        first, told = 0.0, hashlib.sha256()
        while True:
            frame = await self.receive()
            if frame.type is FrameType.CONTROL:
                raise ConnectionError(f"the session ended in a turn: {frame.payload[:200]!r}")
            if frame.type is FrameType.AUDIO:
                first = first or time.perf_counter()
                told.update(frame.payload)
            if frame.flags & Flag.END_OF_TURN:
                return 1e3 * (first - spoken_at), 1e3 * (time.perf_counter() - spoken_at), told.digest()


def speech(rng: np.random.Generator) -> list[bytes]:
    """Return the frames of one utterance: a loud tone with a little noise, int16 at 16 kHz."""
    at = np.arange(SPOKEN * 320) / 16_000
    sound = 9_000 * np.sin(2 * np.pi * rng.uniform(120, 400) * at) + rng.normal(0, 300, at.size)
    pcm = sound.astype("<i2").tobytes()
    return [pcm[i : i + len(SILENCE)] for i in range(0, len(pcm), len(SILENCE))]


async def talk(target: Target) -> Work:
    """Let eight callers begin within half a second and hold one turn each; time counts from the end of speech."""
    utterances = [speech(target.rng) for _ in range(CALLERS)]
    starts = np.sort(target.rng.uniform(0, 0.5, CALLERS))

    async def one(number: int) -> tuple[float, float, bytes]:
        await asyncio.sleep(float(starts[number]))
        async with target.client.ws_connect(target.voice, max_msg_size=1 << 22) as socket:
            caller = Caller(socket, target.variant.flags["frames"])
            await caller.start(1000 * (target.block + 1) + number)
            return await caller.ask(utterances[number])

    told = await asyncio.gather(*(one(number) for number in range(CALLERS)))
    answers = hashlib.sha256(b"".join(digest for _, _, digest in told)).hexdigest()
    first, whole = np.array([t[0] for t in told]), np.array([t[1] for t in told])
    return Work(first, figures={WHOLE.column: float(np.median(whole))}, answers=answers)
