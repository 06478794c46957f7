"""What is said of the judged variant as a whole: nothing of a combination that changes answers or fails its units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perflab.benches.stats.injected import block_set
from perflab.experiments.conclude import prototype as subject
from perflab.experiments.conclude import scale, verdict
from perflab.experiments.conclude.adoption import conclude_adoption
from perflab.experiments.prototype import comparison_sentence
from perflab.experiments.scaling import Capacities, ResponseTarget
from perflab.experiments.trial import save_facts
from perflab.findings.finding import TrustCheck
from perflab.findings.traceability import TraceRow
from perflab.model.capacity import capacity_statement
from perflab.model.knee import Rung
from tests.experiments.planted import case
from tests.experiments.test_interactions import planted, product
from tests.experiments.test_null_arm import trial_of
from tests.experiments.test_tail import trials


def answering(study, equal, compared=320):
    blocks = case(study).blocks
    return replace(blocks, equivalence={study.system.judge: (equal, compared)})


def test_a_combination_that_changes_answers_has_no_verdict(study):
    """Each flag alone is exact; together they garble the audio, and save 72 %."""
    blocks = answering(study, 0)
    found = subject.conclude_blocks(study, blocks, (), None)
    assert {f.verdict for f in found} == {"untrusted"}
    check = next(c for c in found[0].trust if c.name == "equal answers")
    assert check.observed == "0 of 320 equal the baseline's" and check.next_step
    assert "No verdict: equal answers: 0 of 320" in comparison_sentence(study, blocks)
    assert "No verdict" not in comparison_sentence(study, answering(study, 320))
    assert "better" in {f.verdict for f in subject.conclude_blocks(study, answering(study, 320), (), None)}


def test_answers_that_nobody_compared_are_a_warning(study):
    found = subject.conclude_blocks(study, answering(study, 0, 0), (), None)[0]
    check = next(c for c in found.trust if c.name == "equal answers")
    assert found.verdict == "better" and not check.passed and not check.veto


def test_a_variant_with_a_flag_that_may_lose_something_may_change_answers(study):
    lossy = replace(study, system=study.system.model_copy(update={"judge": "optimised+client_audio=opus"}))
    blocks = answering(study, 0)
    arm = {study.system.judge: lossy.system.judge}
    figures = tuple(replace(f, arm=arm.get(f.arm, f.arm)) for f in blocks.figures)
    blocks = replace(blocks, figures=figures, equivalence={lossy.system.judge: (0, 320)})
    found = subject.conclude_blocks(lossy, blocks, (), None)[0]
    assert found.verdict == "better" and any("0 of 320 answers" in caveat for caveat in found.caveats)


def test_flags_that_change_answers_only_together_have_no_verdict_either(study):
    sound = planted(study, product)
    blocks = replace(sound.blocks, equivalence={**sound.blocks.equivalence, "all": (0, 40)})
    found = conclude_adoption(study, replace(sound, blocks=blocks), (), None)
    assert len(found) > 4 and {f.verdict for f in found} == {"untrusted"}
    assert "untrusted" not in {f.verdict for f in conclude_adoption(study, sound, (), None)}


@pytest.mark.parametrize("fault", ["answers", "failures"])
def test_the_tail_rests_on_the_same_checks(study, monkeypatch, fault):
    judged = study.system.judge
    blocks = answering(study, 0 if fault == "answers" else 320)
    if fault == "failures":
        blocks = replace(blocks, figures=tuple(replace(f, failed=30 * (f.arm == judged)) for f in blocks.figures))
    monkeypatch.setattr(subject, "block_trials", lambda *_: trials(study))
    monkeypatch.setattr(subject, "trust_of", lambda *_, **__: ())
    for made, said in ((blocks, "untrusted"), (answering(study, 320), "reported")):
        found = subject.conclude(study, made, None, [], [], {})
        assert [f.verdict for f in found if f.id == "F30-5"] == [said]


def rows_of(*verdicts):
    return [TraceRow(f"T-{i}", "", "gemini_codegen", "", v, "measured-full", v, (), "") for i, v in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (("meets", "meets"), "Ship optimised: 2 targets met, none missed."),
        (("meets", "not-yet-judged"), "Ship optimised, provisionally: 1 targets met, none missed, 1 not yet judged."),
        (
            ("meets", "inconclusive", "not-yet-judged"),
            "Ship optimised, provisionally: 1 targets met, none missed, 1 inconclusive (T-1), 1 not yet judged.",
        ),
    ],
)
def test_the_decision_is_provisional_while_a_target_is_open(study, monkeypatch, verdicts, said):
    monkeypatch.setattr(verdict, "traced", lambda *_: rows_of(*verdicts))
    assert verdict.conclude(study, [])[0].claim == said


def test_what_is_not_yet_judged_was_measured_too_little_or_not_at_all(study, monkeypatch):
    rows = rows_of("meets", "not-yet-judged", "not-yet-judged", "not-yet-judged")
    rows[1] = replace(rows[1], finding_ids=("F30-target.1",))
    monkeypatch.setattr(verdict, "traced", lambda *_: rows)
    told = "3 not yet judged (1 too little measured, 2 not measured in this run)."
    assert verdict.conclude(study, [])[0].claim.endswith(told)


def test_to_ship_what_no_comparison_could_be_trusted_on_says_so(study, monkeypatch):
    monkeypatch.setattr(verdict, "traced", lambda *_: rows_of("meets"))
    failed = TrustCheck(name="load generator on time", passed=False, observed="p99 9 ms", limit="5 ms")
    for checks, told in (((), False), ((failed,), True)):
        found = subject.conclude_blocks(study, answering(study, 320), checks, None)
        assert ("is not known: trust checks refused" in verdict.conclude(study, found)[0].claim) is told


def test_what_changes_answers_is_not_shipped(study, monkeypatch):
    monkeypatch.setattr(verdict, "traced", lambda *_: rows_of("meets", "meets"))
    for equal, said in ((0, "Do not ship optimised as it is"), (320, "Ship optimised: ")):
        found = subject.conclude_blocks(study, answering(study, equal), (), None)
        assert verdict.conclude(study, found)[0].claim.startswith(said)
    assert "0 of 320" in verdict.conclude(study, subject.conclude_blocks(study, answering(study, 0), (), None))[0].claim


@pytest.mark.parametrize(("late_ms", "said"), [(0.5, "reported"), (80.0, "untrusted")])
@pytest.mark.parametrize("kind", ["ladder", "matrix"])
def test_capacity_rests_on_the_checks_of_its_trials(study, monkeypatch, kind, late_ms, said):
    made = trial_of(f"{kind}-optimised")
    facts = replace(made.facts, generator={**made.facts.generator, "late_p99_ms": late_ms})
    save_facts(study, facts)
    monkeypatch.setattr(scale, "read_trial", lambda study, name: replace(made, facts=facts))
    told = capacity_statement([Rung(10, 100, 90, 110), Rung(20, 900, 800, 990)], 500, cores=1)
    capacities = Capacities(ResponseTarget("T-1", 500, "p95 < 500 ms"), {"optimised": told}, {"optimised": 2})
    (found,) = scale.conclude(study, capacities, None)
    assert found.verdict == said and found.trust


def test_a_planted_set_of_blocks_has_equal_answers(study):
    """The material of these tests: without it every verdict above would be refused for want of answers."""
    made = block_set(np.random.default_rng(1), {"optimised": 0.5}, None)
    assert made.equivalence == {"optimised": (40, 40)}
