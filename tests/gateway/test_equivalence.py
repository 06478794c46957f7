"""Every variant must give the same answers to the same turns: the reply depends on every byte that reached Live."""

from __future__ import annotations

import pytest

from perflab.wire.marks import Mark

from .processes import World, gateway
from .variants import BASELINE, OPTIMISED, SINGLE, SPEECH, conversation, name_of
from .voice_client import Answer

PATH = (Mark.RX_FIRST, Mark.RX_LAST, Mark.UP_TX_LAST, Mark.UP_RX_FIRST, Mark.TX_FIRST, Mark.TX_LAST)


def answers_of(outside: World, flags: dict[str, str]) -> list[Answer]:
    with gateway(outside, name_of(flags), flags) as running:
        return conversation(running)


@pytest.fixture(scope="module")
def reference(outside: World) -> list[Answer]:
    return answers_of(outside, BASELINE)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [OPTIMISED, *SINGLE], ids=name_of)
def test_variant_answers_like_the_baseline(outside: World, reference: list[Answer], flags: dict[str, str]) -> None:
    answers = answers_of(outside, flags)
    assert [(a.text, a.audio) for a in answers] == [(a.text, a.audio) for a in reference]


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
