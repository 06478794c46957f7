"""Bytes between client and system: a figure of every trial, compared where the load file counts them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.blocks import BlockResult
from perflab.experiments.conclude.prototype import conclude_blocks
from perflab.experiments.units_of_work import kb_per_unit
from perflab.findings.finding import Finding
from perflab.history.extract import rows_of

from .planted import case


def with_bytes(study: Any, baseline: float, judged: float, spread: float) -> BlockResult:
    """Return planted blocks whose arms move so many kB a unit, give or take `spread` on a logarithm."""
    made, chance = case(study).blocks, np.random.default_rng(5)
    level = {"baseline": baseline, "null": baseline, study.system.judge: judged}
    figures = [replace(f, kb_per_unit=level[f.arm] * float(np.exp(chance.normal(0, spread)))) for f in made.figures]
    return replace(made, figures=tuple(figures))


def told(study: Any, result: BlockResult) -> Finding | None:
    return next((f for f in conclude_blocks(study, result, (), None) if f.id == "F30-6"), None)


def test_fewer_bytes_are_found_and_kept_in_kilobytes(study: Any) -> None:
    found = told(study, with_bytes(study, 207.0, 155.0, 0.005))
    assert found is not None and found.verdict == "better" and found.effect is not None
    assert found.effect.value == pytest.approx(0.75, abs=0.01) and found.effect.metric == "bytes per turn"
    assert "-25 %" in found.claim and " kB)" in found.claim and any("answered sooner" in c for c in found.caveats)
    study.save_findings([found])
    units = {(row.metric, row.variant): (row.unit, row.lower_is_better) for row in rows_of(study.run)}
    assert units["bytes per turn", "baseline"] == ("kB", True)


def test_an_equal_number_is_no_change(study: Any) -> None:
    found = told(study, with_bytes(study, 207.0, 208.0, 0.004))
    assert found is not None and found.verdict in ("equivalent", "trivial")


@pytest.mark.parametrize(("judged", "said"), [(9.0, "-25.0 %"), (12.0, "no change")])
def test_a_fixed_payload_has_no_interval_and_is_told_all_the_same(study: Any, judged: float, said: str) -> None:
    found = told(study, with_bytes(study, 12.0, judged, 0.0))
    assert found is not None and (found.kind, found.verdict, found.effect) == ("observation", "reported", None)
    assert f"{said}, alike in each of" in found.claim


@pytest.mark.parametrize("absent", [math.nan, 0.0])
def test_a_load_file_that_counts_none_is_asked_nothing(study: Any, absent: float) -> None:
    assert told(study, case(study).blocks) is None  # blocks of a time before bytes were kept
    assert told(study, with_bytes(study, absent, 10.0, 0.0)) is None


def test_bytes_are_those_of_the_units_that_were_answered() -> None:
    rows = pd.DataFrame({"outcome": ["ok", "ok", "timeout"], "bytes_up": [100_000, 200_000, 900_000],
                         "bytes_down": [50_000, 50_000, 0]})  # fmt: skip
    assert kb_per_unit(rows) == 200.0
    assert math.isnan(kb_per_unit(rows[rows["outcome"] == "timeout"]))
    assert math.isnan(kb_per_unit(rows.assign(bytes_up=0, bytes_down=0)))
