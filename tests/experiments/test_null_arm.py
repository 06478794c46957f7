"""A null arm that fails in one figure of one block set: no verdict stands in findings, tables, page, deliverables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perflab.benches.stats.injected import GATE, MACHINE, SETS, Planted, make_case, printed
from perflab.benches.stats.null_arm import plans
from perflab.experiments.conclude.prototype import conclude, conclude_matrix, conclude_targets, null_checks
from perflab.experiments.confirm import confirmed_figures
from perflab.experiments.ladder import Level
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.null_arm import FIGURES, MACHINE_CHECK, NULL, failed_null, machine_null, null_check
from perflab.experiments.null_arm import null_checks as null_checks_of
from perflab.experiments.trial import Segment, Trial, TrialFacts, TrialSpec
from perflab.report.deliverables.build import build_deliverables
from perflab.stats.compare import compare_paired
from tests.experiments.planted import case

COLUMNS = [figure.column for figure in FIGURES]


def concluded(study, made):
    return conclude(study, made.blocks, made.screening, [], [], {}, made.confirmation)


def test_sound_null_arms_leave_verdicts(study):
    found = concluded(study, case(study))
    assert {"better", "worse"} & {f.verdict for f in found}
    assert all(check.passed for f in found for check in f.trust)
    assert printed(study, case(study))


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("sign", [1, -1])
def test_one_figure_voids_every_figure_of_its_blocks(study, column, sign):
    blocks = case(study, "blocks", column, sign).blocks
    judged = study.system.judge
    assert [check.passed for check in blocks.null_checks].count(False) == 1
    for other in COLUMNS[:3]:
        said = blocks.compare(judged, other, 0.05)
        assert said.verdict == "untrusted" and "identical arms" in said.explanation
        assert "better" not in said.explanation and "worse" not in said.explanation
    assert blocks.compare_ms(judged, "added_p50_ms", 1.0).verdict == "untrusted"


@pytest.mark.parametrize("where", SETS)
def test_a_failure_in_one_set_voids_the_whole_notebook(study, where):
    made = case(study, where)
    found = concluded(study, made)
    assert {f.verdict for f in found} == {"untrusted"}
    assert printed(study, made) == []


def test_the_reason_stands_in_the_deliverables(study):
    study.save_findings(concluded(study, case(study, "blocks", "p50_ms")))
    texts = {path.stem: path.read_text(encoding="utf-8") for path in build_deliverables(study.run)}
    assert "identical arms measure alike (response p50)" in texts["prototype-report"]
    assert "adopt" not in texts["strategy-guide"].split("Decision table")[1].split("How effects")[0]


def trial_of(name="matrix-optimised"):
    spec = TrialSpec(name, "optimised", ((0.0, 5),), 10.0, (Segment("normal", 0.0, 10.0, 5, 3.0),))
    generator = {"asked_frame_rate": 50.0, "wall_s": 10.0, "late_p99_ms": 0.5, "cpu_percent": 10.0, "lost_frames": 0.0}
    facts = TrialFacts(spec, 0, 10**10, {}, generator, False, 0.01, {}, 0.0)
    return Trial(facts, pd.DataFrame(), pd.DataFrame(), pd.DataFrame())


def test_levels_of_the_matrix_are_voided_too(study):
    level = Level("normal", 5, 7.0, 40, None, None, None, 4.0, 20.0, 90.0, 0, 40)
    result = MatrixResult("optimised", {}, {"normal": level}, {}, None, "matrix-optimised")
    for where, verdict in (("", "reported"), ("blocks", "untrusted")):
        made = case(study, where)
        null = null_checks(made.blocks, made.screening, made.confirmation)
        assert {f.verdict for f in conclude_matrix(study, [result], [trial_of()], {}, null)} == {verdict}


def test_targets_carry_it_as_a_warning(study):
    made = case(study, "blocks")
    null = null_checks(made.blocks, None, None)
    assert conclude_targets(study, [], null) == []
    assert failed_null(null) and not failed_null([c.model_copy(update={"veto": False}) for c in null])


def test_blocks_without_a_null_arm_have_no_check(study):
    blocks = case(study).blocks
    bare = replace(blocks, figures=tuple(f for f in blocks.figures if f.arm != NULL))
    assert bare.null_checks == () and bare.compare(study.system.judge, "cpu_ms_per_unit", 0.05).verdict == "better"


def test_the_check_agrees_with_the_comparison():
    base = [10, 11, 12, 13, 14, 15, 16, 17.0]
    for shift, alarm in ((1.2, True), (0.8, True), (1.01, False), (0.98, False)):
        twin = [value * shift * (1 + 0.001 * i) for i, value in enumerate(base)]
        found = compare_paired(base, twin, lower_is_better=True, margin=0.05)
        assert found.false_alarm is alarm and null_check(found, "CPU").passed is not alarm


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("step", "passed"), [(0.0, True), (0.5, True), (3.0, False), (-3.0, False)])
def test_a_constant_step_between_identical_arms_fails_beyond_the_margin(study, column, step, passed):
    """`step` in margins; no interval can be made of it, and it is a difference that does not exist."""
    figure = next(f for f in FIGURES if f.column == column)
    blocks = case(study).blocks
    base = {f.block: 20.0 for f in blocks.figures}
    moved = 20.0 + step * figure.margin if figure.unit else 20.0 * (1 + step * figure.margin)
    made = tuple(
        replace(f, **{column: moved if f.arm == NULL else base[f.block]}) if f.arm in ("baseline", NULL) else f
        for f in blocks.figures
    )
    said = replace(blocks, figures=made)
    assert (not said.failed_null) is passed
    if not passed:
        assert figure.name in said.failed_null and "always" in said.failed_null
        assert said.compare(study.system.judge, "memory_mb", 0.05).verdict == "untrusted"


def test_a_null_arm_that_would_be_called_worse_fails_though_its_estimate_is_within_the_margin():
    rng = np.random.default_rng(3)
    base = 10 * np.exp(rng.normal(0, 0.1, 12))
    found = compare_paired(
        base, base * np.exp(np.abs(rng.normal(0.03, 0.02, 12)) + 0.001), lower_is_better=True, margin=0.04
    )
    assert found.verdict == "worse" and found.effect < 1.04
    assert found.false_alarm and not null_check(found, "CPU").passed


@pytest.mark.parametrize("sign", [1, -1])
def test_a_machine_that_tells_known_work_from_itself_voids_the_comparisons_of_its_run(study, sign):
    rng = np.random.default_rng(8)
    assert printed(study, make_case(study, rng, Planted(MACHINE, sign=sign))) == []
    assert [check.name for check in machine_null(study.run)] == [MACHINE_CHECK]
    assert printed(study, make_case(study, rng, Planted()))
    assert machine_null(study.run) == ()


def test_the_planted_faults_pass_through_every_place_with_identical_arms():
    planned = plans(150)
    assert {p.where for p in planned} == {*SETS, MACHINE, GATE}
    assert {(p.column, p.sign) for p in planned if p.where == GATE} == {(c, s) for c in COLUMNS for s in (1, -1)}


def _set_of_blocks(rng, blocks, shift=0.0):
    """Five figures of two identical arms with a noise of 3 % and of 3 ms; `shift` moves the first by that share."""
    made = {("baseline", c): 100 * np.exp(rng.normal(0, 0.03, blocks)) for c in COLUMNS}
    made |= {(NULL, c): 100 * np.exp(rng.normal(0, 0.03, blocks)) for c in COLUMNS}
    made[NULL, COLUMNS[0]] = made[NULL, COLUMNS[0]] * (1 + shift)
    return lambda arm, figure: made[arm, figure]


def test_of_sound_sets_of_eight_blocks_at_most_one_in_twenty_is_voided_by_any_of_its_figures():
    rng = np.random.default_rng(11)
    voided = sum(bool(failed_null(null_checks_of(_set_of_blocks(rng, 8)))) for _ in range(300))
    assert voided <= 300 * 0.05 + 3 * np.sqrt(300 * 0.05 * 0.95)


@pytest.mark.parametrize("blocks", [6, 8, 15])
def test_a_biased_figure_voids_its_blocks_whatever_their_number(blocks):
    rng = np.random.default_rng(12)
    assert all(failed_null(null_checks_of(_set_of_blocks(rng, blocks, shift=0.25))) for _ in range(40))


def test_what_chance_explains_is_said_and_passes():
    rng = np.random.default_rng(13)
    sets = [null_checks_of(_set_of_blocks(rng, 8)) for _ in range(120)]
    told = [check for checks in sets for check in checks if "chance" in check.observed]
    assert told and all(check.passed for check in told)


CHANCE = (1.09, 1.07, 1.06, 1.08, 1.05, 1.04, 1.061, 0.99)  # alone p = 0.016, of five figures 0.08


@pytest.mark.parametrize("column", COLUMNS[:2])
def test_what_the_page_calls_chance_takes_no_verdict(study, column):
    """One rule for checks and verdicts: a null arm that passes as chance leaves its own figure's verdict, too."""
    judged = study.system.judge
    sound = case(study).blocks
    eight = replace(sound, figures=tuple(f for f in sound.figures if f.block < len(CHANCE)))
    base = {f.block: getattr(f, column) for f in eight.figures if f.arm == "baseline"}
    made = replace(eight, figures=tuple(
        replace(f, **{column: base[f.block] * CHANCE[f.block]}) if f.arm == NULL else f for f in eight.figures
    ))  # fmt: skip
    alone = compare_paired(
        made.column("baseline", column), made.column(NULL, column), lower_is_better=True, margin=0.05
    )
    assert alone.false_alarm
    assert made.failed_null == "" and all(check.passed for check in made.null_checks)
    assert made.compare(judged, column, 0.05).verdict == "better"
    flags = case(study).confirmation.figures
    chosen = tuple({f.effect.arm: f.effect for f in flags}.values())
    arms = {judged: chosen[0].arm}
    fresh = replace(made, figures=tuple(replace(f, arm=arms.get(f.arm, f.arm)) for f in made.figures))
    said = confirmed_figures(chosen[:1], fresh)
    assert {f.confirmed.comparison.verdict for f in said.figures} == {"better"}
