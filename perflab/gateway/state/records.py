"""The records of the session state, as the API shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session; times are Unix milliseconds."""

    id: int
    user: str
    template: str
    status: str  # open or closed
    turns: int
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One side of one turn."""

    id: int
    session: int
    turn: int
    role: str  # user or model
    text: str
    audio_bytes: int
    outcome: str  # ok or interrupted
    created_ms: int


@dataclass(frozen=True, slots=True)
class HistoryHead:
    """One side of one turn without what was said."""

    id: int
    session: int
    turn: int
    role: str
    audio_bytes: int
    outcome: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Artefact:
    """A piece of generated code or text."""

    id: int
    session: int
    turn: int
    prompt: str
    language: str
    code: str
    explanation: str
    created_ms: int
