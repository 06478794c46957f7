"""Flags together: a planted overlap is found, planted independence is not called an interaction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.benches.stats.injected import block_set
from perflab.experiments import interactions
from perflab.experiments.blocks import BlockResult
from perflab.experiments.conclude.adoption import conclude_adoption
from perflab.experiments.conclude.flags import conclude_flags
from perflab.experiments.conclude.prototype import conclude, null_checks
from perflab.experiments.effort import EFFORT
from perflab.experiments.interactions import Adoption, adoptable, adoption_arms, adoption_sentence, waterfall_rows
from perflab.experiments.joint import PAYS, WORDS, sets_of
from perflab.experiments.null_arm import NULL
from perflab.experiments.screen import flag_effect
from perflab.report.deliverables.guide.decision import decide
from perflab.report.figures.adoption import adoption as draw
from perflab.stats.selection import Screened
from perflab.system.variant import flag_pair
from tests.experiments.planted import case

FLAGS = ("upstream=raw", "frames=binary", "store=wal_batched", "reply=streamed")
ALONE = (0.6, 0.8, 0.7, 0.9)


def effects(study, names=FLAGS):
    comparison = case(study).screening.effects[0].comparison
    return tuple(flag_effect(study, Screened(name, comparison, 0.0, True, True), (40, 40)) for name in names)


def planted(study, joint, *, alone=ALONE, names=FLAGS, seed=5, failing=None):
    """Return blocks of every arm, where the set of flags `members` has the ratio `joint(members)`."""
    order, rng = effects(study, names), np.random.default_rng(seed)
    truth = {}
    for arm, variant in adoption_arms(order).items():
        members = [i for i, name in enumerate(names) if name in variant]
        truth[arm] = joint([alone[i] for i in members]) if members else 1.0
    blocks = block_set(rng, {arm: r for arm, r in truth.items() if arm not in ("baseline", NULL)}, failing)
    return Adoption(order, (), blocks)


def product(ratios):
    return float(np.prod(ratios))


def strongest_only(ratios):
    """Flags that all save the same work: the strongest does it all."""
    return min(ratios)


def multiplied(ratios):
    return float(np.prod(ratios)) * (0.8 if len(ratios) > 1 else 1.0)


def test_independent_flags_are_no_interaction(study):
    found = planted(study, product)
    assert found.cpu.whole.verdict in ("equivalent", "trivial") and found.cpu.whole.effect == pytest.approx(
        1.0, abs=0.02
    )
    assert {WORDS[c.verdict] for c in found.cpu.with_the_rest} == {"independent"}
    assert found.cpu.together.effect == pytest.approx(product(ALONE), rel=0.02)
    assert [PAYS[c.verdict] for c in found.cpu.last] == ["pays"] * 4
    assert "independent" in adoption_sentence(found)


def test_a_planted_overlap_is_found_and_what_no_longer_pays_is_named(study):
    found = planted(study, strongest_only)
    assert WORDS[found.cpu.whole.verdict] == "overlap"
    assert found.cpu.whole.effect == pytest.approx(0.6 / product(ALONE), rel=0.02) and found.cpu.whole.low > 1
    ends = [PAYS[c.verdict] for c in found.cpu.last]
    assert ends == ["pays", "no longer pays", "no longer pays", "no longer pays"]
    together, *on_top = conclude_adoption(study, found, (), None)
    assert "overlap" in together.claim and together.claim.count("no longer pay") == 1
    rows = {row["flag"]: row for row in together.details["order_of_adoption"]}
    assert rows["frames=binary"]["once all are in"] == "no longer pays" and rows["upstream=raw"]["step"] == 1
    assert {f.condition for f in on_top} == {"on top of the other confirmed flags"}
    verdicts = {(f.variant, f.effect.metric): f.verdict for f in on_top}
    assert verdicts["baseline+upstream=raw", "CPU per turn"] == "better"
    assert verdicts["baseline+frames=binary", "CPU per turn"] in ("equivalent", "trivial")


def test_flags_that_reinforce_each_other_are_told_from_those_that_overlap(study):
    found = planted(study, multiplied)
    assert found.cpu.whole.effect == pytest.approx(0.8, rel=0.02)
    assert WORDS[found.cpu.whole.verdict] == "reinforce each other"


@settings(max_examples=15, deadline=None)
@given(alone=st.lists(st.floats(0.3, 1.3), min_size=2, max_size=4), seed=st.integers(0, 2**16))
def test_the_product_of_independent_effects_is_the_joint_effect(study_for_all, alone, seed):
    found = planted(study_for_all, product, alone=alone, names=FLAGS[: len(alone)], seed=seed)
    everything = range(len(alone))
    expected, joint = found.cpu.product(everything), found.cpu.of(frozenset(everything))
    assert np.median(joint / expected) == pytest.approx(1.0, abs=0.03)
    assert found.cpu.whole.effect == pytest.approx(1.0, abs=0.03) and found.cpu.whole.verdict not in ("worse", "better")
    assert [row["value"] for row in waterfall_rows(found)][-1] == pytest.approx(found.cpu.together.effect)


@pytest.fixture(scope="module")
def study_for_all():
    from perflab.benches.stats.injected import studied

    with studied() as opened:
        yield opened


def test_each_set_of_flags_is_one_arm(study):
    for k in (2, 3, 5):
        order = effects(study, (*FLAGS, "template=cached")[:k])
        arms = adoption_arms(order)
        assert arms["baseline"] == arms[NULL] == "baseline" and len(set(arms.values())) == len(arms) - 1
        assert len(arms) == {2: 5, 3: 9, 5: 2 + 5 + 3 + 1 + 4}[k]
        assert list(arms)[:2] == ["baseline", NULL] and arms["all"].count("+") == k
        assert all(study.variant(name).name == name for name in arms.values())


def paying(confirmation):
    of_cpu = [f for f in confirmation.figures if f.column == "cpu_ms_per_unit"]
    return [f.effect.arm for f in of_cpu if f.confirmed.comparison.verdict == "better"]


def test_only_sound_confirmed_flags_that_fit_together_are_adopted(study):
    confirmation = next(c for c in (case(study, seed=n).confirmation for n in range(50)) if len(paying(c)) > 1)
    better = paying(confirmation)
    order, left = adoptable(study, confirmation, 9)
    assert [e.arm for e in order] == better and left == () and better
    order, left = adoptable(study, confirmation, 1)
    assert len(order) == 1 and len(left) == len(better) - 1
    unequal = tuple(replace(f, equal_answers=(3, 40)) for f in confirmation.figures)
    assert adoptable(study, replace(confirmation, figures=unequal), 9)[0] == ()
    pipeline, other = effects(study, ("pipeline=batched", "store=pooled"))
    first = next(f for f in confirmation.figures if f.effect.arm == better[0])
    extra = [replace(first, effect=e) for e in (effects(study, ("store=wal_batched",))[0], other, pipeline)]
    figures = [*confirmation.blocks.figures, *(replace(f, arm=e.effect.arm) for e in extra
               for f in confirmation.blocks.figures if f.arm == better[0])]  # fmt: skip
    figures += [replace(f, arm="voice_activity=energy") for f in figures if f.arm == "baseline"]
    mixed = replace(confirmation, figures=tuple(extra), blocks=BlockResult(tuple(figures), (), {}))
    order, left = adoptable(study, mixed, 9)
    assert [e.arm for e in order] == ["store=wal_batched"]
    assert "another value of store" in left[0]
    assert "confirmed beside voice_activity=energy, not beside the baseline" in left[1]


def test_full_effort_measures_them_on_blocks_of_their_own_within_a_cap(study, monkeypatch):
    made, asked = case(study), {}

    def blocks(study, arms, plan, label):
        asked.update(arms=arms, plan=plan, label=label)
        return block_set(np.random.default_rng(1), {arm: 0.8 for arm in arms if arm not in ("baseline", NULL)}, None)

    monkeypatch.setattr(interactions, "run_blocks", blocks)
    more = replace(made.confirmation, figures=tuple(
        replace(f, confirmed=replace(f.confirmed, comparison=f.confirmed.comparison.judged_anew("better")))
        for f in made.confirmation.figures))  # fmt: skip
    found = interactions.measure_adoption(study, study.sizes, more)
    assert asked["label"] == "adopt" and asked["plan"].cap_s == study.sizes.adopt_cap_s > 0
    assert asked["plan"].work not in (0, interactions.FRESH_WORK) and list(asked["arms"])[:2] == ["baseline", NULL]
    assert len(found.order) == 3
    assert set(found.prices.values()) == {""}
    arm = found.order[0].arm
    dearer = interactions.measure_adoption(study, study.sizes, dearer_in(more, arm, "memory_mb"))
    assert dearer.prices[arm].startswith("peak memory +30 %") and dearer.settings[0].price == dearer.prices[arm]
    assert interactions.measure_adoption(study, EFFORT["quick"], more) is None
    assert interactions.measure_adoption(study, study.sizes, None) is None
    assert "full effort" in adoption_sentence(None)


def test_a_failed_null_arm_leaves_no_word_on_interactions(study):
    made = case(study)
    found = planted(study, strongest_only)
    off = tuple(
        replace(f, cpu_ms_per_unit=f.cpu_ms_per_unit * 1.3) if f.arm == NULL else f for f in found.blocks.figures
    )
    failed = replace(found, blocks=replace(found.blocks, figures=off))
    checks = null_checks(made.blocks, made.screening, made.confirmation, study.run, failed)
    assert any("interactions" in c.name and not c.passed for c in checks)
    said = conclude(study, made.blocks, made.screening, [], [], {}, made.confirmation, failed)
    assert {f.verdict for f in said if f.kind == "comparison" and f.stage != "screened"} == {"untrusted"}
    whole = next(f for f in said if f.id == "F30-adoption")
    assert whole.verdict == "untrusted" and "no verdict" in whole.claim
    assert {row["they"] for row in whole.details["interactions"]} == {"no verdict"}
    assert adoption_sentence(failed).startswith("No verdict on interactions")


def test_a_figure_that_does_not_vary_is_told_and_the_others_stand(study):
    found = planted(study, product)
    flat = tuple(replace(f, memory_mb=150.0) for f in found.blocks.figures)
    together, *on_top = conclude_adoption(study, replace(found, blocks=replace(found.blocks, figures=flat)), (), None)
    assert any("peak memory cannot be computed" in c for c in together.caveats)
    assert {f.effect.metric for f in on_top} == {"CPU per turn", "response p95"}
    still = tuple(replace(f, cpu_ms_per_unit=1.0) for f in found.blocks.figures)
    (only,) = conclude_adoption(study, replace(found, blocks=replace(found.blocks, figures=still)), (), None)
    assert only.verdict == "inconclusive" and "cannot be computed" in only.claim
    frozen = replace(found, blocks=replace(found.blocks, figures=still))
    assert waterfall_rows(frozen) == [] == waterfall_rows(None) and "cannot be computed" in adoption_sentence(frozen)


def test_the_waterfall_says_in_words_what_it_draws(study):
    drawn = draw(waterfall_rows(planted(study, strongest_only)), "Adoption")
    assert "with frames=binary 0.60 [" in drawn.alt and "expected 0.48" in drawn.alt and "<svg" in drawn.svg


def dearer_in(confirmation, arm, column="p95_ms"):
    """Return the confirmation with one figure of one flag worse by 30 %."""

    def worse(item):
        said = replace(item.confirmed.comparison.judged_anew("worse"), effect=1.3, low=1.2, high=1.4)
        return replace(item, confirmed=replace(item.confirmed, comparison=said))

    return replace(confirmation, figures=tuple(
        worse(f) if (f.effect.arm, f.column) == (arm, column) else f for f in confirmation.figures))  # fmt: skip


def test_a_flag_that_costs_response_is_adopted_at_a_price_as_the_decision_table_has_it(study):
    made = next(c for c in (case(study, seed=n) for n in range(50)) if paying(c.confirmation))
    arm = paying(made.confirmation)[0]
    dearer = dearer_in(made.confirmation, arm)
    order, _ = adoptable(study, dearer, 9)
    effect = next(e for e in order if e.arm == arm)
    assert interactions.price_of(study, dearer, effect) == "response p95 +30 % [+20, +40]"
    assert interactions.price_of(study, made.confirmation, effect) == ""
    flags = conclude_flags(study, made.screening, dearer, (), (), None)
    assert "price is acceptable" in decide([f for f in flags if f.details.get("flag") == effect.flag])
    lossy = replace(effect, pair=flag_pair(study.system, "store", "write_behind"))
    assert interactions.price_of(study, dearer, lossy).startswith("gives up what")


def test_a_price_stands_in_the_row_the_claim_and_the_sentence(study):
    free = planted(study, product)
    priced = replace(free, prices={"frames=binary": "response p95 +30 % [+20, +40]"})
    for adoption in (free, priced):
        told = adoption is priced
        together, *_ = conclude_adoption(study, adoption, (), None)
        rows = {row["flag"]: row.get("at the price of") for row in together.details["order_of_adoption"]}
        assert rows["frames=binary"] == ("response p95 +30 % [+20, +40]" if told else None)
        assert rows["upstream=raw"] == ("nothing that was seen" if told else None)
        for text in (together.claim, adoption_sentence(adoption)):
            assert ("At a price, by what confirmed them: frames=binary (response p95 +30 %" in text) == told


def test_every_set_is_measured_once():
    for count in (2, 3, 4, 5):
        sets, everything = sets_of(count), frozenset(range(count))
        assert len(set(sets)) == len(sets) == {2: 4, 3: 8, 4: 11, 5: 14}[count]
        assert frozenset() in sets and everything in sets
        assert {frozenset({i}) for i in everything} | {everything - {i} for i in everything} <= set(sets)
        assert all(frozenset(range(n)) in sets for n in everything)
