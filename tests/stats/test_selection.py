"""Screen, then confirm: what is chosen, what survives, and that twenty null strategies yield no winner."""

import numpy as np
import pytest

from perflab.benches.stats.many import study
from perflab.errors import StatisticError
from perflab.stats.multiple import benjamini_hochberg, holm
from perflab.stats.selection import confirm, screen


def arms(effects, n=20, sd=0.01, seed=1):
    rng = np.random.default_rng(seed)
    level = 100 * np.exp(rng.normal(0, 0.3, n))
    base = level * np.exp(rng.normal(0, sd, n))
    return base, {name: level * effect * np.exp(rng.normal(0, sd, n)) for name, effect in effects.items()}, level


def test_the_largest_gains_are_chosen_in_order():
    base, candidates, _ = arms({"a": 0.9, "b": 1.0, "c": 0.7, "d": 1.3, "e": 0.8})
    found = screen(base, candidates, lower_is_better=True, margin=0.03, most=2)
    assert [s.name for s in found] == ["c", "e", "a", "b", "d"]
    assert [s.name for s in found if s.chosen] == ["c", "e"]
    verdicts = {s.name: s.comparison.verdict for s in found}
    assert verdicts["d"] == "worse" and verdicts["b"] == "equivalent" and verdicts["a"] == "better"


def test_higher_may_be_the_gain():
    base, candidates, _ = arms({"slow": 0.8, "fast": 1.4, "faster": 1.6})
    found = screen(base, candidates, lower_is_better=False, margin=0.03)
    assert [s.name for s in found] == ["faster", "fast", "slow"] and [s.chosen for s in found] == [True, True, False]


def test_adjusted_p_values_are_those_of_the_procedures():
    base, candidates, _ = arms({str(i): 1.0 - 0.002 * i for i in range(6)}, sd=0.02)
    by_name = {s.name: s for s in screen(base, candidates, lower_is_better=True, margin=0.03)}
    raw = [by_name[str(i)].comparison.p_value for i in range(6)]
    assert [by_name[str(i)].adjusted_p for i in range(6)] == pytest.approx(benjamini_hochberg(raw).p)
    confirmed = confirm(base, candidates, lower_is_better=True, margin=0.03)
    assert [c.adjusted_p for c in confirmed] == pytest.approx(holm(raw).p)
    assert all(c.family == 6 for c in confirmed)


def test_a_difference_that_does_not_survive_many_looks_is_taken_back():
    """One candidate at p = 0.03 alone passes alone, and not among twenty without any effect."""
    rng = np.random.default_rng(40)
    base = np.full(12, 100.0)
    steps = rng.normal(0, 0.1, 12)
    steps += 0.064 - steps.mean()
    candidate = base * np.exp(-steps)
    alone = confirm(base, {"x": candidate}, lower_is_better=True, margin=0.02)[0]
    others = {str(i): base * np.exp(rng.normal(0, 0.1, 12)) for i in range(19)}
    among = confirm(base, {"x": candidate, **others}, lower_is_better=True, margin=0.02)[0]
    assert alone.comparison.verdict == "better" and among.comparison.verdict == "inconclusive"
    assert among.comparison.effect == alone.comparison.effect
    assert "number of comparisons" in among.comparison.explanation and "better" not in among.comparison.explanation


def test_a_small_difference_that_does_not_pass_is_equivalent():
    """Trivial alone: it excludes no change and lies inside the margin; the latter stands among many as well."""
    rng = np.random.default_rng(41)
    base = np.full(12, 100.0)
    steps = rng.normal(0, 0.01, 12)
    candidate = base * np.exp(steps + 0.0090 - steps.mean())
    alone = confirm(base, {"x": candidate}, lower_is_better=True, margin=0.05)[0]
    others = {str(i): base * np.exp(rng.normal(0, 0.1, 12)) for i in range(19)}
    for judge in (confirm, screen):
        found = next(x for x in judge(base, {"x": candidate, **others}, lower_is_better=True, margin=0.05)
                     if x.name == "x")  # fmt: skip
        assert alone.comparison.verdict == "trivial" and found.comparison.verdict == "equivalent"
        assert "no difference beyond the margin" in found.comparison.explanation


def test_a_failed_null_arm_chooses_and_confirms_nothing():
    base, candidates, level = arms({"a": 0.7, "b": 1.4})
    wrong = level * 1.2
    found = screen(base, candidates, lower_is_better=True, margin=0.05, null_arm=wrong)
    assert not any(s.chosen for s in found) and {s.comparison.verdict for s in found} == {"untrusted"}
    judged = confirm(base, candidates, lower_is_better=True, margin=0.05, null_arm=wrong)
    assert {c.comparison.verdict for c in judged} == {"untrusted"}


def test_nothing_to_compare_is_an_error():
    for judge in (screen, confirm):
        with pytest.raises(StatisticError, match="empty"):
            judge([1, 2, 3, 4, 5, 6], {}, lower_is_better=True, margin=0.05)
        with pytest.raises(StatisticError, match="NaN"):
            judge([1, 2, 3, 4, 5, 6], {"a": [1, 2, 3, 4, 5, np.nan]}, lower_is_better=True, margin=0.05)


@pytest.mark.slow
def test_twenty_null_strategies_have_no_winner_and_three_real_ones_do():
    rng = np.random.default_rng(6)
    assert sum(bool(study(rng, 0).wins) for _ in range(100)) <= 7
    winners = [wins[0].comparison.effect for _ in range(60) if (wins := study(rng, 3).wins)]
    # A null arm fails by chance in about one study of sixteen, and then no verdict is given: 60 less about 4.
    assert len(winners) >= 50 and np.mean(winners) == pytest.approx(0.95, abs=0.004)
