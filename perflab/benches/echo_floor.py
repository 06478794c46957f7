"""What the frames alone cost on this machine: a server that does nothing but send every frame back.

The optimum beside the contenders: no gateway that receives and sends each frame can cost less than the same native
WebSocket stack without any work. It also tells how fast the machine is: shares of a core measured on two machines
compare only as multiples of it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

SESSIONS, FRAMES_PER_S, FRAME_BYTES = 100, 50, 652  # 20 ms of PCM and its header
SETTLE_S, WINDOW_S = 2.0, 6.0


@dataclass(frozen=True)
class EchoFloor:
    """CPU of the echo server, over the whole window, as a share of a core and per frame."""

    cpu_percent: float
    us_per_frame: float
    frames_per_s: float


def echo_floor(server_core: int, client_core: int) -> EchoFloor:
    """Measure it: 100 connections at 50 frames/s, server and client on a core each. Takes about 10 s."""
    context = multiprocessing.get_context("spawn")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(SESSIONS)
        server = context.Process(target=_serve, args=(bound, server_core), daemon=True)
        client = context.Pool(1, initializer=os.sched_setaffinity, initargs=(0, {client_core}))
        server.start()
        try:
            return client.apply(_drive, (bound.getsockname()[1], server.pid))
        finally:
            _end(server)
            client.terminate()


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(5)


def _serve(bound: socket.socket, core: int) -> None:
    import uvloop
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

    os.sched_setaffinity(0, {core})

    class Echo(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type is WSMsgType.BINARY:
                transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())

    def listener(_: WSUpgradeRequest) -> WSListener:
        return Echo()

    async def main() -> None:
        server = await ws_create_server(listener, sock=bound)
        await server.serve_forever()

    uvloop.run(main())


def _drive(port: int, server_pid: int | None) -> EchoFloor:
    import uvloop

    return uvloop.run(_paced(port, server_pid or 0))


async def _paced(port: int, server_pid: int) -> EchoFloor:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    heard = 0

    class Ears(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            nonlocal heard
            heard += 1

    payload = bytes(FRAME_BYTES)
    sockets = [(await ws_connect(Ears, f"ws://127.0.0.1:{port}/"))[0] for _ in range(SESSIONS)]
    began, sent, cpu, at, before = time.perf_counter(), 0, 0.0, 0.0, 0
    step = 1 / (SESSIONS * FRAMES_PER_S)
    while (now := time.perf_counter() - began) < SETTLE_S + WINDOW_S:
        if not at and now >= SETTLE_S:
            cpu, at, before = _cpu_s(server_pid), now, heard
        while sent * step <= now:
            sockets[sent % SESSIONS].send(WSMsgType.BINARY, payload)
            sent += 1
        await asyncio.sleep(0.001)
    used, seconds, frames = _cpu_s(server_pid) - cpu, now - at, heard - before
    return EchoFloor(100 * used / seconds, 1e6 * used / max(frames, 1), frames / seconds)


def _cpu_s(pid: int) -> float:
    from perflab.instrument import proc

    return proc.cpu_seconds(pid)
