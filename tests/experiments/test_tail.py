"""The p99 of all units of a comparison: a planted ratio is found, too few units say why, and a veto takes it back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.conclude.tail import conclude_tail, tail_of
from perflab.experiments.trial import NS, Trial, TrialFacts, TrialSpec
from perflab.findings.finding import TrustCheck


def trials(study, blocks=12, units=100, ratio=1.3):
    """Trials of baseline, null arm and judged variant whose judged units take `ratio` times as long."""
    rng, made = np.random.default_rng(9), []
    for block in range(blocks):
        shared = rng.normal(0, 0.2)
        for arm, factor in (("baseline", 1.0), ("null", 1.0), (study.system.judge, ratio)):
            times = 80e6 * factor * np.exp(shared + rng.normal(0, 0.4, units))
            rows = pd.DataFrame({
                "kind": study.system.load.unit_kind, "scenario": "block", "outcome": "ok", "warmup": False,
                "intended_ns": NS, "first_ns": 0, "end_ns": NS + times.astype(np.int64),
            })  # fmt: skip
            spec = TrialSpec(f"compare-b{block:02d}-{arm}", arm, (), 9.0, (), block=block, arm=arm)
            facts = TrialFacts(spec, 0, 9 * NS, {}, {}, False, 0.0, {}, 0.0)
            made.append(Trial(facts, rows, pd.DataFrame(), pd.DataFrame()))
    return made


def test_a_planted_ratio_of_the_tail_is_found_and_no_verdict_given(study):
    found = conclude_tail(study, trials(study), ())
    assert [f.verdict for f in found] == ["reported"] and found[0].effect is not None
    assert found[0].effect.low < 1.3 < found[0].effect.high and found[0].effect.n == 1200
    assert "better" not in found[0].claim and "worse" not in found[0].claim and "1200 units" in found[0].claim


def test_the_order_of_trials_does_not_matter(study):
    made = trials(study)
    assert tail_of(study, made).ratio == tail_of(study, made[::-1]).ratio


@pytest.mark.parametrize(
    ("blocks", "units", "said"), [(6, 200, "at least 10"), (12, 50, "at least 1000"), (0, 0, "0 blocks")]
)
def test_too_few_blocks_or_units_say_why(study, blocks, units, said):
    made = trials(study, blocks, units)
    assert conclude_tail(study, made, ()) == []
    text = tail_of(study, made).text
    assert text.startswith("cannot be computed, because") and said in text


def test_a_failed_check_takes_the_word_back(study):
    failed = TrustCheck(name="identical arms measure alike", passed=False, observed="+9 %", limit="5 %")
    assert [f.verdict for f in conclude_tail(study, trials(study), (failed,))] == ["untrusted"]
