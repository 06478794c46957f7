"""Calls of one turn over the real voice socket that come when they are due, whatever became of those before."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np

from perflab.experiments.strategies.experiment import Target
from perflab.experiments.strategies.payloads.voice_turns import FRAME_S, SILENCE, speech
from perflab.wire.frame import Flag, Frame, FrameType, decode_binary, decode_json64, encode_binary, encode_json64
from perflab.wire.refusal import is_refusal

FIRST_WORD_S = 0.3  # after a call was due: who is let in later speaks later, and the wait counts that
PATIENCE_S = 4.0  # from when the speech should have ended: who is not answered to the end by then hangs up
FAREWELL_S = 0.5  # a system that is too busy to say goodbye holds nobody longer
UTTERANCES = 8
LAST_SESSION = 900_000_000  # the stand-ins read numbers of nine digits
Outcome = Literal["answered", "refused", "given up", "broken"]


class CallRefused(Exception):
    """The system said that it takes no more calls."""


@dataclass
class Heard:
    """What became of calls: ms from the due end of the speech to the first audio of those answered, others counted.

    `late_ms` of calls and frames: how long after they were due they left, for no other reason than the client.
    """

    answered_ms: list[float] = field(default_factory=list)
    refused: int = 0
    given_up: int = 0
    broken: int = 0
    late_ms: list[float] = field(default_factory=list)

    def count(self, outcome: Outcome, wait_ms: float = float("nan")) -> None:
        """Count one call."""
        if outcome == "answered":
            self.answered_ms.append(wait_ms)
        else:
            name = outcome.replace(" ", "_")
            setattr(self, name, getattr(self, name) + 1)

    @property
    def failed(self) -> int:
        """How many were let in, or tried to be, and were not answered."""
        return self.given_up + self.broken

    @property
    def asked(self) -> int:
        """How many calls there were."""
        return len(self.answered_ms) + self.refused + self.failed

    def in_time(self, limit_ms: float) -> int:
        """Return how many were answered within the limit."""
        return sum(wait <= limit_ms for wait in self.answered_ms)


@dataclass(frozen=True)
class Script:
    """What every call sends, encoded once: 50 frames a second of a hundred calls leave a client little time."""

    words: tuple[tuple[bytes, ...], ...]
    silence: tuple[bytes, ...]
    binary: bool


def script_of(rng: np.random.Generator, codec: str) -> Script:
    """Return the frames of some utterances and of the silence after them, for a value of the `frames` flag."""
    spoken = [speech(rng) for _ in range(UTTERANCES)]
    words = tuple(
        tuple(
            _wire(codec, number + 2, pcm, Flag.END_OF_SPEECH if number == len(one) - 1 else Flag.NONE)
            for number, pcm in enumerate(one)
        )
        for one in spoken
    )
    until_all_hung_up = round((2 * PATIENCE_S + 4) / FRAME_S)
    return Script(words, _silence(codec, len(spoken[0]), until_all_hung_up), codec != "json64")


@cache
def _silence(codec: str, after: int, frames: int) -> tuple[bytes, ...]:
    return tuple(_wire(codec, after + 2 + number, SILENCE, Flag.NONE) for number in range(frames))


def _wire(codec: str, seq: int, pcm: bytes, flags: Flag) -> bytes:
    frame = Frame(FrameType.AUDIO, 1, seq, seq * 20, pcm, flags)
    return encode_json64(frame).encode() if codec == "json64" else encode_binary(frame)


async def call(target: Target, script: Script, number: int, session: int, due: float, heard: Heard) -> None:
    """Hold a call that was due at `due` (s of perf_counter) and count what became of it."""
    import aiohttp

    words = script.words[number % len(script.words)]
    told = due + FIRST_WORD_S + len(words) * FRAME_S
    outcome: Outcome = "broken"
    first = float("nan")
    try:
        async with asyncio.timeout(max(told + PATIENCE_S - time.perf_counter(), 0)):
            farewell = aiohttp.ClientWSTimeout(ws_close=FAREWELL_S)
            async with target.client.ws_connect(target.voice, max_msg_size=1 << 22, timeout=farewell) as socket:
                await _start(socket, script, session)
                first = await _turn(socket, script, words, due + FIRST_WORD_S, heard)
                outcome = "answered"  # whatever becomes of the goodbye
    except CallRefused:
        outcome = "refused"
    except aiohttp.WSServerHandshakeError as error:
        outcome = "refused" if is_refusal(status=error.status) else "broken"
    except TimeoutError:
        outcome = "answered" if outcome == "answered" else "given up"
    except (OSError, ValueError, aiohttp.ClientError):  # cut off, or what is no frame: an end of the call, not of ours
        pass
    heard.count(outcome, 1000 * (first - told))


async def _start(socket: Any, script: Script, session: int) -> None:
    asked = {"op": "start", "session": session, "template": "assistant", "user": "a caller"}
    frame = Frame(FrameType.CONTROL, 0, 1, 20, json.dumps(asked).encode())
    await (socket.send_bytes(encode_binary(frame)) if script.binary else socket.send_str(encode_json64(frame)))
    answer = await _frame(socket, script)
    if answer is None:
        raise CallRefused if is_refusal(close_code=socket.close_code or 0) else ConnectionError
    body = json.loads(answer.payload)
    if body.get("op") != "ready":
        raise CallRefused if is_refusal(message=str(body.get("message"))) else ConnectionError


async def _turn(socket: Any, script: Script, words: tuple[bytes, ...], first_word: float, heard: Heard) -> float:
    """Speak, be silent, and return when the first audio came."""
    talking = asyncio.create_task(_talk(socket, script, words, first_word, heard))
    try:
        first = 0.0
        while (frame := await _frame(socket, script)) is not None:
            if frame.type is FrameType.AUDIO and not first:
                first = time.perf_counter()
            if frame.flags & Flag.END_OF_TURN and first:
                return first
        raise ConnectionError("the call was cut off")
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def _talk(socket: Any, script: Script, words: tuple[bytes, ...], first_word: float, heard: Heard) -> None:
    from aiohttp import WSMsgType

    kind = WSMsgType.BINARY if script.binary else WSMsgType.TEXT
    free = time.perf_counter()
    begin = max(first_word, free)
    for number, wire in enumerate((*words, *script.silence)):
        due = begin + number * FRAME_S
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        heard.late_ms.append(1000 * (time.perf_counter() - max(due, free)))
        await socket.send_frame(wire, kind)
        free = time.perf_counter()  # a system that does not read holds the client up: that is no lateness of its own


async def _frame(socket: Any, script: Script) -> Frame | None:
    """Return the next frame, None when there will be none."""
    data = (await socket.receive()).data
    if isinstance(data, bytes):
        return decode_binary(data)
    return decode_json64(data) if isinstance(data, str) and not script.binary else None


async def hold_calls(target: Target, times: np.ndarray) -> Heard:
    """Hold a call at each of `times` (s from now, rising) and return what became of them all.

    Every call is a session of its own: the third turn of one would have a tool called, which is another matter.
    """
    first_session = int(target.rng.integers(1_000, LAST_SESSION))
    heard, script = Heard(), script_of(target.rng, target.variant.flags["frames"])
    start = time.perf_counter() + 0.01
    tasks = []
    for number, at in enumerate(times):
        due = start + float(at)
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        heard.late_ms.append(1000 * (time.perf_counter() - due))
        tasks.append(asyncio.create_task(call(target, script, number, first_session + number, due, heard)))
    for failure in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(failure, BaseException):
            raise failure
    return heard
