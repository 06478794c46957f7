"""Targets are judged by all units: those that failed are not left out in silence, and a level needs its latency."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.experiments import prototype as subject
from perflab.experiments.conclude.prototype import conclude_targets
from perflab.experiments.conclude.verdict import conclude as decide
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.readings import own_part, read_measure
from perflab.experiments.scaling import response_target
from perflab.experiments.trial import NS, Segment, Trial
from perflab.findings.catalogue import Target
from perflab.findings.finding import Finding
from perflab.findings.judge import judge_target
from tests.experiments.test_null_arm import trial_of

LENGTH_S = 20.0
OF_REQUESTS = ("S4-LAT-2a", "S4-LAT-2b", "S4-TR-2", "S4-THR-2")


def rows(scenario, start_s, kind, n, failed, ms, tag=""):
    """Rows spread over a segment, evenly between its windows; the first `failed` of them failed at once."""
    at = ((start_s + LENGTH_S * (np.arange(n) + 0.5) / n) * NS).astype(np.int64)
    times = ms * np.random.default_rng(4).lognormal(0, 0.1, n)
    outcome = np.where(np.arange(n) % max(n // max(failed, 1), 1) == 0, "error", "ok")
    outcome = np.where(np.cumsum(outcome == "error") > failed, "ok", outcome)
    return pd.DataFrame({
        "kind": kind, "scenario": scenario, "tag": tag, "name": "x", "warmup": False, "outcome": outcome,
        "intended_ns": at, "start_ns": at, "first_ns": 0, "end_ns": at + (times * 1e6).astype(np.int64),
    })  # fmt: skip


def measured(study, *, requests=1200, request_failures=0, turns=400, turn_failures=0, peak_ms=900.0) -> Trial:
    """A matrix of a normal and a peak scenario, in which all is well but what is planted."""
    parts = [rows("normal", 0, "turn", 400, 0, 900.0), rows("peak", LENGTH_S, "turn", turns, turn_failures, peak_ms)]
    for tag, ms in (("simple", 20.0), ("complex", 80.0)):
        parts.append(rows("normal", 0, "request", requests // 2, request_failures // 2, ms, tag))
    used = [
        {"process": p.name, "role": "system", "t_ns": int(s * NS), "cpu_s": 0.2 * s + 0.01 * (s % 3), "rss_bytes": 9e7}
        for p in study.system.system_processes for s in range(int(2 * LENGTH_S) + 1)
    ]  # fmt: skip
    made = trial_of()
    segments = (Segment("normal", 0, LENGTH_S, 50), Segment("peak", LENGTH_S, 2 * LENGTH_S, 100))
    facts = replace(made.facts, spec=replace(made.spec, segments=segments))
    return Trial(facts, pd.concat(parts, ignore_index=True), pd.DataFrame(used), pd.DataFrame())


@pytest.fixture
def judge(study, monkeypatch):
    def judged(**planted):
        monkeypatch.setattr(subject, "read_trial", lambda study, name: measured(study, **planted))
        result = MatrixResult(study.system.judge, {}, {"normal": None, "peak": None}, {}, None, "matrix-optimised")
        found = subject.judge_targets(study, [result])
        return {item.target.id: item for item in found}, conclude_targets(study, found)

    return judged


def test_sound_units_meet(judge):
    found, said = judge()
    for name in (*OF_REQUESTS, "S4-MX-2", "S4-THR-1"):
        assert found[name].judgement.verdict == "meets", found[name].judgement
    assert [f.target_id for f in said] == list(found) and "untrusted" not in {f.verdict for f in said}


def test_latencies_and_rates_of_the_survivors_are_not_met(judge):
    """A quarter of the API's requests answers 500; what the others took says nothing of those."""
    found, said = judge(request_failures=300)
    assert {found[name].judgement.verdict for name in OF_REQUESTS} == {"untrusted"}
    assert "no requests lost" in found["S4-LAT-2a"].judgement.reason
    assert found["S4-MX-2"].judgement.verdict == "meets"  # turns did not fail
    for one in said:
        failed = [check for check in one.trust if check.veto and not check.passed]
        assert bool(failed) is (one.verdict == "untrusted")


def test_a_few_failures_leave_the_verdict(judge):
    found, _ = judge(request_failures=10)
    assert {found[name].judgement.verdict for name in OF_REQUESTS} == {"meets"}


def test_a_level_of_few_units_is_not_surely_held(judge):
    found, said = judge(turns=130)
    level = found["S4-THR-1"]
    assert level.judgement.verdict == "inconclusive" and level.judgement.interval.low == 0
    claim = next(f.claim for f in said if f.target_id == "S4-THR-1")
    assert "0 of 130 turns failed at 100 users" in claim and "at least 299 without a failure" in claim
    assert judge(turns=299)[0]["S4-THR-1"].judgement.verdict == "meets"


@pytest.mark.parametrize(("failed", "verdict"), [(0, "meets"), (40, "misses")])
def test_a_level_of_which_many_units_fail_is_missed(judge, failed, verdict):
    found, _ = judge(turn_failures=failed)
    assert found["S4-THR-1"].judgement.verdict == verdict
    assert found["S4-THR-1"].judgement.interval.confidence == 0.95
    assert found["S4-MX-2"].judgement.verdict == ("untrusted" if failed else "meets")


@pytest.mark.parametrize(("peak_ms", "verdict"), [(900.0, "meets"), (4000.0, "misses"), (2560.0, "inconclusive")])
def test_a_level_is_held_no_better_than_its_latency(judge, peak_ms, verdict):
    found, said = judge(peak_ms=peak_ms)
    assert found["S4-MX-2"].judgement.verdict == verdict == found["S4-THR-1"].judgement.verdict
    claim = next(f.claim for f in said if f.target_id == "S4-THR-1")
    assert ("S4-MX-2" in claim) is (verdict != "meets")
    assert found["S4-LAT-2a"].judgement.verdict == "meets"


def test_a_level_whose_latency_is_untrusted_is_untrusted(judge):
    """6 of 400 turns failed: too many for a latency of the others, too few to say that the level broke."""
    found, _ = judge(turn_failures=6)
    assert found["S4-MX-2"].judgement.verdict == "untrusted" == found["S4-THR-1"].judgement.verdict
    assert found["S4-THR-1"].trust[-1].name == "no turns lost"


def test_n_counts_what_its_unit_says_not_the_parts_of_an_interval(judge):
    found, said = judge()
    n = {f.target_id: (f.effect.n, f.effect.n_unit) for f in said if f.effect}
    assert n["S4-THR-2"] == (found["S4-THR-2"].reading.n, "requests") and n["S4-THR-2"][0] > 1000
    assert n["S4-RES-1"] == (found["S4-RES-1"].reading.n, "seconds")
    assert n["S4-LAT-1"] == (400, "turns")


@pytest.mark.parametrize(("aggregate", "verdict"), [("p95", "meets"), ("p99", "misses"), ("mean", "not-yet-judged")])
def test_a_latency_is_judged_on_the_percentile_that_its_target_names(study, aggregate, verdict):
    """3 % of the turns take 5 s: p95 is far below 2 s, p99 above; of a mean no percentile says anything."""
    times = np.where(np.arange(4000) % 33 == 0, 5000.0, 900.0)
    turns = rows("normal", 0, "turn", 4000, 0, times)
    trial = Trial(measured(study).facts, turns, pd.DataFrame(), pd.DataFrame())
    measure = next(m for m in study.system.measure if m.metric == "voice_response_time")
    target = Target(id="X-1", domain="d", metric=measure.metric, operator="<", value=2, unit="s",
                    verdict_aggregate=aggregate)  # fmt: skip
    found = read_measure(study, measure, trial, "normal", aggregate)
    judged = judge_target(target, found.interval, unit=found.unit, level="measured-full", reason=found.reason)
    assert judged.verdict == verdict
    assert aggregate != "mean" or "not on mean" in judged.reason


def own_targets(study, tmp_path, *aggregates):
    lines = [
        f'[[target]]\nid = "X-{a}"\ndomain = "{study.system.domain}"\nmetric = "voice_response_time"\n'
        f'operator = "<"\nvalue = 2\nunit = "s"\nverdict_aggregate = "{a}"\n'
        for a in aggregates
    ]
    (tmp_path / "own.toml").write_text("\n".join(lines))
    return replace(study, system=study.system.model_copy(update={"targets": str(tmp_path / "own.toml")}))


def test_levels_are_held_against_a_target_on_their_own_percentile(study, tmp_path):
    assert response_target(own_targets(study, tmp_path, "p99", "p95")).id == "X-p95"
    only = response_target(own_targets(study, tmp_path, "p99"))
    assert only.text == "voice_response_time p95 < 2 s, the limit of a target on p99"


def test_targets_that_are_all_inconclusive_were_judged(study):
    open_ = said_of("S4-LAT-1", "inconclusive")
    assert "yet: no target is met or missed, inconclusive: S4-LAT-1." in decide(study, [open_])[0].claim
    waiting = decide(study, [said_of("S4-LAT-1", "not-yet-judged")])[0].claim
    assert "yet: no target has a verdict under every condition." in waiting


def said_of(target_id, verdict):
    return Finding(id="F30-1", notebook="30_prototype", question="?", claim="c.", kind="target", verdict=verdict,
                   level="measured-full", target_id=target_id)  # fmt: skip


def test_a_late_answer_is_told_with_what_the_system_itself_adds(study: Any) -> None:
    rng, n, ms = np.random.default_rng(1), 200, 1_000_000
    start = np.arange(n, dtype=np.int64) * NS
    heard = start + 302 * ms
    sent = heard + (1_900 * ms * rng.uniform(0.9, 1.1, n)).astype(np.int64)  # the think time of the world
    first = sent + (3 * ms * rng.uniform(0.9, 1.1, n)).astype(np.int64)
    first[0] -= 6 * ms  # clocks differ by a little: what was added to this one is below zero
    rows = pd.DataFrame({
        "kind": "turn", "outcome": "ok", "warmup": False, "scenario": "normal", "tag": "", "name": "",
        "intended_ns": start, "start_ns": start, "first_ns": first, "end_ns": first + NS, "live.end_detected": heard,
        "live.first_tx": sent, "live.tool_rx": 0, "live.tool_tx": 0, "codegen.tool_rx": 0, "codegen.tool_tx": 0,
    })  # fmt: skip
    trial = Trial(trial_of().facts, rows, pd.DataFrame(), pd.DataFrame())
    voice = next(m for m in study.system.measure if m.metric == "voice_response_time")
    said = own_part(study, voice, trial, "normal")
    assert said.startswith("of it the system itself adds 5.") and said.endswith(
        "at p95, the rest is the world around it"
    )
    assert own_part(study, voice, replace(trial, units=rows.drop(columns=["live.end_detected"])), "normal") == ""
    api = next(m for m in study.system.measure if m.metric == "api_latency_simple")
    assert own_part(study, api, trial, "normal") == ""


def test_a_miss_under_one_condition_alone_names_it(study: Any) -> None:
    fast, slow = "latency=aa-fast,trouble=none", "latency=gpt-rt-1.5,trouble=none"
    found = [said_of("S4-LAT-1", "meets").model_copy(update={"condition": fast}),
             said_of("S4-LAT-1", "misses").model_copy(update={"condition": slow, "id": "F30-target.2"})]  # fmt: skip
    assert "it misses S4-LAT-1 under latency=gpt-rt-1.5." in decide(study, found)[0].claim
    both = [found[1], found[1].model_copy(update={"condition": fast, "id": "F30-target.3"})]
    assert "it misses S4-LAT-1." in decide(study, both)[0].claim
