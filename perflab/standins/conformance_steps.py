"""The twelve steps of the conformance script; each raises when the stand-in differs from the real service."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from perflab.standins.conformance import Bench, hear, need, say, speech
from perflab.standins.live.answer import canonical_json

SILENCE = bytes(640 * 20)  # 400 ms: ends a turn at the default of 300 ms


async def empty_response(session: Any, message: Any) -> list[str]:
    """Answer the tool calls of a message with nothing; return their ids."""
    calls = message.tool_call.function_calls if message.tool_call else []
    for call in calls:
        await session.send_tool_response(function_responses=[{"id": call.id, "name": call.name, "response": {}}])
    return [call.id for call in calls]


async def setup(bench: Bench) -> None:
    """The SDK connects and gets its session id."""
    async with bench.session("main", 101) as session:
        need(session.session_id == "session-101", f"session id is {session.session_id!r}")


async def audio_in(bench: Bench) -> None:
    """Audio up, end of turn by the service's own VAD, whatever the chunks; the transcript tells what was heard."""
    pcm = speech(40, 2)
    async with bench.session("main", 102) as session:
        await say(session, bytes(640 * 5) + pcm + SILENCE, chunk=640)
        turn = await hear(session)
    async with bench.session("main", 102) as session:
        await say(session, bytes(640 * 5) + pcm + SILENCE, chunk=3210)
        other = await hear(session)
    need(hashlib.sha256(pcm).hexdigest()[:8] in turn.heard and "0.80 s" in turn.heard, f"heard {turn.heard!r}")
    need(turn.heard == other.heard and turn.audio == other.audio, "another chunking gave another reply")


async def tool_call(bench: Bench) -> None:
    """A tool call on the second turn, its response enters the reply."""
    pcm = speech(30, 3)
    response = {"code": "x = 1", "tokens": 3, "nested": {"b": [1.5, None], "a": "é"}}
    async with bench.session("main", 103) as session:
        await say(session, pcm + SILENCE)
        await hear(session)
        await say(session, pcm + SILENCE)

        async def answer(message: Any) -> None:
            if message.tool_call:
                call = message.tool_call.function_calls[0]
                reply = {"id": call.id, "name": call.name, "response": response}
                await session.send_tool_response(function_responses=[reply])

        turn = await hear(session, answer)
    need(len(turn.calls) == 1 and turn.calls[0].name == "generate_code", f"calls {turn.calls}")
    need(set(turn.calls[0].args) == {"prompt", "language"}, f"arguments {turn.calls[0].args}")
    canonical = canonical_json([{"name": "generate_code", "response": response}])
    digest = hashlib.sha256(hashlib.sha256(pcm).digest() + canonical).digest()
    need(turn.audio == bench.expected(digest), "the reply does not depend on the tool response as specified")


async def audio_out(bench: Bench) -> None:
    """The reply's audio, byte for byte, with the digest of what was heard in its first bytes."""
    pcm = speech(35, 4)
    async with bench.session("main", 104) as session:
        await say(session, pcm + SILENCE)
        turn = await hear(session)
    digest = hashlib.sha256(pcm).digest()
    need(turn.audio[:32] == digest, "the reply does not begin with the digest")
    need(turn.audio == bench.expected(digest), f"{len(turn.audio)} bytes differ from the expected reply")


async def transcription(bench: Bench) -> None:
    """The reply's transcript holds the digest's first 16 hex digits."""
    pcm = speech(25, 5)
    async with bench.session("main", 105) as session:
        await say(session, pcm + SILENCE)
        turn = await hear(session)
    need(hashlib.sha256(pcm).hexdigest()[:16] in turn.said, f"said {turn.said!r}")


async def turn_complete(bench: Bench) -> None:
    """generationComplete, turnComplete and usage close a turn; a text turn works as well."""
    async with bench.session("main", 106) as session:
        await say(session, speech(50, 6) + SILENCE)
        turn = await hear(session)
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "again"}]}, turn_complete=True)

        async def answer(message: Any) -> None:
            await empty_response(session, message)

        text = await hear(session, answer)
    need(turn.generation_complete and turn.complete and not turn.interrupted, "the turn did not end as it should")
    need(turn.usage > 25, f"usage {turn.usage} tokens for 1 s of speech")
    need(text.complete and len(text.audio) > 30_000, "a text turn got no reply")


async def barge_in(bench: Bench) -> None:
    """Speech during a reply cuts it: interrupted, turnComplete, then the new turn's reply."""
    first, second = speech(30, 7), speech(30, 8)
    async with bench.session("slow", 107) as session:
        await say(session, first + SILENCE)
        talking = False

        async def interrupt(message: Any) -> None:
            nonlocal talking
            if message.data and not talking:
                talking = True
                await say(session, second)

        turn = await hear(session, interrupt)
        await say(session, SILENCE)
        after = await hear(session)
    need(turn.interrupted and turn.complete and not turn.generation_complete, "the reply was not interrupted")
    need(len(turn.audio) < len(bench.expected(hashlib.sha256(first).digest())), "the whole reply came all the same")
    need(after.audio == bench.expected(hashlib.sha256(second).digest()), "the turn after the barge-in is wrong")


async def go_away(bench: Bench) -> None:
    """goAway with the time left comes before the connection is closed."""
    from google.genai import errors

    async with bench.session("leaving", 108) as session:
        left = ""
        try:
            while True:
                async for message in session.receive():
                    left = message.go_away.time_left if message.go_away else left
        except errors.APIError as error:
            need(error.code == 1011, f"closed with {error.code}")
    need(left == "0.2s", f"time left {left!r}")


async def resumption(bench: Bench) -> None:
    """A new connection with the handle goes on in the middle of an utterance: turns and hash continue."""
    first, second = speech(30, 9), speech(41, 10)
    async with bench.session("main", 109, session_resumption={}) as session:
        await say(session, first + SILENCE)
        turn = await hear(session)
        async for message in session.receive():
            turn.take(message)
            if turn.handle:
                break
        await say(session, second[:10_001], chunk=1000)
    need(turn.handle != "", "no resumption handle was offered")
    async with bench.session("main", 109, session_resumption={"handle": turn.handle}) as session:
        await say(session, second[10_001:] + SILENCE)
        calls: list[Any] = []

        async def answer(message: Any) -> None:
            calls.extend(await empty_response(session, message))

        after = await hear(session, answer)
    need(calls == ["call-109-2"], f"the turn count did not go on: calls {calls}")
    need(hashlib.sha256(second).hexdigest()[:8] in after.heard, f"the hash did not go on: heard {after.heard!r}")


async def sse(bench: Bench) -> None:
    """generateContent whole and as server-sent events: the same text, in several chunks."""
    client = bench.client("main")
    whole = await client.aio.models.generate_content(model="stand-in", contents="Say something.")
    stream = await client.aio.models.generate_content_stream(model="stand-in", contents="Say something.")
    chunks = [chunk.text async for chunk in stream]
    await client.aio.aclose()
    need(len(chunks) >= 3 and "".join(chunks) == whole.text, f"{chunks} against {whole.text!r}")


async def overload(bench: Bench) -> None:
    """429 and 503: on the WebSocket handshake and on REST, there with RetryInfo."""
    from google.genai import errors
    from websockets.exceptions import InvalidStatus

    for server, code in (("refusing", 429), ("busy", 503)):
        try:
            async with bench.session(server, 111):
                need(False, f"the handshake was accepted, not refused with {code}")
        except InvalidStatus as error:
            need(error.response.status_code == code, f"handshake refused with {error.response.status_code}")
        client = bench.client(server)
        try:
            await client.aio.models.generate_content(model="stand-in", contents="hello")
            need(False, f"REST answered, not refused with {code}")
        except errors.APIError as error:
            need(error.code == code, f"REST refused with {error.code}")
            need("RetryInfo" in str(error.details), f"no RetryInfo in {error.details}")
        await client.aio.aclose()


async def closes(bench: Bench) -> None:
    """Closes 1007 (malformed), 1008 (bad key, unknown handle) and 1011 (internal error)."""

    async def malformed() -> None:
        async with bench.session("main", 112) as session:
            await session._ws.send('{"realtime_input": {"audio": ')
            await hear(session)

    async def internal() -> None:
        async with bench.session("failing", 112) as session:
            await say(session, speech(20, 12) + SILENCE)
            await hear(session)

    async def connect(**config: Any) -> None:
        async with bench.session("main", 112, **config) as session:
            await hear(session)

    await _closed_with(1007, malformed())
    await _closed_with(1008, connect(key="bad-key"))
    await _closed_with(1008, connect(session_resumption={"handle": "no-such-handle"}))
    await _closed_with(1011, internal())


async def _closed_with(code: int, attempt: Awaitable[None]) -> None:
    from google.genai import errors

    try:
        await asyncio.wait_for(attempt, 5.0)
    except errors.APIError as error:
        need(error.code == code, f"closed with {error.code} {error.message}; must be {code}")
        return
    need(False, f"not closed with {code}")


STEPS: tuple[tuple[str, Callable[[Bench], Awaitable[None]]], ...] = (
    ("setup and session id", setup),
    ("audio in, VAD, input transcription, any chunking", audio_in),
    ("tool call and response", tool_call),
    ("audio out, byte-exact", audio_out),
    ("output transcription", transcription),
    ("generationComplete, turnComplete, usage, text turn", turn_complete),
    ("barge-in: interrupted, then the new turn", barge_in),
    ("goAway before the close", go_away),
    ("resumption handle and a real reconnect", resumption),
    ("REST whole and as server-sent events", sse),
    ("429 and 503: handshake and REST", overload),
    ("closes 1007, 1008, 1011", closes),
)
