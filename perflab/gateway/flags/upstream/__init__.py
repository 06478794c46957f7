"""Flag `upstream`: the client of Gemini Live. A value offers `build(settings) -> Upstream`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BASELINE = "sdk"
AUDIO_MIME = "audio/pcm;rate=16000"
SILENCE_MS = 300  # silence after which Live ends the turn
PASSING = frozenset({0, 429, 500, 502, 503, 504, 1006, 1011, 1013})  # refusals that may be gone in a moment


class LiveRefused(Exception):
    """Live did not accept a connection: an HTTP status or a close code, 0 when there was neither."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"Live refused the connection ({code or 'no answer'}): {reason}")

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return self.code in PASSING


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """What a session asks of Live; `handle` resumes an earlier connection."""

    model: str
    system_instruction: str
    handle: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that Live asks the gateway to run."""

    id: str
    name: str
    arguments: dict[str, Any]


class LiveSink(Protocol):
    """Whom a connection tells what Live says, in the order in which it came; times are CLOCK_MONOTONIC ns."""

    def live_audio(self, pcm: bytes, received_ns: int) -> None:
        """A piece of the reply, 24 kHz int16 mono."""

    def live_text(self, text: str) -> None:
        """A piece of the reply's transcript."""

    def live_heard(self, text: str) -> None:
        """A piece of the transcript of what the user said."""

    def live_interrupted(self) -> None:
        """The user spoke into the reply: it ends here."""

    def live_turn_complete(self) -> None:
        """The reply is complete."""

    def live_tool_calls(self, calls: Sequence[ToolCall], received_ns: int) -> None:
        """Functions to run."""

    def live_tool_cancelled(self, ids: Sequence[str]) -> None:
        """Functions whose results nobody waits for any more."""

    def live_go_away(self, left_s: float) -> None:
        """The connection will be closed soon."""

    def live_handle(self, handle: str) -> None:
        """The handle with which the session can be resumed from here."""

    def live_lost(self, code: int, reason: str) -> None:
        """The connection is gone, and the gateway did not close it."""


class LiveLink(Protocol):
    """One open connection to Live."""

    def send_audio(self, pcm: bytes) -> Awaitable[None] | None:
        """Hand 16 kHz PCM to the socket: None when that is done, else something to await. Never raises on loss."""

    def send_audio_end(self) -> Awaitable[None] | None:
        """Tell Live that no audio comes for a while, as its protocol asks of a microphone that is off."""

    async def send_tool_response(self, call: ToolCall, response: dict[str, Any]) -> None:
        """Answer a tool call; on a lost connection nothing happens."""

    async def close(self) -> None:
        """Close the connection; the sink hears nothing after this."""


class Upstream(Protocol):
    """Opens connections to Live; holds what they share, such as the TLS context."""

    async def connect(self, setup: LiveSetup, sink: LiveSink) -> LiveLink:
        """Open a connection and wait until Live has accepted the setup; raises LiveRefused."""

    async def close(self) -> None:
        """Let go of what the connections shared."""


def seconds(duration: str | None) -> float:
    """Return the seconds in a protobuf duration such as ``50s``; 0 when it cannot be read."""
    found = re.match(r"\d+(\.\d+)?", duration or "")
    return float(found.group()) if found else 0.0


TOOL = {
    "name": "generate_code",
    "description": "Write a piece of program code from a description.",
    "parameters": {
        "type": "OBJECT",
        "properties": {
            "prompt": {"type": "STRING", "description": "What the code must do."},
            "language": {"type": "STRING", "description": "The programming language."},
        },
        "required": ["prompt"],
    },
}
