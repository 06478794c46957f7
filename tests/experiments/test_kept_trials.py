"""A run's trials are read back only where they did what is asked of them now: one comparison holds one setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from perflab.errors import UsageError
from perflab.experiments.blocks import BlockPlan, block_spec
from perflab.experiments.matrix import matrix_spec
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, TrialFacts, TrialSpec, group_name, run_trial, save_facts
from perflab.samples.schema import LATENESS, RESOURCES, UNITS
from perflab.samples.store import SampleStore

PANDAS = {"string": "object", "int64": "int64", "float64": "float64", "bool": "bool"}
QUICK = BlockPlan(8, 40, 1, {"think_s": 0.3, "phrase_max_s": 1.2}, 33.0)
FULL = replace(QUICK, users=25, units_per_user=4)


def keep(study: Study, spec: TrialSpec) -> None:
    """Leave a finished trial in the run, as `run_trial` would, without any row."""
    store = SampleStore(study.run.folder("samples"))
    for table in (UNITS, RESOURCES, LATENESS):
        empty = pd.DataFrame({c.name: pd.Series(dtype=PANDAS[c.kind]) for c in table.columns if c.required})
        store.write(table.name, group_name(spec.name), empty)
    save_facts(study, TrialFacts(spec, 0, 9 * NS, {}, {}, True, 0.0, {}, 0.0))


def block(study: Study, plan: BlockPlan) -> TrialSpec:
    return block_spec(study, "baseline", "baseline", 3, plan, "compare")


def test_a_trial_that_did_the_same_is_read_back(study):
    condition = {c.name: c.judged[-1] for c in study.system.condition if c.judged}
    specs = (
        block(study, QUICK),
        matrix_spec(study, "optimised", condition, study.system.scenario, 4.0),
        replace(block(study, QUICK), name="lists", steps=[[0, 5], [9, 0]]),  # as JSON gives it back
    )
    for spec in specs:
        keep(study, spec)
        assert run_trial(study, spec).spec.name == spec.name


def test_a_block_of_another_effort_is_not_taken_for_one_of_this(study):
    keep(study, block(study, QUICK))
    with pytest.raises(
        UsageError, match=r"compare-b03-baseline of run .* other settings \(steps, .*options\)"
    ) as error:
        run_trial(study, block(study, FULL))
    assert "Start a new run" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [{"variant": "optimised"}, {"seed": 8}, {"plant": "late=40"}, {"conditions": {"network": "lte"}}, {"workers": 2},
     {"options": {}}, {"duration_s": 32.9}, {"users": {"Caller": 2.0}}],
)  # fmt: skip
def test_each_setting_counts(study, change: dict[str, Any]):
    keep(study, block(study, QUICK))
    with pytest.raises(UsageError, match=rf"other settings \({next(iter(change))}\)"):
        run_trial(study, replace(block(study, QUICK), **change))


def test_a_planted_run_plants_in_every_trial(study):
    keep(study, replace(block(study, QUICK), plant="late=40"))
    study.run.update(planted="late=40")
    assert run_trial(study, block(study, QUICK)).spec.plant == "late=40"
