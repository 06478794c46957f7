"""Targets are judged by all units: those that failed are not left out in silence, and a level needs its latency."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.experiments import judging as subject
from perflab.experiments.conclude.targets import conclude_targets, world_caveats
from perflab.experiments.conclude.verdict import conclude as decide
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.own_part import OwnPart, own_part
from perflab.experiments.readings import read_measure
from perflab.experiments.scaling import response_target
from perflab.experiments.trial import NS, Segment, Trial
from perflab.findings.catalogue import Target
from perflab.findings.finding import Finding
from perflab.findings.judge import judge_target
from perflab.report.verdict import overall
from perflab.stats.interval import Interval
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
        "bytes_up": 50_000,
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


@pytest.mark.parametrize(("ids", "told"), [(1, "S4-LAT-1."), (6, "6 targets (S4-LAT-1, S4-LAT-2a, S4-")])
def test_many_refused_targets_are_counted(study, ids, told):
    every = ("S4-LAT-1", "S4-LAT-2a", "S4-LAT-2b", "S4-THR-1", "S4-THR-2", "S4-RES-1")[:ids]
    decided = decide(study, [said_of(id, "untrusted").model_copy(update={"id": f"F30-{id}"}) for id in every])[0]
    assert decided.claim.startswith(f"Measure optimised again: trust checks refused to judge {told}")
    assert set(decided.details["targets"]["untrusted"]) == set(every)  # none is lost


def said_of(target_id, verdict):
    return Finding(id="F30-1", notebook="30_prototype", question="?", claim="c.", kind="target", verdict=verdict,
                   level="measured-full", target_id=target_id)  # fmt: skip


def spoken(think_ms: float, own_ms: float, n: int = 400, scenario: str = "normal") -> pd.DataFrame:
    """Turns of a world that thinks so long after 302 ms of silence, by a system that adds so much in all."""
    rng, ms = np.random.default_rng(1), 1_000_000
    start = (np.arange(n) * LENGTH_S / n * NS).astype(np.int64)
    heard = start + 302 * ms
    sent = heard + (think_ms * ms * rng.uniform(0.9, 1.1, n)).astype(np.int64)
    first = sent + ((own_ms - 2) * ms * rng.uniform(0.9, 1.1, n)).astype(np.int64)
    first[0] -= int(own_ms * 2 * ms)  # clocks differ by a little: what was added to this one is below zero
    return pd.DataFrame({
        "kind": "turn", "outcome": "ok", "warmup": False, "scenario": scenario, "tag": "", "name": "",
        "intended_ns": start, "start_ns": start, "first_ns": first, "end_ns": first + NS, "bytes_up": 50_000,
        "live.end_detected": heard, "live.first_tx": sent,
        "live.tool_rx": 0, "live.tool_tx": 0, "codegen.tool_rx": 0, "codegen.tool_tx": 0,
    })  # fmt: skip


def test_a_response_parts_into_the_systems_and_the_worlds(study: Any) -> None:
    """The system adds 2 ms on the way up and 3 on the way down; the world takes 1,900 ms and its wait of 300."""
    trial = Trial(trial_of().facts, spoken(1_900, 5), pd.DataFrame(), pd.DataFrame())
    voice = next(m for m in study.system.measure if m.metric == "voice_response_time")
    part = own_part(study, voice, trial, "normal", "p95")
    assert part.added.value == pytest.approx(5.3, abs=0.1)
    assert part.around.value == pytest.approx(300 + 1_900 * 1.09, rel=0.01)
    assert part.out_of_reach(2000) and not part.out_of_reach(2500)
    assert part.budget_ms(2000) == pytest.approx(2000 - part.added.high)
    less = trial.units.drop(columns=["live.end_detected"])
    assert own_part(study, voice, replace(trial, units=less), "normal", "p95") is None
    half = trial.units.assign(**{"live.first_tx": np.where(np.arange(400) % 2, 0, trial.units["live.first_tx"])})
    assert own_part(study, voice, replace(trial, units=half), "normal", "p95") is None
    api = next(m for m in study.system.measure if m.metric == "api_latency_simple")
    assert own_part(study, api, trial, "normal", "p95") is None


def around(value: float, spread: float = 10.0) -> Interval:
    return Interval(value, value - spread, value + spread, 0.95, 400, "sectioning")


@pytest.mark.parametrize(
    ("added", "world", "step"),
    [
        (5.0, 2195.0, "No change of the system can meet it: without what the system adds, 2.19 s"),
        (900.0, 1300.0, "Take 200 ms off the 900 ms"),
        (205.0, 1995.0, "Make the system and the world around it faster"),
    ],
)
def test_a_miss_says_who_could_mend_it(added: float, world: float, step: str) -> None:
    assert OwnPart(around(added, 0.2), around(world), "p95").step(2000.0, added + world).startswith(step)


@pytest.fixture
def spoken_to(study, monkeypatch):
    def judged(think_ms, own_ms, variant="optimised"):
        turns = pd.concat([spoken(think_ms, own_ms), rows("peak", LENGTH_S, "turn", 400, 0, 900.0)]).fillna(0)
        made = measured(study)
        trial = replace(made, units=pd.concat([turns, made.units[made.units["kind"] == "request"]]).fillna(0))
        monkeypatch.setattr(subject, "read_trial", lambda study, name: trial)
        result = MatrixResult(variant, {}, {"normal": None, "peak": None}, {}, None, f"matrix-{variant}")
        found = subject.judge_targets(study, [result])
        return {item.target.id: item for item in found}, conclude_targets(study, found)

    return judged


def test_the_models_budget_stands_beside_a_target_that_is_met(spoken_to) -> None:
    found, said = spoken_to(900.0, 5.0)
    latency = found["S4-LAT-1"]
    assert latency.judgement.verdict == "meets" and latency.cause == ""
    assert "the system itself adds 5." in latency.judgement.reason
    assert "which leaves 1,99" in latency.judgement.reason and "of 2,000 ms for the world" in latency.judgement.reason
    assert latency.judgement.reason in next(f.claim for f in said if f.target_id == "S4-LAT-1")


def test_a_miss_by_the_world_alone_says_so_and_keeps_nobody_from_shipping(study, spoken_to) -> None:
    found, said = spoken_to(1_900.0, 5.0)
    missed = {id for id, item in found.items() if item.judgement.verdict == "misses"}
    assert missed == {"S4-LAT-1", "S4-MX-1", "S4-TR-1"}
    for one in (f for f in said if f.target_id in missed):
        assert one.next_step.startswith("No change of the system can meet it")
        assert "Measure longer" not in one.next_step and one.details["cause"] == "world"
    claim = decide(study, said)[0].claim
    assert claim.startswith("Ship optimised, provisionally: ") and "none missed by its own doing" in claim
    assert "S4-LAT-1, S4-MX-1, S4-TR-1 are missed by the world around it alone" in claim
    assert "These 3 targets are one measurement: voice response time p95 2." in claim


def test_a_miss_that_the_system_could_mend_keeps_from_shipping(study, spoken_to) -> None:
    found, said = spoken_to(1_000.0, 1_200.0)
    assert found["S4-LAT-1"].judgement.verdict == "misses" and found["S4-LAT-1"].cause == ""
    assert found["S4-LAT-1"].judgement.next_step.startswith("Take ")
    assert decide(study, said)[0].claim.startswith("Do not ship optimised as it is: it misses S4-LAT-1")


def test_the_baseline_is_held_against_the_targets_and_decides_nothing(study, monkeypatch) -> None:
    """Today's variant misses at the same load; the page shows it, the decision does not move."""
    by_name = {"matrix-baseline": measured(study, peak_ms=4000.0), "matrix-optimised": measured(study)}
    monkeypatch.setattr(subject, "read_trial", lambda study, name: by_name[name])
    results = [
        MatrixResult(v, {}, {"normal": None, "peak": None}, {}, None, f"matrix-{v}") for v in ("baseline", "optimised")
    ]
    alone = conclude_targets(study, subject.judge_targets(study, results[1:]))
    both = conclude_targets(study, subject.judge_targets(study, results))
    assert both[: len(alone)] == alone  # the judged variant keeps its ids
    shown = [f for f in both if f.variant == "baseline"]
    assert {f.target_id: f.verdict for f in shown}["S4-MX-2"] == "misses"
    assert not any(f.headline for f in shown) and all("baseline" in f.question for f in shown)
    assert decide(study, both)[0].claim == decide(study, alone)[0].claim
    manifest = study.run.manifest
    one, two = overall(alone, manifest), overall(both, manifest)
    assert (one.exit_code, one.counts, one.headline) == (two.exit_code, two.counts, two.headline)
    assert "misses" not in two.counts


def test_a_rate_whose_latency_misses_is_not_held(study, monkeypatch) -> None:
    """All requests are answered, none in time: no rate of useful answers was shown."""
    late = measured(study)
    simple = late.units["tag"] == "simple"
    late.units.loc[simple, "end_ns"] += 6 * NS
    monkeypatch.setattr(subject, "read_trial", lambda study, name: late)
    result = MatrixResult(study.system.judge, {}, {"normal": None, "peak": None}, {}, None, "matrix-optimised")
    found = {item.target.id: item.judgement for item in subject.judge_targets(study, [result])}
    assert found["S4-LAT-2a"].verdict == "misses" == found["S4-THR-2"].verdict
    assert "but S4-LAT-2a at that load: misses" in found["S4-THR-2"].reason
    assert found["S4-THR-2"].printed.startswith("misses")
    assert found["S4-THR-2"].interval.low > 1000  # what was answered stays what is published
    assert found["S4-THR-2"].next_step == found["S4-LAT-2a"].next_step != ""
    of_complex = [m.model_copy(update={"tag": "complex"}) if m.metric == "api_request_rate" else m
                  for m in study.system.measure]  # fmt: skip
    own = replace(study, system=study.system.model_copy(update={"measure": tuple(of_complex)}))
    (rate,) = (item for item in subject.judge_targets(own, [result]) if item.target.id == "S4-THR-2")
    assert "S4-LAT-2a" not in rate.judgement.reason  # of other requests


def test_clients_bytes_are_a_rate_in_the_unit_of_the_target(study) -> None:
    """400 turns in 20 s at 60 kB each are 72 MB a minute; those of the last 0.9 s are answered after it."""
    trial = measured(study)
    trial = replace(trial, units=trial.units.assign(bytes_up=60_000))
    measure = next(m for m in study.system.measure if m.metric == "audio_processing_rate")
    found = read_measure(study, measure, trial, "normal", "mean")
    assert found.interval.value == pytest.approx(72.0 * 19.1 / 20, rel=0.01) and found.unit == "MB/min"
    assert found.interval.low < 72.0 < found.interval.high and "frames too" in found.reason


def test_a_system_without_a_normal_load_is_judged_at_its_first(study, monkeypatch) -> None:
    trial = measured(study)
    segments = (Segment("office", 0, LENGTH_S, 50), Segment("peak", LENGTH_S, 2 * LENGTH_S, 100))
    facts = replace(trial.facts, spec=replace(trial.facts.spec, segments=segments))
    units = trial.units.replace({"scenario": {"normal": "office"}})
    monkeypatch.setattr(subject, "read_trial", lambda study, name: replace(trial, facts=facts, units=units))
    measures = [m.model_copy(update={"scenario": ""}) for m in study.system.measure]
    own = replace(study, system=study.system.model_copy(update={"measure": tuple(measures)}))
    result = MatrixResult(study.system.judge, {}, {"office": None, "peak": None}, {}, None, "matrix-optimised")
    found = {item.target.id: item for item in subject.judge_targets(own, [result])}
    assert (found["S4-LAT-1"].scenario, found["S4-LAT-1"].judgement.verdict) == ("office", "meets")


def test_a_target_in_another_kind_of_unit_does_not_end_the_notebook(study, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(subject, "read_trial", lambda study, name: measured(study))
    text = (
        '[[target]]\nid = "X-1"\ndomain = "gemini_codegen"\nmetric = "concurrent_voice_sessions"\n'
        'operator = ">="\nvalue = 100\nunit = "users"\n'
        '[[target]]\nid = "X-2"\ndomain = "gemini_codegen"\nmetric = "voice_response_time"\n'
        'operator = "<"\nvalue = 100\nunit = "MB"\n'
    )
    (tmp_path / "own.toml").write_text(text)
    own = replace(study, system=study.system.model_copy(update={"targets": str(tmp_path / "own.toml")}))
    result = MatrixResult(study.system.judge, {}, {"normal": None, "peak": None}, {}, None, "matrix-optimised")
    users, wrong = subject.judge_targets(own, [result])
    assert (users.judgement.verdict, users.judgement.interval.value) == ("misses", 50)  # judged, not refused
    assert wrong.judgement.verdict == "not-yet-judged"
    assert "cannot be compared with one in MB" in wrong.judgement.reason and "unit" in wrong.judgement.next_step


def test_what_a_judged_setting_stands_for_stands_beside_its_verdicts(study) -> None:
    """The figures in words must be those that the stand-in draws from."""
    from perflab.standins.latency import PROFILES

    for condition in study.system.condition:
        for value in condition.judged:
            assert f"median {PROFILES[value].median_s:g} s" in condition.about[value]
            assert condition.help in condition.told(value)
    condition = ",".join(f"{k}={v}" for k, v in study.system.conditions(latency="gpt-rt-1.5").items())
    told = said_of("S4-LAT-1", "meets").model_copy(update={"condition": condition, "variant": "optimised"})
    under = decide(study, [told])[0].details["judged_under"]
    assert [row["setting"] for row in under] == ["latency=gpt-rt-1.5", "generator=codegen-120"]
    assert any("gpt-realtime-1.5" in caveat for caveat in world_caveats(study, condition))


def test_a_miss_under_one_condition_alone_names_it(study: Any) -> None:
    fast, slow = "latency=aa-fast,trouble=none", "latency=gpt-rt-1.5,trouble=none"
    found = [said_of("S4-LAT-1", "meets").model_copy(update={"condition": fast}),
             said_of("S4-LAT-1", "misses").model_copy(update={"condition": slow, "id": "F30-target.2"})]  # fmt: skip
    assert "it misses S4-LAT-1 under latency=gpt-rt-1.5." in decide(study, found)[0].claim
    both = [found[1], found[1].model_copy(update={"condition": fast, "id": "F30-target.3"})]
    assert "it misses S4-LAT-1." in decide(study, both)[0].claim
