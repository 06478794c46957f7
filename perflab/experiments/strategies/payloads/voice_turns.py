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
LONG_S = 2.0  # of a block: in one that long each caller holds three turns, of one to two seconds each
Told = tuple[float, float, bytes]  # ms to the first audio, ms to the end, digest of the reply
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
        """Return the next frame; raises ConnectionError when there will be none."""
        message = await self.socket.receive(TURN_LIMIT_S)
        data, whole = message.data, str if self.codec == "json64" else bytes
        if not isinstance(data, whole):
            raise ConnectionError(f"the socket was closed, or sent what is no frame: {data!r:.200}")
        return decode_json64(data) if isinstance(data, str) else decode_binary(data)

    async def start(self, session: int) -> None:
        """Start the session; raises ConnectionError when the gateway refuses it."""
        asked = {"op": "start", "session": session, "template": "assistant", "user": "a caller"}
        await self.send(FrameType.CONTROL, json.dumps(asked).encode())
        body = json.loads((await self.receive()).payload)
        if body.get("op") != "ready":
            raise ConnectionError(f"the session was refused: {body}")

    async def ask(self, speech: list[bytes]) -> Told:
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

    async def _listen(self, talking: asyncio.Task[None], spoken_s: float) -> Told:
        spoken_at = time.perf_counter() + spoken_s - FRAME_S  # when the last frame of speech is due
        first: float | None = None
        told = hashlib.sha256()
        while True:
            frame = await self.receive()
            if frame.type is FrameType.CONTROL:
                raise ConnectionError(f"the session ended in a turn: {frame.payload[:200]!r}")
            if frame.type is FrameType.AUDIO:
                first = time.perf_counter() if first is None else first
                told.update(frame.payload)
            if frame.flags & Flag.END_OF_TURN:
                if first is None:
                    raise ConnectionError("a turn ended without audio")
                return 1e3 * (first - spoken_at), 1e3 * (time.perf_counter() - spoken_at), told.digest()


def speech(rng: np.random.Generator) -> list[bytes]:
    """Return the frames of one utterance: a loud tone with a little noise, int16 at 16 kHz."""
    at = np.arange(SPOKEN * 320) / 16_000
    sound = 9_000 * np.sin(2 * np.pi * rng.uniform(120, 400) * at) + rng.normal(0, 300, at.size)
    pcm = sound.astype("<i2").tobytes()
    return [pcm[i : i + len(SILENCE)] for i in range(0, len(pcm), len(SILENCE))]


def turns_in(seconds: float) -> int:
    """Return how many turns each caller holds: three where a block is long enough to ask for its p95, else one."""
    return 3 if seconds >= LONG_S else 1


async def talk(target: Target) -> Work:
    """Let eight callers begin within half a second and hold turns one after another; time counts from end of speech.

    Each turn is a call of its own: the third of a session would have a tool called, which is another matter. One that
    is refused, ends early or brings no audio has failed.
    """
    turns = turns_in(target.seconds)
    utterances = [[speech(target.rng) for _ in range(turns)] for _ in range(CALLERS)]
    starts = np.sort(target.rng.uniform(0, 0.5, CALLERS))

    async def one(number: int) -> list[Told | None]:
        await asyncio.sleep(float(starts[number]))
        session = 1000 * (target.block + 1) + number
        return [await call(target, session + CALLERS * i, spoken) for i, spoken in enumerate(utterances[number])]

    came = [turn for mine in await asyncio.gather(*(one(number) for number in range(CALLERS))) for turn in mine]
    told = [turn for turn in came if turn is not None]
    failed = len(came) - len(told)
    answers = "" if failed else hashlib.sha256(b"".join(digest for _, _, digest in told)).hexdigest()
    whole = float(np.median([turn[1] for turn in told])) if told else float("nan")
    return Work(np.array([turn[0] for turn in told]), failed=failed, figures={WHOLE.column: whole}, answers=answers)


async def call(target: Target, session: int, spoken: list[bytes]) -> Told | None:
    """Open a socket, hold one turn and return what came; None for one that failed."""
    import aiohttp

    try:
        async with target.client.ws_connect(target.voice, max_msg_size=1 << 22) as socket:
            caller = Caller(socket, target.variant.flags["frames"])
            await caller.start(session)
            return await caller.ask(spoken)
    except (OSError, TimeoutError, aiohttp.ClientError):
        return None
