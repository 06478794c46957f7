"""Every variant must give the same answers to the same turns: the reply depends on every byte that reached Live."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from perflab.gateway.settings import CACHE_URL
from perflab.system.servers.server import embedded
from perflab.wire.marks import Mark

from .processes import RunningGateway, World, gateway
from .variants import BASELINE, FLAGS, OPTIMISED, SINGLE, SPEECH, STAGED, TOGETHER, conversation, name_of
from .voice_client import Answer

Told = list[tuple[int, str, str]]  # turn, role and text of what was said, as the API tells it
ALONE = [OPTIMISED, *SINGLE]
PATH = (Mark.RX_FIRST, Mark.RX_LAST, Mark.UP_TX_LAST, Mark.UP_RX_FIRST, Mark.TX_FIRST, Mark.TX_LAST)


def answers_of(outside: World, flags: dict[str, str]) -> list[Answer]:
    with gateway(outside, name_of(flags), flags) as running:
        return conversation(running)


def told(running: RunningGateway) -> Told:
    """Return what the API tells of the conversation."""
    with httpx.Client(base_url=running.api, trust_env=False, timeout=20) as api:
        return [(row["turn"], row["role"], row["text"]) for row in api.get("/api/sessions/41/history").json()]


def admitted(running: RunningGateway) -> list[Answer]:
    """Hold the conversation, and come again where a gateway that has just started on a busy machine refuses."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return conversation(running)
        except InvalidStatus as refused:
            if refused.response.status_code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="module")
def baseline(outside: World) -> tuple[list[Answer], Told]:
    with gateway(outside, name_of(BASELINE), BASELINE) as running:
        return conversation(running), told(running)


@pytest.fixture(scope="module")
def reference(baseline: tuple[list[Answer], Told]) -> list[Answer]:
    return baseline[0]


def undriven(flags: Sequence[dict[str, Any]], driven: Sequence[dict[str, str]]) -> list[tuple[str, str]]:
    """Return the values that promise the baseline's bytes and that no variant has together with what they need."""
    first = {flag["name"]: flag["values"][0]["value"] for flag in flags}
    whole = [first | variant for variant in driven]
    return [
        (flag["name"], value["value"])
        for flag in flags
        for value in flag["values"][1:]
        if value["equivalence"] == "exact"
        and not any(
            variant[flag["name"]] == value["value"]
            and all(variant[name] in allowed for name, allowed in value.get("needs", {}).items())
            for variant in whole
        )
    ]


def test_every_value_that_promises_the_same_bytes_is_driven() -> None:
    driven = [*ALONE, *TOGETHER, *STAGED]
    assert undriven(FLAGS, driven) == []
    value = {"value": "new", "strategy": "", "equivalence": "exact", "needs": {"cache": ["l2"]}}
    added = [*FLAGS, {"name": "fresh", "values": [{"value": "off", "equivalence": "exact"}, value]}]
    assert undriven(added, driven) == [("fresh", "new")]
    assert undriven(added, [*driven, {"fresh": "new"}]) == [("fresh", "new")]  # alone it does nothing
    assert undriven(added, [*driven, {"fresh": "new", "cache": "l2"}]) == []


@pytest.mark.slow
@pytest.mark.parametrize("flags", ALONE, ids=name_of)
def test_variant_answers_like_the_baseline(outside: World, reference: list[Answer], flags: dict[str, str]) -> None:
    answers = answers_of(outside, flags)
    assert [(a.text, a.audio) for a in answers] == [(a.text, a.audio) for a in reference]


@pytest.mark.slow
@pytest.mark.parametrize("flags", TOGETHER, ids=name_of)
def test_values_driven_together_answer_like_the_baseline(
    outside: World,
    baseline: tuple[list[Answer], Told],
    flags: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The voice socket's answers are the same, and so is what the API tells of them, read once and once more."""
    with ExitStack() as stack:
        if flags.get("cache") in ("l2", "l1_l2"):
            server = stack.enter_context(embedded("redis", tmp_path / "redis.log", settings={"maxmemory": "64mb"}))
            monkeypatch.setenv(CACHE_URL, server.url)
        running = stack.enter_context(gateway(outside, name_of(flags), flags))
        answers = admitted(running)
        assert [(a.text, a.audio) for a in answers] == [(a.text, a.audio) for a in baseline[0]]
        assert told(running) == told(running) == baseline[1] != []


@pytest.mark.slow
def test_answers_differ_between_turns_and_carry_all_marks(reference: list[Answer]) -> None:
    assert len({answer.audio for answer in reference}) == len(SPEECH)
    for answer in reference:
        assert len(answer.audio) > 4800
        assert answer.text
        path = [answer.marks[mark] for mark in PATH]
        assert path == sorted(path)
        assert path[0] > 0
    tool = reference[2].marks
    assert 0 < tool[Mark.TOOL_START] < tool[Mark.TOOL_END] < tool[Mark.UP_RX_FIRST]
