"""What a study is told to take: shortened durations shorten the estimate, never to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.experiments.effort import LEAST_S, estimate_s, sizes_of
from perflab.system.load_file import load_system


@pytest.mark.parametrize("effort", ["quick", "full"])
def test_a_time_scale_shortens_the_estimate_down_to_the_starts(root: Path, effort: str) -> None:
    system = load_system(root / "data/systems/voice_gateway.toml")
    whole, short = estimate_s(system, effort), estimate_s(system, effort, 0.05)
    assert set(short) == set(whole)
    assert all(short[name] <= whole[name] for name in whole)
    assert all(short[name] >= min(whole[name], LEAST_S) for name in whole if name != "30_prototype")
    assert sum(short.values()) < 0.9 * sum(whole.values())
    sizes = sizes_of(effort)
    for name, fixed in sizes.fixed_s.items():  # else its time limit would end a shortened study that is doing well
        assert short[name] >= fixed and whole[name] >= fixed, name


def test_the_full_matrix_is_told_at_its_stated_lengths(root: Path) -> None:
    system = load_system(root / "data/systems/voice_gateway.toml")
    held = sum(s.duration_s for s in system.scenario)
    assert estimate_s(system, "full")["30_prototype"] > 2 * held
    shortened = sizes_of("full", 0.05)
    caps = shortened.blocks_cap_s + shortened.confirm_cap_s + shortened.adopt_cap_s
    fixed = shortened.fixed_s["30_prototype"]
    told = estimate_s(system, "full", 0.05)["30_prototype"]
    assert told > fixed + 2 * caps  # the caps end no blocks before something could be confirmed
    assert told < fixed + 0.2 * held + 200 + 2000
