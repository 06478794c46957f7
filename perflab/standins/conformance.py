"""Twelve steps with the unmodified google-genai SDK against the Live stand-in: python -m perflab.standins.conformance.

Prints one line per step, `ok` or `FAILED` with the reason; exit code 0 when all twelve hold, 2 otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perflab.errors import EXIT_BROKEN, EXIT_OK
from perflab.standins.live.detector import WINDOW_BYTES
from perflab.standins.live.voice import VoicePool, stamped_pcm

STEP_TIMEOUT_S = 15.0
SERVERS: dict[str, list[str]] = {
    "main": ["--tool-every", "2", "--pace", "8"],
    "slow": ["--tool-every", "0", "--pace", "0.5"],  # replies long enough to be interrupted on a busy machine
    "refusing": ["--faults", "handshake_429%1,rest_429%1:0.1"],
    "busy": ["--faults", "handshake_503%1,rest_503%1:0.1"],
    "failing": ["--faults", "close_1011%1"],
    "leaving": ["--connection-lifetime-s", "2", "--tool-every", "0", "--pace", "8"],
}
TOOL = {
    "function_declarations": [
        {
            "name": "generate_code",
            "description": "Writes code",
            "parameters": {
                "type": "OBJECT",
                "properties": {"prompt": {"type": "STRING"}, "language": {"type": "STRING"}},
            },
        }
    ]
}


def speech(windows: int, seed: int) -> bytes:
    """Return `windows` * 20 ms of loud noise, int16 mono 16 kHz: voiced in every window."""
    rng = np.random.default_rng(seed)
    return rng.integers(-8000, 8000, windows * WINDOW_BYTES // 2, dtype=np.int16).tobytes()


@dataclass
class Turn:
    """What one turn brought back."""

    audio: bytes = b""
    heard: str = ""
    said: str = ""
    interrupted: bool = False
    generation_complete: bool = False
    complete: bool = False
    usage: int = 0
    go_away: str = ""
    handle: str = ""
    calls: list[Any] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def take(self, message: Any) -> None:
        """Add one server message."""
        content = message.server_content
        self.audio += message.data or b""
        if content is not None:
            self.heard += content.input_transcription.text if content.input_transcription else ""
            self.said += content.output_transcription.text if content.output_transcription else ""
            self.interrupted |= bool(content.interrupted)
            self.generation_complete |= bool(content.generation_complete)
            self.complete |= bool(content.turn_complete)
        if message.tool_call:
            self.calls += message.tool_call.function_calls
        if message.tool_call_cancellation:
            self.cancelled += message.tool_call_cancellation.ids
        self.usage = message.usage_metadata.total_token_count if message.usage_metadata else self.usage
        self.go_away = message.go_away.time_left if message.go_away else self.go_away
        update = message.session_resumption_update
        self.handle = update.new_handle if update and update.resumable else self.handle


class Bench:
    """The stand-ins under test and the SDK's clients for them."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls
        self.voices = VoicePool()

    def client(self, server: str, key: str = "any-key") -> Any:
        """Return the SDK's client, configured as a user of the real service would: base URL and key."""
        from google import genai

        return genai.Client(api_key=key, http_options={"base_url": self.urls[server]})

    @contextlib.asynccontextmanager
    async def session(self, server: str, number: int = 1, key: str = "any-key", **config: Any) -> AsyncIterator[Any]:
        """Connect a Live session of this number; `config` as the SDK's LiveConnectConfig."""
        config = {
            "response_modalities": ["AUDIO"],
            "system_instruction": f"session:{number}",
            "input_audio_transcription": {},
            "output_audio_transcription": {},
            "tools": [TOOL],
            **config,
        }
        client = self.client(server, key)
        try:
            async with client.aio.live.connect(model="stand-in", config=config) as session:
                yield session
        finally:
            await client.aio.aclose()

    def expected(self, digest: bytes) -> bytes:
        """Return the reply audio that a turn of this digest must bring, byte for byte."""
        return stamped_pcm(self.voices.choose(digest), digest)


async def say(session: Any, pcm: bytes, chunk: int = WINDOW_BYTES) -> None:
    """Send PCM in messages of `chunk` bytes."""
    from google.genai import types

    for start in range(0, len(pcm), chunk):
        blob = types.Blob(data=pcm[start : start + chunk], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)


async def hear(session: Any, on_message: Callable[[Any], Awaitable[None]] | None = None) -> Turn:
    """Receive up to turnComplete."""
    turn = Turn()
    async for message in session.receive():
        turn.take(message)
        if on_message is not None:
            await on_message(message)
    return turn


def need(condition: bool, text: str) -> None:
    """Raise AssertionError with this text unless the condition holds, whatever Python's -O says."""
    if not condition:
        raise AssertionError(text)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Start every stand-in of SERVERS; yield their URLs; one file trusts them all (SSL_CERT_FILE)."""
    with contextlib.ExitStack() as stack:
        processes = {}
        for name, options in SERVERS.items():
            (folder / name).mkdir()
            processes[name] = stack.enter_context(started(folder / name, "const-0", options))
        urls = {name: read_url(process) for name, process in processes.items()}
        bundle = folder / "authorities.pem"
        bundle.write_bytes(b"".join((folder / name / "ca.pem").read_bytes() for name in SERVERS))
        os.environ["SSL_CERT_FILE"] = str(bundle)
        yield urls


@contextlib.contextmanager
def started(folder: Path, latency: str, options: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Start one Live stand-in with its files in `folder`; stop it at the end."""
    command = [sys.executable, "-m", "perflab.standins.live", "--port", "0", "--latency", latency]
    command += ["--cert-dir", str(folder), "--log", str(folder / "live.rows"), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def read_url(process: subprocess.Popen[str]) -> str:
    """Return the URL that a stand-in prints when it is ready; raises RuntimeError when it ends before."""
    assert process.stdout is not None
    match = re.match(r"ready (\S+)", process.stdout.readline())
    if match is None:
        raise RuntimeError(f"the stand-in did not start, exit code {process.poll()}")
    return match.group(1)


async def run_steps(bench: Bench) -> list[tuple[str, str]]:
    """Run all steps, each within STEP_TIMEOUT_S; return (title, "" or the reason of failure)."""
    from perflab.standins.conformance_steps import STEPS

    results = []
    for title, step in STEPS:
        try:
            await asyncio.wait_for(step(bench), STEP_TIMEOUT_S)
            results.append((title, ""))
        except Exception as error:  # a step that fails in whatever way is a FAILED line, and the others still run
            results.append((title, f"{type(error).__name__}: {error}"))
        print(f"{len(results):2d} {title:58s} {'FAILED ' + results[-1][1] if results[-1][1] else 'ok'}", flush=True)
    return results


def main() -> int:
    """Start the stand-ins, run the steps, print the table."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perflab-conformance-") as folder, servers(Path(folder)) as urls:
        results = asyncio.run(run_steps(Bench(urls)))
    failed = sum(bool(reason) for _, reason in results)
    print(f"{len(results) - failed} of {len(results)} steps ok in {time.monotonic() - began:.1f} s")
    return EXIT_BROKEN if failed else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
