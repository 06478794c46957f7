"""A response that is no unit of work parts into the system's and the world's where a span says so, else it says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perflab.experiments import judging as subject
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.own_part import OwnPart, own_part_or_why
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial
from perflab.system.tables.spans import SpanSum
from tests.experiments.test_judged_targets import measured

MS = 1_000_000
OF_REQUESTS = SpanSum(name="api_added", role="added", rows="request", plus=("out",), minus=("in",))


def measure_of(study: Study, metric: str) -> Any:
    return next(m for m in study.system.measure if m.metric == metric)


def marked(study: Study, own_ms: float, known: float = 1.0) -> Trial:
    """Requests that the system held for so long, told by marks that a share of them carries."""
    trial = measured(study)
    units = trial.units
    has = (units["kind"] == "request") & (np.arange(len(units)) % 100 < 100 * known)
    came = np.where(has, units["start_ns"] + MS, 0)
    held = (own_ms * MS * np.random.default_rng(2).uniform(0.99, 1.01, len(units))).astype(np.int64)
    return replace(trial, units=units.assign(**{"in": came, "out": np.where(has, came + held, 0)}))


def declaring(study: Study) -> Study:
    spans = study.system.spans.model_copy(update={"sum": (*study.system.spans.sum, OF_REQUESTS)})
    return replace(study, system=study.system.model_copy(update={"spans": spans}))


def test_a_declared_span_of_requests_parts_their_responses(study: Study) -> None:
    """Requests take about 20 ms, of which the system holds them for 15."""
    own = declaring(study)
    part = own_part_or_why(own, measure_of(own, "api_latency_simple"), marked(own, 15.0), "normal", "p95")
    assert isinstance(part, OwnPart)
    assert part.added.value == pytest.approx(15.0, rel=0.01) and 5 < part.around.value < 12
    turns = own.system.spans.added_to()
    assert turns is not None and turns.name == "gateway_added"  # what units of work add is still read off their own sum


def test_without_a_span_it_says_so(study: Study) -> None:
    told = own_part_or_why(study, measure_of(study, "api_latency_simple"), marked(study, 15.0), "normal", "p95")
    assert told == "what the system itself adds is not known: the system's file declares no span of simple requests"


def test_marks_that_few_rows_carry_tell_nothing(study: Study) -> None:
    own = declaring(study)
    told = own_part_or_why(own, measure_of(own, "api_latency_simple"), marked(own, 15.0, 0.5), "normal", "p95")
    assert isinstance(told, str) and "simple requests carry its marks" in told


def test_the_verdict_on_a_request_tells_its_own_part_or_why_there_is_none(study: Study, monkeypatch: Any) -> None:
    result = MatrixResult(study.system.judge, {}, {"normal": None, "peak": None}, {}, None, "matrix-optimised")
    monkeypatch.setattr(subject, "read_trial", lambda study, name: marked(study, 15.0))
    for asked, said in (
        (study, "(what the system itself adds is not known: the system's file declares no span of simple requests)"),
        (declaring(study), "(the system itself adds 15.1 ms"),
    ):
        found = {item.target.id: item.judgement for item in subject.judge_targets(asked, [result])}
        assert found["S4-LAT-2a"].verdict == "meets" and said in found["S4-LAT-2a"].reason
        assert "adds" not in found["S4-THR-2"].reason  # a rate is no response


def test_the_table_of_targets_says_once_what_all_conditions_share(study: Study, monkeypatch: Any) -> None:
    results = [
        MatrixResult("optimised", {"latency": latency}, {"normal": None, "peak": None}, {}, None, "matrix-optimised")
        for latency in ("aa-fast", "gpt-rt-1.5")
    ]
    monkeypatch.setattr(subject, "read_trial", lambda study, name: marked(study, 15.0))
    table = subject.target_table(subject.judge_targets(study, results))
    column = "condition (beside generator=codegen-120, trouble=none, connections=100)"
    assert set(table[column]) == {"latency=aa-fast", "latency=gpt-rt-1.5"}
