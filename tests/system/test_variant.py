"""Variants are made from the flags of the file."""

from __future__ import annotations

import pytest

from perflab.errors import UsageError
from perflab.system.load_file import load_system
from perflab.system.variant import equivalence, every_value_pairs, single_flag_pairs, variant


def test_baseline_optimised_and_one_change(write_system):
    system = load_system(write_system())
    assert variant(system, "baseline").flags == {"speed": "slow"}
    assert variant(system, "optimised").flags == {"speed": "fast"}
    assert variant(system, "optimised+speed=slow").flags == {"speed": "slow"}
    assert [p.changed.name for p in single_flag_pairs(system)] == ["baseline+speed=fast"]
    assert [p.changed.name for p in every_value_pairs(system)] == ["baseline+speed=fast", "baseline+speed=lossy"]
    assert {p.base.name for p in every_value_pairs(system)} == {"baseline"}


@pytest.mark.parametrize("name", ["best", "baseline+sped=fast", "baseline+speed=warp", "baseline+speed"])
def test_unknown_names_are_refused_with_what_there_is(write_system, name):
    system = load_system(write_system())
    with pytest.raises(UsageError):
        variant(system, name)


def test_a_misspelt_flag_gets_a_hint(write_system):
    with pytest.raises(UsageError, match="Did you mean 'speed'"):
        variant(load_system(write_system()), "baseline+sped=fast")


def test_the_weakest_class_wins(write_system):
    system = load_system(write_system())
    assert equivalence(system, {"speed": "fast"}) == "exact"
    assert equivalence(system, {"speed": "lossy"}) == "loss"
