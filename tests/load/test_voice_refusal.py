"""A gateway that is full turns users away: their rows say so, and are no errors of a system that broke."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.gateway.session.voice import VoiceSession
from perflab.load.websocket import HandshakeRefused, WebSocketError

FILE = Path(__file__).resolve().parents[2] / "data" / "systems" / "voice_gateway" / "voice_refusal.py"


def refusal() -> Any:
    spec = importlib.util.spec_from_file_location("voice_refusal", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said_by_a_full_gateway() -> str:
    """Return what the gateway tells a client above its limit of sessions."""
    told: list[str] = []
    link = SimpleNamespace(control=lambda body: told.append(body["message"]), close=lambda *_: None)
    gateway: Any = SimpleNamespace(
        codec=None, client_link=lambda given: given, admit=lambda _: False, later=lambda *_: None,
        settings=SimpleNamespace(limits=SimpleNamespace(sessions=75, start_s=5.0)),
        metrics=SimpleNamespace(errors=SimpleNamespace(inc=lambda: None)),
    )  # fmt: skip
    VoiceSession(gateway, link)  # type: ignore[arg-type]
    return told[0]


def test_what_the_gateway_says_when_it_is_full_is_a_refusal() -> None:
    module = refusal()
    message = f'{{"op":"error","message":"{said_by_a_full_gateway()}"}}'.encode()
    assert module.outcome_of(module.SessionRefused(message)) == "shed"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (HandshakeRefused("503", 503), "shed"),
        (HandshakeRefused("429", 429), "shed"),
        (HandshakeRefused("404", 404), "error"),
        (WebSocketError("garbled"), "error"),
        (OSError("nobody there"), "error"),
        (TimeoutError(), "timeout"),
    ],
)
def test_other_ends_of_a_connection_keep_their_names(error: Exception, outcome: str) -> None:
    assert refusal().outcome_of(error) == outcome


@pytest.mark.parametrize(("code", "outcome"), [(1013, "shed"), (1011, "error"), (1006, "error"), (0, "error")])
def test_a_socket_that_is_closed_before_it_is_ready_is_a_refusal_only_where_its_code_says_so(
    code: int, outcome: str
) -> None:
    module = refusal()
    assert module.outcome_of(module.SessionRefused(f"closed with {code}", code)) == outcome


def test_a_gateway_that_cannot_start_a_session_is_in_error() -> None:
    module = refusal()
    assert module.outcome_of(module.SessionRefused(b'{"op":"error","message":"no such template"}')) == "error"
