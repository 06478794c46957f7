"""Connections to Live that break or are announced to end: resumed without the client noticing."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest

from .processes import RunningGateway, World, gateway, world
from .variants import BOTH, conversation, name_of
from .voice_client import Answer


def renewals(running: RunningGateway) -> float:
    text = urllib.request.urlopen(f"{running.api}/metrics", timeout=5).read().decode()
    found = re.search(r"^gateway_live_renewals_total (\S+)", text, re.MULTILINE)
    assert found
    return float(found.group(1))


@pytest.fixture(scope="module")
def unbroken(outside: World) -> list[Answer]:
    with gateway(outside, "unbroken", {}) as running:
        return conversation(running)


@pytest.fixture(scope="module")
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Stand-ins with a fault, for all gateways that meet it."""
    with world(tmp_path_factory.mktemp("broken"), "--faults", request.param) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("flags", BOTH, ids=name_of)
@pytest.mark.parametrize("broken", ["close_1011%1.0", "close_1006%1.0", "goaway%1.0:1.5"], indirect=True)
def test_a_conversation_survives(unbroken: list[Answer], broken: World, flags: dict[str, str]) -> None:
    with gateway(broken, f"broken-{name_of(flags)}", flags) as running:
        answers = conversation(running)
        resumed = renewals(running)
    assert [(a.text, a.audio) for a in answers] == [(a.text, a.audio) for a in unbroken]
    assert not any(answer.interrupted for answer in answers)
    assert resumed >= 2


@pytest.mark.slow
@pytest.mark.parametrize("flags", BOTH, ids=name_of)
@pytest.mark.parametrize("broken", ["handshake_503%0.5"], indirect=True)
def test_a_refused_handshake_is_tried_again(broken: World, flags: dict[str, str]) -> None:
    with gateway(broken, f"busy-{name_of(flags)}", flags) as running:
        answers = [conversation(running, session)[0] for session in (1, 2)]
    assert all(answer.audio for answer in answers)
