"""Which variant is judged where a system has one only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from perflab.system.load_file import check_system, load_system

FLAG = re.compile(r"\[\[flag\]\].*", re.DOTALL)


@pytest.fixture
def without_flags(write_system: Any) -> Any:
    def write(judge: str = "") -> Path:
        path = write_system()
        text = FLAG.sub("", path.read_text(encoding="utf-8")).replace('"{flags}", ', "")
        path.write_text(text.replace('judge = "optimised"\n', judge), encoding="utf-8")
        return path

    return write


def test_without_flags_the_baseline_is_judged(without_flags: Any) -> None:
    assert load_system(without_flags()).judge == "baseline"


def test_a_variant_that_no_flag_makes_is_refused(without_flags: Any) -> None:
    faults = check_system(without_flags('judge = "optimised"\n'))[1]
    assert len(faults) == 1 and "there is no such variant" in faults[0]
    assert not check_system(without_flags('judge = "baseline"\n'))[1]


def test_with_a_flag_that_changes_something_the_optimised_variant_is_judged(write_system: Any) -> None:
    path = write_system()
    text = path.read_text(encoding="utf-8").replace('judge = "optimised"\n', "")
    path.write_text(text, encoding="utf-8")
    assert load_system(path).judge == "optimised"
    path.write_text(text.replace('optimised = "fast"', 'optimised = "slow"'), encoding="utf-8")
    assert load_system(path).judge == "baseline"
