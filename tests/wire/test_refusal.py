"""What says "come again later" is a refusal; what broke is none."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.wire.refusal import is_refusal


@pytest.mark.parametrize(
    ("seen", "refused"),
    [
        ({"status": 503}, True), ({"status": 429}, True), ({"status": 500}, False), ({"close_code": 1013}, True),
        ({"close_code": 1011}, False), ({"message": "the gateway has 75 sessions already"}, True),
        ({"message": "no such template"}, False), ({}, False),
    ],
)  # fmt: skip
def test_what_says_come_again_later_is_a_refusal(seen: dict[str, Any], refused: bool) -> None:
    assert is_refusal(**seen) is refused
