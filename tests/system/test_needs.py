"""A value's needs are laid under both arms, and needs that cannot be met are told when the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.system.load_file import check_system, load_system
from perflab.system.needs import needed_settings, unmet_needs
from perflab.system.variant import every_value_pairs, flag_pair, single_flag_pairs

ROOT = Path(__file__).resolve().parents[2]
CACHE = """[[flag]]
name = "cache"
optimised = "l1"
values = [{ value = "off" }, { value = "l1" }, { value = "l2" }]
"""
ONE = """[[flag]]
name = "{name}"
optimised = "{on}"
values = [{{ value = "none" }}, {{ value = "{on}", needs = {needs} }}]
"""


def flags(ttl: str = '{ cache = ["l1", "l2"] }', flight: str = '{ ttl = ["s60"] }') -> str:
    return CACHE + ONE.format(name="ttl", on="s60", needs=ttl) + ONE.format(name="flight", on="one", needs=flight)


def test_both_arms_carry_the_needs_and_differ_in_the_flag_alone(write_system):
    system = load_system(write_system(extra=flags()))
    pairs = {(p.flag, p.value): p for p in every_value_pairs(system)}
    assert pairs["cache", "l2"].base.name == "baseline"
    assert pairs["ttl", "s60"].base.name == "baseline+cache=l1"
    flight = pairs["flight", "one"]
    assert flight.changed.name == "baseline+cache=l1+ttl=s60+flight=one" and flight.changed.arm.endswith("flight=one")
    assert flight.label == "flight=one (both with cache=l1, ttl=s60)" and pairs["cache", "l1"].label == "cache=l1"
    for pair in pairs.values():
        differing = [name for name in pair.base.flags if pair.base.flags[name] != pair.changed.flags[name]]
        assert differing == [pair.flag]
        assert not any(unmet_needs(system, name, pair.changed.flags) for name in pair.changed.flags)
    assert [p.changed.name for p in single_flag_pairs(system)][-1] == flight.changed.name


def test_what_the_baseline_has_already_is_not_asked_for(write_system):
    system = load_system(write_system(extra=flags(ttl='{ cache = ["off", "l1"] }')))
    assert needed_settings(system, "ttl", "s60") == {}
    assert needed_settings(system, "flight", "one") == {"ttl": "s60"}


@pytest.mark.parametrize(
    ("ttl", "flight", "message"),
    [
        ('{ cash = ["l1"] }', "{}", "flag ttl: value 's60' needs cash = 'l1'; flags are speed, cache, ttl, flight"),
        ('{ cache = ["l3"] }', "{}", "flag ttl: value 's60' needs cache = 'l3'; values of cache are off, l1, l2"),
        ("{ cache = [] }", "{}", "flag ttl: value 's60' needs cache = nothing; values of cache are off, l1, l2"),
        ('{ flight = ["one"] }', '{ ttl = ["s60"] }', "leads back to itself: ttl needs flight needs ttl"),
        ('{ ttl = ["s60"] }', "{}", "leads back to itself: ttl needs ttl"),
        (
            '{ cache = ["l1"] }',
            '{ ttl = ["s60"], cache = ["l2"] }',
            "contradict each other: flight=one needs cache = l2",
        ),
        (
            '{ cache = ["off"] }',
            '{ ttl = ["s60"], cache = ["l2"] }',
            "contradict each other: ttl=s60 needs cache = off",
        ),
    ],
)
def test_needs_that_cannot_be_met_are_one_line_each(write_system, ttl, flight, message):
    _, faults = check_system(write_system(extra=flags(ttl, flight)))
    assert any(message in fault for fault in faults) and all("\n" not in fault for fault in faults)


def test_the_baseline_may_need_nothing(write_system):
    values = '[{ value = "a", needs = { speed = ["fast"] } }, { value = "b" }]'
    extra = f'[[flag]]\nname = "x"\noptimised = "a"\nvalues = {values}'
    _, faults = check_system(write_system(extra=extra))
    assert any("'a' is the baseline's value, which may need nothing" in fault for fault in faults)


def test_every_value_of_the_built_in_system_can_be_measured(root=ROOT):
    system = load_system(root / "data/systems/voice_gateway.toml")
    pairs = every_value_pairs(system)
    assert len(pairs) == sum(len(flag.values) - 1 for flag in system.flag)
    tick = flag_pair(system, "tick", "ms5")
    assert tick.base.flags["pipeline"] == "batched" and tick.base.flags["voice_activity"] == "energy"
    for pair in pairs:
        assert not any(unmet_needs(system, name, pair.changed.flags) for name in pair.changed.flags), pair.label
