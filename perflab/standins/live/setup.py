"""The first client message: what the session is to be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from perflab.standins.live.client_messages import MalformedMessage, field, items

DEFAULT_SILENCE_MS = 300
MAX_SILENCE_MS = 5_000
_SESSION = re.compile(r"session:(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class Setup:
    """A session's configuration; `session` is None where the system instruction names none."""

    session: int | None
    silence_ms: int = DEFAULT_SILENCE_MS
    manual: bool = False  # the client marks activity itself
    text_only: bool = False
    input_transcript: bool = False
    output_transcript: bool = False
    resumption: bool = False
    transparent: bool = False
    handle: str = ""
    tool: str = ""  # the function that tool turns call


def parse_setup(body: dict[str, Any]) -> Setup:
    """Return the session's configuration; raises MalformedMessage with the reason that the close frame gives."""
    model = field(body, "model")
    if not isinstance(model, str) or not model:
        raise MalformedMessage("setup.model is required")
    generation = field(body, "generationConfig") or {}
    modalities = items(generation, "responseModalities") or ["AUDIO"]
    resumption = field(body, "sessionResumption")
    silence_ms, manual = _activity(field(body, "realtimeInputConfig") or {})
    return Setup(
        session=_session_number(field(body, "systemInstruction")),
        silence_ms=silence_ms,
        manual=manual,
        text_only="AUDIO" not in modalities,
        input_transcript=field(body, "inputAudioTranscription") is not None,
        output_transcript=field(body, "outputAudioTranscription") is not None,
        resumption=resumption is not None,
        transparent=bool(resumption and field(resumption, "transparent")),
        handle=str(field(resumption, "handle") or "") if resumption else "",
        tool=_tool_name(items(body, "tools")),
    )


def _activity(config: dict[str, Any]) -> tuple[int, bool]:
    if field(config, "activityHandling") == "NO_INTERRUPTION":
        raise MalformedMessage("activityHandling NO_INTERRUPTION is not supported by this service")
    detection = field(config, "automaticActivityDetection") or {}
    silence = field(detection, "silenceDurationMs")
    if silence is None:
        silence = DEFAULT_SILENCE_MS
    if not isinstance(silence, int) or not 0 <= silence <= MAX_SILENCE_MS:
        raise MalformedMessage(f"silenceDurationMs must be an integer from 0 to {MAX_SILENCE_MS}")
    return silence, bool(field(detection, "disabled"))


def _session_number(instruction: Any) -> int | None:
    """Return N of "session:<N>" in the system instruction: the live protocol has no session id of the client's own."""
    if isinstance(instruction, str):
        texts = [instruction]
    else:
        parts = items(instruction, "parts") if instruction is not None else []
        texts = [str(field(part, "text") or "") for part in parts]
    match = _SESSION.search("\n".join(texts))
    return int(match.group(1)) if match else None


def _tool_name(tools: list[Any]) -> str:
    """Return `generate_code` where it is declared, else the first function declared, else nothing."""
    functions = [function for tool in tools for function in items(tool, "functionDeclarations")]
    declared = [str(field(function, "name") or "") for function in functions]
    return "generate_code" if "generate_code" in declared else next(iter(declared), "")
