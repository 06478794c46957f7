"""Flags: screened estimates are labelled wherever they appear, confirmed ones come from fresh blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perflab.benches.stats.injected import block_set
from perflab.errors import StatisticError
from perflab.experiments import prototype
from perflab.experiments.conclude.flags import SCREENED, forest_rows
from perflab.experiments.conclude.prototype import conclude
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
        assert SCREENED in effect_text(finding) and finding.claim.lower().startswith(SCREENED)
        assert not decision(finding).startswith("adopt")
    texts = {p.name: p.read_text(encoding="utf-8") for p in build_deliverables(study.run)}
    table = texts["strategy-guide.md"].split("Decision table")[1].split("How effects")[0]
    assert "confirm first: screened only" in table
    assert not [line for line in table.splitlines() if line.startswith("| ST-") and "adopt" in line]
    page = build_run_page(study.run).read_text(encoding="utf-8")
    assert page.count(SCREENED) >= 2 * len(flags)
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
    listed = strategy_table(study, flags[::-1])["variant"]
    assert list(dict.fromkeys(listed))[:3] == [f"baseline+{e.arm}" for e in made.screening.effects[:3]]


def test_the_forest_shows_confirmed_estimates_and_labels_the_rest(study):
    made, _ = concluded(study, confirmed=True)
    rows = forest_rows(made.screening, made.confirmation, ())
    labels = [row["label"] for row in rows]
    assert sum("(confirmed)" in label for label in labels) == 3
    assert sum("(screened)" in label for label in labels) == len(made.screening.effects) - 3


def test_a_flag_that_changes_answers_is_untrusted(study):
    made = case(study)
    effects = tuple(replace(e, equal_answers=(39, 40)) for e in made.screening.effects)
    found = conclude(study, made.blocks, replace(made.screening, effects=effects), [], [], {}, None)
    exact = {f.name for f in study.system.flag if f.value_of(f.optimised).equivalence == "exact"}
    assert {f.verdict for f in found if f.details.get("flag") in exact} == {"untrusted"}


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

    def blocks(study, arms, plan, label):
        asked.update(arms=arms, plan=plan, label=label)
        rng = np.random.default_rng(8)
        return block_set(rng, {arm: 0.8 for arm in arms if arm not in ("baseline", NULL)}, None)

    monkeypatch.setattr(prototype, "run_blocks", blocks)
    found = prototype.confirm_flags(study, study.sizes, made.screening)
    chosen = [e.arm for e in made.screening.effects if e.screened.chosen][:5]
    assert chosen and list(asked["arms"]) == ["baseline", NULL, *chosen] and asked["label"] == "confirm"
    assert asked["arms"][chosen[0]] == f"baseline+{chosen[0]}" and asked["arms"][NULL] == "baseline"
    assert asked["plan"].work and asked["plan"].stop.first == 15 and asked["plan"].cap_s > 0
    assert {f.confirmed.comparison.verdict for f in found.figures} == {"better"}
    assert prototype.confirm_flags(study, EFFORT["quick"], made.screening) is None
    assert prototype.confirm_flags(study, study.sizes, None) is None


def test_a_failed_screening_has_nothing_to_confirm(study):
    made = case(study, "screening")
    assert made.screening.chosen(5) == () and prototype.confirm_flags(study, study.sizes, made.screening) is None


def test_a_window_in_which_no_unit_ended_is_an_error(study):
    trial = trial_of("screen-x")
    trial = replace(trial, units=pd.DataFrame({"kind": ["turn"], "start_ns": [0], "intended_ns": [0], "end_ns": [10]}),
                    resources=pd.DataFrame({"process": [], "t_ns": [], "cpu_s": []}))  # fmt: skip
    with pytest.raises(StatisticError, match="No unit ended in this window"):
        _cpu_per_unit(study, trial, [Window(0, 20), Window(20, 40)])


def test_a_confirmed_figure_says_that_holm_is_for_itself(study):
    _, flags = concluded(study, confirmed=True)
    told = [f.claim for f in flags if f.stage == "confirmed"]
    assert told and all("for this figure by itself" in claim for claim in told)
