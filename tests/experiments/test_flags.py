"""Flags: screened estimates are labelled wherever they appear, confirmed ones come from fresh blocks."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perflab.benches.stats.injected import block_set
from perflab.errors import StatisticError
from perflab.experiments import prototype
from perflab.experiments.conclude.flags import SCREENED, equal_answers, forest_rows
from perflab.experiments.conclude.prototype import conclude, null_checks
from perflab.experiments.confirm import confirmed_figures
from perflab.experiments.effort import EFFORT
from perflab.experiments.null_arm import NULL
from perflab.experiments.prototype import confirmation_sentence
from perflab.experiments.screen import _cpu_per_unit
from perflab.experiments.summing_up import decision, strategy_table
from perflab.experiments.tables import block_table
from perflab.experiments.units_of_work import Window
from perflab.report.deliverables.build import build_deliverables
from perflab.report.run_page import build_run_page
from perflab.report.wording import effect_text
from tests.experiments.planted import case
from tests.experiments.test_null_arm import trial_of


def concluded(study, *, confirmed):
    made = case(study)
    confirmation = made.confirmation if confirmed else None
    found = conclude(study, made.blocks, made.screening, [], [], {}, confirmation)
    study.save_findings(found)
    return made, [f for f in found if f.strategy]


def test_what_was_only_screened_says_so_everywhere(study):
    made, flags = concluded(study, confirmed=False)
    assert flags and {f.stage for f in flags} == {"screened"}
    for finding in flags:
        assert finding.claim.lower().startswith(SCREENED) and finding.verdict == "reported"
        assert finding.effect is None and effect_text(finding) == ""
        assert not re.search("better|worse", finding.model_dump_json())
        assert not decision(finding).startswith("adopt")
    texts = {p.name: p.read_text(encoding="utf-8") for p in build_deliverables(study.run)}
    table = texts["strategy-guide.md"].split("Decision table")[1].split("How effects")[0]
    assert "confirm first: screened only" in table
    assert not [line for line in table.splitlines() if line.startswith("| ST-") and "adopt" in line]
    report = texts["prototype-report.md"].split("Ablation")[1]
    page = build_run_page(study.run).read_text(encoding="utf-8")
    for finding in flags:  # the order and the figure are still told, as what they are
        assert f"number {finding.details['rank']} of {len(flags)} flags (" in finding.claim
        assert f"{SCREENED}, number {finding.details['rank']} of the screening" in table
    places = [report.index(f"number {rank} of {len(flags)} flags") for rank in range(1, len(flags) + 1)]
    assert places == sorted(places) and page.lower().count(SCREENED) >= len(flags)
    listed = strategy_table(flags[::-1])
    assert list(listed["variant"]) == [f"baseline+{e.arm}" for e in made.screening.effects]
    decided = {f.details["direction"]: decision(f) for f in flags}
    assert decided["less"] == "confirm first" and decided["more"] == "do not confirm"
    assert "every estimate here is screened" in confirmation_sentence(study, made.screening, None)


def test_a_confirmed_flag_is_published_by_its_fresh_blocks_alone(study):
    made, flags = concluded(study, confirmed=True)
    confirmed = {f.effect.flag for f in made.confirmation.figures}
    for finding in (f for f in flags if f.details["flag"] in confirmed):
        assert finding.stage == "confirmed" and "Holm" in finding.claim and SCREENED not in effect_text(finding)
    cpu = next(f for f in flags if f.id == f"F30-flag.{made.confirmation.figures[0].effect.flag}".replace("_", "-"))
    said = made.confirmation.figures[0].confirmed.comparison
    assert cpu.effect.value == said.effect and cpu.effect.n == said.n
    assert cpu.effect.value != made.confirmation.figures[0].effect.comparison.effect
    figures = {f.effect.metric for f in flags if f.details["flag"] == made.confirmation.figures[0].effect.flag}
    assert len(figures) == 3  # nothing is adopted on one figure


def test_confirmed_flags_keep_the_order_of_the_screening(study):
    made, _ = concluded(study, confirmed=True)
    order = [e.flag for e in made.screening.effects]
    seen = [order.index(f.effect.flag) for f in made.confirmation.figures]
    assert seen == sorted(seen)
    _, flags = concluded(study, confirmed=True)
    listed = strategy_table(flags[::-1])["variant"]
    assert list(dict.fromkeys(listed))[:3] == [f"baseline+{e.arm}" for e in made.screening.effects[:3]]


def test_the_forest_shows_confirmed_estimates_and_labels_the_rest(study):
    made, _ = concluded(study, confirmed=True)
    rows = forest_rows(made.screening, made.confirmation, ())
    labels = [row["label"] for row in rows]
    assert sum("(confirmed)" in label for label in labels) == 3
    assert sum("(screened)" in label for label in labels) == len(made.screening.effects) - 3
    assert {row["verdict"] for row in rows if "(screened)" in row["label"]} == {"not confirmed"}


@pytest.mark.parametrize(("where", "word"), [("", "passed"), ("screening", "failed"), ("blocks", "passed")])
def test_the_null_arm_of_the_forest_passes_or_fails_and_has_no_verdict(study, where, word):
    made = case(study, where)
    checks = null_checks(made.blocks, made.screening, None)
    rows = forest_rows(made.screening, None, checks)
    assert rows[-1]["label"].startswith("null arm") and rows[-1]["verdict"] == word
    assert {row["verdict"] for row in rows[:-1]} == {"untrusted" if where else "not confirmed"}


def test_a_flag_that_changes_answers_is_untrusted(study):
    made = case(study)
    effects = tuple(replace(e, equal_answers=(39, 40)) for e in made.screening.effects)
    found = conclude(study, made.blocks, replace(made.screening, effects=effects), [], [], {}, None)
    exact = {f.name for f in study.system.flag if f.value_of(f.optimised).equivalence == "exact"}
    mine = [f for f in found if f.details.get("flag") in exact and f.stage == "screened"]
    assert {f.verdict for f in found if f.details.get("flag") in exact} == {"untrusted"}
    said = "is refused, as equal answers failed (39 of 40 equal the baseline's)"
    assert mine and all(said in f.claim and "direction" not in f.claim for f in mine)


def test_the_forest_has_no_verdict_on_a_confirmed_flag_that_changes_answers(study):
    made = case(study)
    unequal = tuple(replace(f, equal_answers=(39, 40)) for f in made.confirmation.figures)
    rows = forest_rows(made.screening, replace(made.confirmation, figures=unequal), ())
    words = {row["verdict"] for row in rows if "(confirmed)" in row["label"]}
    assert {e.exact for e in made.screening.effects} == {True} and words == {"untrusted"}


def test_answers_that_nobody_compared_are_no_pass(study):
    made = case(study)
    exact = next(e for e in made.screening.effects if _exact(study, e))
    check = equal_answers(study, exact, (0, 0))
    assert not check.passed and not check.veto and check.observed.startswith("not checked")
    assert equal_answers(study, exact, (40, 40)).passed and not equal_answers(study, exact, (39, 40)).passed
    assert equal_answers(study, exact, (39, 40)).veto


def _exact(study, effect):
    flag = next(f for f in study.system.flag if f.name == effect.flag)
    return flag.value_of(effect.value).equivalence == "exact"


@pytest.mark.parametrize("failing", ["arm", "baseline"])
def test_an_arm_whose_units_fail_has_no_verdict(study, failing):
    """38 of 40 units failed in every block: the figures are those of the survivors."""
    made = case(study)
    arms = {study.system.judge, *(f.effect.arm for f in made.confirmation.figures)}
    lost = arms if failing == "arm" else {"baseline"}

    def failed(blocks):
        return replace(blocks, figures=tuple(replace(f, failed=38) if f.arm in lost else f for f in blocks.figures))

    confirmation = replace(made.confirmation, blocks=failed(made.confirmation.blocks))
    found = conclude(study, failed(made.blocks), made.screening, [], [], {}, confirmation)
    judged = [f for f in found if f.kind == "comparison" and f.stage != "screened"]
    assert len(judged) > 4 and {f.verdict for f in judged} == {"untrusted"}
    assert all(any(c.name == "arms fail alike" and not c.passed for c in f.trust) for f in judged)
    rows = forest_rows(made.screening, confirmation, ())
    assert {r["verdict"] for r in rows if "(confirmed)" in r["label"]} == {"untrusted"}


def test_a_figure_that_cannot_be_computed_is_said_and_not_judged(study):
    """Memory that reads the same in every block: the other figures stand, and the reason is told."""
    made = case(study)
    flat = replace(made.confirmation.blocks, figures=_flat(made.confirmation.blocks.figures))
    chosen = tuple({f.effect.flag: f.effect for f in made.confirmation.figures}.values())
    confirmation = confirmed_figures(chosen, flat)
    assert {f.figure for f in confirmation.figures} == {"CPU", "response p95"}
    blocks = replace(made.blocks, figures=_flat(made.blocks.figures))
    found = conclude(study, blocks, made.screening, [], [], {}, confirmation)
    memory = next(f for f in found if f.id == "F30-4")
    assert memory.verdict == "inconclusive" and "cannot be computed, because" in memory.claim and memory.effect is None
    told = [f for f in found if f.stage == "confirmed" and f.effect.metric.startswith("CPU")]
    assert told and all(any("peak memory cannot be computed" in c for c in f.caveats) for f in told)
    assert "cannot be computed" in block_table(study, blocks).to_string()


def _flat(figures):
    return tuple(replace(f, memory_mb=150.0) for f in figures)


def test_full_effort_confirms_the_chosen_on_fresh_adaptive_blocks(study, monkeypatch):
    made, asked = case(study), {}

    def blocks(study, arms, plan, label, references):
        asked.update(arms=arms, plan=plan, label=label, references=references)
        rng = np.random.default_rng(8)
        return block_set(rng, {arm: 0.8 for arm in arms if arm not in ("baseline", NULL)}, None)

    monkeypatch.setattr(prototype, "run_blocks", blocks)
    found = prototype.confirm_flags(study, study.sizes, made.screening)
    chosen = [e.arm for e in made.screening.effects if e.screened.chosen][:5]
    assert chosen and list(asked["arms"]) == ["baseline", NULL, *chosen] and asked["label"] == "confirm"
    assert asked["arms"][chosen[0]] == f"baseline+{chosen[0]}" and asked["arms"][NULL] == "baseline"
    assert set(asked["references"].values()) == {"baseline"}
    assert asked["plan"].work and asked["plan"].stop.first == 15 and asked["plan"].cap_s > 0
    assert {f.confirmed.comparison.verdict for f in found.figures} == {"better"}
    assert prototype.confirm_flags(study, EFFORT["quick"], made.screening) is None
    assert prototype.confirm_flags(study, study.sizes, None) is None


def test_a_failed_screening_has_nothing_to_confirm(study):
    made = case(study, "screening")
    assert made.screening.chosen(5) == () and prototype.confirm_flags(study, study.sizes, made.screening) is None


def test_a_window_in_which_no_unit_was_done_is_an_error(study):
    with pytest.raises(StatisticError, match="was done in 1 of 2 windows"):
        _cpu_per_unit(study, worked(10), [Window(0, 20), Window(20, 40)])


@pytest.mark.parametrize(("outcome", "units"), [("ok", 2), ("interrupted", 2), ("error", 1), ("timeout", 1)])
def test_a_failed_unit_is_no_work_done(study, outcome, units):
    """1 s of CPU for two units, the second of which may have failed."""
    (cost,) = _cpu_per_unit(study, worked(10, 10, outcomes=("ok", outcome)), [Window(0, 20)])
    assert cost == pytest.approx(1.0 / units)


def worked(*ends, outcomes=("ok", "ok")):
    """A trial whose gateway spent 1 s of CPU in 20 ns, on units from 0 to `ends`."""
    rows = {"kind": "turn", "start_ns": 0, "intended_ns": 0, "end_ns": ends, "outcome": outcomes[: len(ends)]}
    used = pd.DataFrame({"process": "gateway", "t_ns": [0, 20, 40], "cpu_s": [0.0, 1.0, 2.0]})
    return replace(trial_of("screen-x"), units=pd.DataFrame(rows), resources=used)


def test_a_confirmed_figure_says_that_holm_is_for_itself(study):
    _, flags = concluded(study, confirmed=True)
    told = [f.claim for f in flags if f.stage == "confirmed"]
    assert told and all("for this figure by itself" in claim for claim in told)


def test_no_single_figure_decides_on_a_strategy(study):
    """Equal memory says nothing of CPU, a loss in the tail rejects nothing, a means decides nothing."""
    _, flags = concluded(study, confirmed=True)
    cpu = next(f for f in flags if f.stage == "confirmed" and f.effect.metric.startswith("CPU"))

    def of(metric, verdict, **details):
        effect = cpu.effect.model_copy(update={"metric": metric})
        return cpu.model_copy(update={"verdict": verdict, "effect": effect, "details": {**cpu.details, **details}})

    assert decision(of("peak memory", "equivalent")) == "no effect on peak memory"
    assert decision(of("response p95", "worse")) == "a loss in response p95: see the strategy guide"
    assert decision(of("CPU per turn", "better")).startswith("a gain in CPU per turn")
    assert decision(of("reads of the store", "better", means=True)) == "a means: decides nothing"
    assert decision(of("response p95", "untrusted")) == "measure more"
    screened = cpu.model_copy(update={"stage": "screened", "verdict": "reported", "effect": None})
    tail = screened.model_copy(update={"details": {"figure": "response p95", "direction": "more"}})
    assert decision(tail) == "points to a loss in response p95: see the strategy guide"
    assert not [f for f in flags if decision(f).startswith(("adopt", "reject"))]
