"""The Live stand-in as a process: files, log, limits, faults of the connection, its end. Driven by `websockets`."""

import asyncio
import base64
import json
import os
import signal
import socket
import stat
import time

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from perflab.standins.conformance import speech
from perflab.standins.live.__main__ import main

from .virtual import outcome, read_rows

KEY = {"x-goog-api-key": "k"}
SETUP = {"setup": {"model": "models/m", "systemInstruction": {"parts": [{"text": "session:77"}]}}}


def audio(pcm: bytes) -> str:
    return json.dumps({"realtimeInput": {"audio": {"data": base64.b64encode(pcm).decode(), "mimeType": "audio/pcm"}}})


async def open_session(live, setup=SETUP, path: str = "", **options):
    socket_ = await connect(path or live.websocket, ssl=live.tls(), additional_headers=KEY, **options)
    await socket_.send(json.dumps(setup))
    assert "setupComplete" in json.loads(await socket_.recv())
    return socket_


async def until(socket_, wanted: str) -> list[dict]:
    seen = []
    while not seen or wanted not in json.dumps(seen[-1]):
        message = await asyncio.wait_for(socket_.recv(), 10)
        assert isinstance(message, bytes)  # the real service answers in binary frames
        seen.append(json.loads(message))
    return seen


async def stats(live) -> dict:
    async with aiohttp.ClientSession() as http, http.get(live.url + "/stats", ssl=live.tls()) as answer:
        return await answer.json()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_certificates_log_and_end(live):
    process = live()
    assert stat.S_IMODE((process.folder / "server-key.pem").stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in (process.folder / "ca.pem").read_bytes()

    async def drive():
        async with await open_session(process) as session:
            for _ in range(2):
                await session.send(audio(speech(20, 1) + bytes(640 * 20)))
                await until(session, "turnComplete")
        assert (await stats(process))["counts"]["turns_ok"] == 2

    run(drive())
    time.sleep(1.0)  # the log is flushed at least every second
    rows = read_rows(process.folder / "live.rows")
    assert [(row["user"], row["seq"], outcome(row)) for row in rows] == [(77, 1, "ok"), (77, 2, "ok")]
    assert all(
        0 < row["mark0_ns"] <= row["mark1_ns"] <= row["mark2_ns"] <= row["mark5_ns"] < row["mark6_ns"] for row in rows
    )
    assert (process.folder / "live.rows.names").read_text().splitlines()[0] == "live"


def test_sigterm_in_the_middle_of_a_reply_ends_it_within_a_second_and_keeps_its_row(live):
    process = live("--pace", "0.5")

    async def drive():
        session = await open_session(process)
        await session.send(audio(speech(20, 1) + bytes(640 * 20)))
        await until(session, "inlineData")
        began = time.monotonic()
        process.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.process.wait, 5) == 0
        assert time.monotonic() - began < 1.0

    run(drive())
    assert [outcome(row) for row in read_rows(process.folder / "live.rows")] == ["unfinished"]


def test_paths_keys_and_frame_types(shared_live):
    process = shared_live

    async def drive():
        vertex = (
            process.url.replace("https", "wss")
            + "//ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
        )
        for path in (vertex, process.websocket.replace("v1.", "v1alpha.") + "Constrained?key=abc", process.websocket):
            async with await open_session(process, path=path) as session:
                await session.send(audio(speech(20, 1)).encode())  # a binary frame
                await session.send([audio(bytes(640 * 20))[:100], audio(bytes(640 * 20))[100:]])  # fragments
                await until(session, "turnComplete")

    run(drive())


def test_manual_activity_and_the_end_of_the_stream(shared_live):
    process = shared_live
    manual = {"setup": {**SETUP["setup"], "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}}

    async def drive():
        async with await open_session(process, manual) as session:
            for message in ({"activityStart": {}}, None, {"activityEnd": {}}):
                body = audio(speech(20, 1)) if message is None else json.dumps({"realtimeInput": message})
                await session.send(body)
            await until(session, "turnComplete")
        async with await open_session(process) as session:
            await session.send(audio(speech(20, 1)))
            await session.send(json.dumps({"realtimeInput": {"audioStreamEnd": True}}))
            await until(session, "turnComplete")

    run(drive())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", 1007),
        (json.dumps(SETUP), 1007),
        (json.dumps({"unknown": {}}), 1007),
        (json.dumps({"realtimeInput": {"audio": {"data": "A", "mimeType": "audio/pcm"}}}), 1007),
        (json.dumps({"clientContent": {"turns": 5}}), 1007),
        ("x" * (1 << 20) + "x", 1009),
        (["x" * 600_000, "x" * 600_000, "x"], 1009),
    ],
    ids=["no JSON", "second setup", "unknown", "base64", "turns", "long message", "long fragments"],
)
def test_what_a_client_must_not_send_closes_its_connection_alone(shared_live, message, code):
    async def drive():
        bystander = await open_session(shared_live)
        session = await open_session(shared_live)
        with pytest.raises(ConnectionClosed) as closed:
            await session.send(message)
            await until(session, "turnComplete")
        assert closed.value.rcvd.code == code
        await bystander.send(audio(speech(20, 1) + bytes(640 * 20)))
        await until(bystander, "turnComplete")
        await bystander.close()

    run(drive())


def test_a_client_that_never_reads_costs_little_and_is_cut(live):
    process = live("--pace", "1000", "--tool-every", "0")

    def rss() -> int:
        return int(open(f"/proc/{process.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def drive():
        async with await open_session(process) as warm:
            await warm.send(audio(speech(20, 1) + bytes(640 * 20)))
            await until(warm, "turnComplete")
        session = await open_session(process, max_queue=1)
        before = rss()
        turn = json.dumps({"clientContent": {"turns": [{"parts": [{"text": "again"}]}], "turnComplete": True}})
        with pytest.raises(ConnectionClosed):
            for _ in range(60_000):
                await session.send(turn)
                await asyncio.sleep(0)
        assert rss() - before < 40e6
        assert (await stats(process))["counts"]["clients_cut"] == 1

    run(drive())


def test_garbage_before_tls_and_before_http_harms_nobody(shared_live):
    process = shared_live
    host, port = process.url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port))) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.settimeout(5)
        assert b"HTTP" not in plain.recv(100)
    with process.tls().wrap_socket(socket.create_connection((host, int(port))), server_hostname=host) as tls:
        tls.settimeout(5)
        tls.sendall(b"A" * 10_000)
        try:
            assert tls.recv(100) == b""
        except TimeoutError:
            pytest.fail("a request line without an end is held")
        except OSError:
            pass  # a reset
    run(stats(process))


def test_scheduled_faults_reach_open_connections_and_are_counted(live):
    process = live("--faults", "goaway@1.5:0.2,slow_pong%1:300")

    async def drive():
        async with await open_session(process, ping_interval=None) as session:
            began = time.monotonic()
            await (await session.ping())
            assert time.monotonic() - began > 0.29
            seen = await until(session, "goAway")
            assert seen[-1]["goAway"] == {"timeLeft": "0.2s"}
            with pytest.raises(ConnectionClosed) as closed:
                await until(session, "never")
            assert closed.value.rcvd.code == 1011
        assert (await stats(process))["faults"] == {"goaway": 1, "slow_pong": 1}

    run(drive())


def test_refused_handshakes_and_resumptions(live):
    process = live("--faults", "resume_refused%1,handshake_403@0+0.001")
    resuming = {"setup": {**SETUP["setup"], "sessionResumption": {}}}

    async def drive():
        async with await open_session(process, resuming) as session:
            handle = (await until(session, "newHandle"))[-1]["sessionResumptionUpdate"]["newHandle"]
        async with connect(process.websocket, ssl=process.tls(), additional_headers=KEY) as session:
            await session.send(json.dumps({"setup": {**SETUP["setup"], "sessionResumption": {"handle": handle}}}))
            with pytest.raises(ConnectionClosed) as closed:
                await session.recv()
        assert closed.value.rcvd.code == 1007

    run(drive())
    refusing = live("--faults", "handshake_403%1")
    with pytest.raises(InvalidStatus):
        run(open_session(refusing))


def test_a_client_that_says_nothing_after_the_handshake_gets_no_session(live):
    process = live("--api-key", "right")

    async def drive():
        async with connect(process.websocket, ssl=process.tls(), additional_headers=KEY) as session:
            await session.send(json.dumps(SETUP))
            with pytest.raises(ConnectionClosed) as closed:
                await session.recv()
        assert closed.value.rcvd.code == 1008
        assert (await stats(process))["counts"].get("sessions", 0) == 0

    run(drive())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--port", "70000"], "0 to 65535"),
        (["--latency", "fast"], "aa-fast"),
        (["--faults", "nonsense@1"], "unknown"),
        (["--pace", "0"], "--pace"),
        (["--log", "/nonexistent/live.rows"], "cannot be written"),
        (["--cert-dir", "/proc/nothing"], "cannot be written"),
        (["--port", "{taken}"], "cannot listen"),
    ],
)
def test_bad_options_are_one_clear_line_and_exit_code_2(tmp_path, capsys, options, says):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        files = ["--port", "0", "--cert-dir", str(tmp_path), "--log", str(tmp_path / "live.rows")]
        code = main([*files, *(option.format(taken=port) for option in options)])
    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.startswith("error: ") and said.err.count("\n") == 1 and says in said.err
