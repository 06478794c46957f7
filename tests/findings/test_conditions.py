"""What conditions share is said once; what differs is what stands beside a figure."""

from __future__ import annotations

import pytest

from perflab.findings.conditions import conditions

FAST = "latency=fast,generator=near,trouble=none"
SLOW = "latency=slow,generator=near,trouble=none"


def test_only_what_differs_is_shown() -> None:
    found = conditions([FAST, SLOW, SLOW, ""])
    assert found.shown(SLOW) == "latency=slow" and found.shown(FAST) == "latency=fast"
    assert found.shared == "generator=near, trouble=none" and found.shown("") == ""


def test_one_condition_tells_nothing_apart() -> None:
    found = conditions([FAST, FAST])
    assert found.shown(FAST) == "" and found.shared == FAST.replace(",", ", ")


def test_a_condition_that_names_a_part_of_the_settings_agrees_with_what_it_leaves_out() -> None:
    found = conditions([FAST, SLOW, "latency=slow"])
    assert found.shown("latency=slow") == "latency=slow" and found.shared == "generator=near, trouble=none"


@pytest.mark.parametrize(("given", "shown"), [(("a", "b"), "a"), (("a", "a,b"), ""), (("a",), "")])
def test_a_bare_name_is_a_setting_of_its_own(given: tuple[str, ...], shown: str) -> None:
    assert conditions(given).shown("a") == shown


def test_no_condition_at_all_says_nothing() -> None:
    assert conditions([]).shared == "" and conditions([""]).shown("") == ""


def test_a_condition_in_words_is_told_whole_and_takes_no_part_in_the_settings() -> None:
    words = "open arrivals, 6,000 requests/min"
    found = conditions([FAST, SLOW, words])
    assert found.shown(words) == words and found.shared == ""
    assert found.shown(FAST) == FAST.replace(",", ", ")
    pair = (
        "5 % writes among them; a miss is a query (store=wal_batched)",
        "5 % writes among them; every miss opens it",
    )
    both = conditions(pair)
    assert both.shared == "" and [both.shown(one) for one in pair] == list(pair)
