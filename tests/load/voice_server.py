"""A stand-in for the gateway in tests of the voice users: speaks perflab.wire, in either form, to the letter.

Its reply is derived from the PCM of the turn (END_OF_SPEECH ends it), so garbled audio changes the answer. Prints its
port. Run: voice_server.py json64|binary [--reply-ms N] [--refuse] [--cut-off TURN] [--wrong-turn] [--silent]
[--ready-s S] [--turn-away STATUS] [--close CODE].
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
import time

import websockets

from perflab.wire.frame import Flag, Frame, FrameType, decode_binary, decode_json64, encode_binary, encode_json64

parser = argparse.ArgumentParser()
parser.add_argument("form")
parser.add_argument("--reply-ms", type=int, default=100)
parser.add_argument("--refuse", action="store_true")
parser.add_argument("--cut-off", type=int, default=0)
parser.add_argument("--wrong-turn", action="store_true")
parser.add_argument("--silent", action="store_true")
parser.add_argument("--ready-s", type=float, default=0.0)
parser.add_argument("--turn-away", type=int, default=0)
parser.add_argument("--close", type=int, default=0)
options = parser.parse_args()
BINARY = options.form == "binary"
SILENCE = bytes(640)


class Session:
    def __init__(self, socket: websockets.ServerConnection) -> None:
        self.socket, self.seq, self.heard = socket, 0, hashlib.sha256()
        self.replying: tuple[int, asyncio.Task[None]] | None = None
        self.last_seq = 0

    async def send(self, kind: FrameType, turn: int, payload: bytes, flags: Flag = Flag.NONE) -> None:
        self.seq += 1
        frame = Frame(kind, turn, self.seq, 0, payload, flags | Flag.MARKS, (time.monotonic_ns(),) * 8)
        await self.socket.send(encode_binary(frame) if BINARY else encode_json64(frame))

    async def control(self, **body: object) -> None:
        await self.send(FrameType.CONTROL, 0, json.dumps(body).encode())

    async def audio(self, frame: Frame) -> None:
        assert len(frame.payload) == 640 and frame.seq > self.last_seq
        self.last_seq = frame.seq
        if frame.payload == SILENCE:
            return
        if self.replying and frame.turn > self.replying[0]:
            turn, task = self.replying
            self.replying = None
            task.cancel()
            await self.send(FrameType.TEXT, turn, b"", Flag.INTERRUPTED | Flag.END_OF_TURN)
        self.heard.update(frame.payload)
        if frame.flags & Flag.END_OF_SPEECH:
            if frame.turn == options.cut_off:
                await self.socket.close(1011, "cut off")
            digest, self.heard = self.heard.digest(), hashlib.sha256()
            turn = frame.turn + 7 if options.wrong_turn else frame.turn
            self.replying = (frame.turn, asyncio.create_task(self.reply(turn, digest)))

    async def reply(self, turn: int, digest: bytes) -> None:
        if options.silent:
            return
        await self.socket.ping()
        await self.send(FrameType.TEXT, turn, digest.hex()[:16].encode())
        for _ in range(5):
            await asyncio.sleep(options.reply_ms / 5000)
            await self.send(FrameType.AUDIO, turn, digest * 30)
        self.replying = None
        await self.send(FrameType.AUDIO, turn, digest, Flag.END_OF_TURN)


async def serve(socket: websockets.ServerConnection) -> None:
    session = Session(socket)
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in socket:
            frame = decode_binary(message) if BINARY else decode_json64(message)  # type: ignore[arg-type]
            if frame.type is FrameType.AUDIO:
                await session.audio(frame)
                continue
            body = json.loads(frame.payload)
            if options.close:
                await socket.close(options.close)
            elif options.refuse:
                await session.control(op="error", message="no room")
                await socket.close(1011)
            elif body["op"] == "start":
                await asyncio.sleep(options.ready_s)
                await session.control(op="ready", session=body["session"])
            else:
                await session.control(op="bye")
                await socket.close(1000)


def at_the_door(connection: websockets.ServerConnection, request: websockets.Request) -> websockets.Response | None:
    return connection.respond(options.turn_away, "try again later") if options.turn_away else None


async def main() -> None:
    async with websockets.serve(serve, "127.0.0.1", 0, ping_interval=None, process_request=at_the_door) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
