"""The API's confirmed flags together: which are chosen, planted interactions under one load, and a short real run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.experiments.api_streaming import choice, mixed, together
from perflab.experiments.api_streaming.choice import choose
from perflab.experiments.api_streaming.conclude_together import conclude_together
from perflab.experiments.api_streaming.together import Together, arm_of, experiment, sentence
from perflab.experiments.joint import WORDS, JointFigure, Setting, sets_of
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.conclude import findings, judge_arms
from perflab.experiments.strategies.experiment import BASE
from perflab.experiments.strategies.payloads.content import SESSIONS
from perflab.experiments.strategies.payloads.sparse import FIELDS, last_seen
from perflab.experiments.strategies.run import FULL, ExperimentResult, Sizes, run_experiment
from perflab.experiments.study import Study, create_run
from perflab.findings.finding import Finding, TrustCheck, dump_findings
from perflab.report.figures.adoption import adoption
from perflab.system.cores import Cores, default_cores
from perflab.system.load_file import load_system
from tests.report.guide_material import SYSTEM, compared

NOTEBOOK = "23_api_streaming"
ORDER = tuple(Setting(arm, "ST-X-01") for arm in ("serialiser=orjson", "http_client=pooled", "cache=l1"))
ALONE = (0.8, 0.6, 0.7)
WORLD = tuple(together.WORLD)
EQUAL = TrustCheck(name="equal answers", passed=True, observed="12 of 12 blocks answered as the base did", limit="all")
UNCOMPARED = EQUAL.model_copy(update={"observed": "not compared by this work"})


@pytest.fixture(name="study")
def of_the_api(study: Any) -> Study:
    return replace(study, notebook=NOTEBOOK, cores=Cores((0,), (1,)))


def confirmed(arm: str, title: str, trust: TrustCheck = EQUAL, details: Any = None, **verdicts: str) -> list[Finding]:
    told = {"flag": arm, "title": title, **(details or {})}
    seen = compared("ST-X-01", arm, f"work of {title}", NOTEBOOK, details=told, **verdicts)
    return [one.model_copy(update={"trust": (trust,)}) for one in seen]


# --- which flags


def test_the_order_is_stated_beforehand_with_one_value_for_each_flag(study: Study) -> None:
    found = [
        *confirmed("payload=sparse", "sparse", cpu="better"),
        *confirmed("http_client=pooled", "few", cpu="better"),
        *confirmed("http_client=pooled_aiohttp", "few", cpu="better"),
        *confirmed("serialiser=msgpack", "serialiser", cpu="better"),
        *confirmed("serialiser=orjson", "serialiser", cpu="better"),
        *confirmed("compression=gzip", "compression", cpu="worse", p95="equivalent"),
    ]
    order, left = choose(study.system, found, WORLD, 4)
    assert [one.arm for one in order] == ["serialiser=orjson", "http_client=pooled_aiohttp", "payload=sparse"]
    assert left == ("serialiser=msgpack: another value of serialiser stands for it",
                    "http_client=pooled: another value of http_client stands for it")  # fmt: skip
    order, left = choose(study.system, found, WORLD, 2)
    assert len(order) == 2 and "payload=sparse: beyond the 2 flags" in left[-1]
    assert choose(study.system, found[::-1], WORLD, 4)[0] == choose(study.system, found, WORLD, 4)[0]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (confirmed("cache_write=behind", "w", cpu="better"), "no work for it"),
        (confirmed("events=sse", "events", cpu="better"), "nobody waits for events"),
        (confirmed("batch=on", "crowds", cpu="better"), "seldom come within 5 ms"),
        (confirmed("reply=streamed+coalesce=ms100", "voice", p95="better"), "several flags at once"),
        (confirmed("store=postgres", "store", cpu="better"), "the same in every arm"),
        (confirmed("gone=on", "old", cpu="better"), "no such setting"),
        (confirmed("payload=sparse", "sparse", UNCOMPARED, cpu="better"), "no answers were compared"),
    ],
)
def test_a_confirmed_flag_that_cannot_stand_there_is_named_with_its_reason(
    study: Study, seen: list[Finding], why: str
) -> None:
    order, (left,) = choose(study.system, seen, WORLD, 4)
    assert order == () and left.startswith(str(seen[0].details["flag"])) and why in left


def test_a_flag_of_class_loss_and_one_that_needs_another_are_left_out(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "FLAGS", (*choice.FLAGS, "history", "cache_write"))
    seen = [*confirmed("history=pruned", "h", cpu="better"), *confirmed("cache_write=through", "w", cpu="better")]
    order, left = choose(study.system, seen, WORLD, 4)
    assert order == () and "class loss" in left[0] and "nothing without cache=l1" in left[1]


@pytest.mark.parametrize("verdict", ["equivalent", "trivial", "inconclusive", "untrusted", "worse"])
def test_what_was_not_confirmed_to_gain_is_not_asked_about(study: Study, verdict: str) -> None:
    told = {"flag": "payload=sparse"}
    screened = compared("ST-X-01", "payload=sparse", "w", NOTEBOOK, "screened", told, cpu="better")
    other = [one.model_copy(update={"trust": (EQUAL,)})
             for one in compared("ST-X-01", "payload=sparse", "w", NOTEBOOK, "", told, cpu="better")]  # fmt: skip
    means = confirmed("cache=l1", "reads", stale="better", cpu=verdict)
    assert choose(study.system, [*screened, *other, *means], WORLD, 4) == ((), ())


def test_a_shorter_response_counts_and_what_is_dearer_is_its_price(study: Study) -> None:
    seen = [*confirmed("cache=l1", "hot", p95="better", memory="worse", cpu="equivalent"),
            *confirmed("cache=l1", "cold", cpu="worse", p95="equivalent")]  # fmt: skip
    ((one,), left) = choose(study.system, seen, WORLD, 4)
    assert one.price == "peak memory +30 % (hot)" and one.seen_in == "hot; not under: cold" and left == ()


# --- what they do together


def planted(joint: Any, *, order: tuple[Setting, ...] = ORDER, alone: Any = ALONE, seed: int = 5, **bias: Any) -> Any:
    """Return blocks in which a set has the ratio `joint(its ratios)` in every figure; `bias` of columns of the null."""
    chance, rows = np.random.default_rng(seed), []
    subject = experiment(load_system(Path(SYSTEM)), order)
    truth = {arm_of(order, m): joint([alone[i] for i in sorted(m)]) if m else 1.0 for m in sets_of(len(order))}
    for block in range(together.BLOCKS):
        level = chance.lognormal(0, 0.3)
        for arm, ratio in {**truth, NULL: 1.0}.items():
            row = {"arm": arm, "block": block, "requests": 100, "failed": 0, "late_p99_ms": 1.0, "client_cpu": 0.3,
                   "run_delay": 0.01, "steal": 0.0, "answers": "same"}  # fmt: skip
            for name in ("cpu_ms_per_request", "p95_ms", "memory_mb"):
                row[name] = level * ratio * chance.lognormal(0, 0.01) * (bias.get(name, 1.0) if arm == NULL else 1.0)
            rows.append(row)
    return Together(order, ("batch=on: seldom",), ExperimentResult(subject, tuple(rows), replace(FULL, blocks=8)))


def product(ratios: list[float]) -> float:
    return float(np.prod(ratios))


def saved(ratios: list[float]) -> float:
    """Each saves a share of the base's own work, whatever the others do."""
    return 1 - sum(1 - ratio for ratio in ratios)


def test_settings_that_multiply_are_no_interaction(study: Study) -> None:
    seen = planted(product)
    whole, *on_top = conclude_together(study, seen, None)
    assert whole.id == "F23-together" and whole.verdict == "reported" and "independent" in whole.claim
    assert {WORDS[said.verdict] for said in seen.cpu.with_the_rest} == {"independent"}
    assert seen.cpu.together.effect == pytest.approx(product(list(ALONE)), rel=0.02)
    assert {f.verdict for f in on_top} == {"better"} and len(on_top) == 9
    assert [row["flag"] for row in whole.details["order_of_adoption"]] == [one.arm for one in ORDER]
    assert whole.condition and all(f.condition.endswith(whole.condition) for f in on_top)
    assert whole.caveats[0] == "batch=on: seldom"


def test_a_planted_overlap_is_found_in_cpu_and_in_p95(study: Study) -> None:
    whole, *on_top = conclude_together(study, planted(min), None)
    assert whole.claim.count("overlap") == 2 and "no longer pay" in whole.claim
    for table in ("interactions", "interactions_of_response_p95"):
        last = whole.details[table][-1]
        ratio = float(last["joint / product"].split()[0])
        assert last["they"] == "overlap" and ratio == pytest.approx(0.6 / product(list(ALONE)), rel=0.02)
    verdicts = {(f.details["flag"], f.effect.metric): f.verdict for f in on_top if f.effect}
    assert verdicts["http_client=pooled", "CPU per request"] == "better"
    assert verdicts["cache=l1", "CPU per request"] in ("equivalent", "trivial")


def test_savings_that_add_up_are_told_from_those_that_multiply() -> None:
    seen = planted(saved, alone=(0.8, 0.75, 0.85))
    assert seen.cpu.together.effect == pytest.approx(0.4, rel=0.02)
    assert WORDS[seen.cpu.whole.verdict] == "reinforce each other"


@settings(max_examples=20, deadline=None)
@given(alone=st.lists(st.floats(0.8, 1.1), min_size=2, max_size=4), seed=st.integers(0, 2**16), by=st.booleans())
def test_what_is_planted_is_recovered(alone: list[float], seed: int, by: bool) -> None:
    """Additive savings: joint over product is what the two sums say; multiplied ones: it is 1 and nothing is found.

    At least 0.8 each: four that save a quarter each and add up leave nothing, of which there is no ratio.
    """
    chance, rule = np.random.default_rng(seed), saved if by else product
    joint = {m: rule([alone[i] for i in m]) if m else 1.0 for m in sets_of(len(alone))}
    blocks = {m: ratio * chance.lognormal(0, 0.005, 12) for m, ratio in joint.items()}
    seen = JointFigure(len(alone), blocks.__getitem__, 0.05)
    assert seen.whole.effect == pytest.approx(rule(alone) / product(alone), rel=0.02)
    assert [said.effect for said in seen.alone] == pytest.approx(alone, rel=0.02)
    if rule is product:
        assert {WORDS[c.verdict] for c in (seen.whole, *seen.with_the_rest)} == {"independent"}


def test_blocks_whose_null_arm_fails_say_nothing(study: Study) -> None:
    seen = planted(min, cpu_ms_per_request=1.3)
    found = conclude_together(study, seen, None)
    assert {f.verdict for f in found} == {"untrusted"} and "no verdict" in found[0].claim
    assert {row["they"] for row in found[0].details["interactions"]} == {"no verdict"}
    assert sentence(seen).startswith("No verdict on interactions") and together.waterfall_rows(seen) == []


def test_answers_that_differ_in_one_set_alone_take_every_verdict(study: Study) -> None:
    seen = planted(product)
    assert seen.result
    everything = arm_of(ORDER, frozenset(range(3)))
    rows = tuple({**row, "answers": "other"} if row["arm"] == everything else row for row in seen.result.rows)
    found = conclude_together(study, replace(seen, result=replace(seen.result, rows=rows)), None)
    assert {f.verdict for f in found} == {"untrusted"}
    assert [c.observed for c in found[0].trust if not c.passed] == ["0 of 8 blocks answered as the base did"]


def test_too_few_answers_for_a_tail_leave_the_cpu(study: Study) -> None:
    seen = planted(product)
    assert seen.result
    rows = tuple({name: v for name, v in row.items() if name != "p95_ms"} for row in seen.result.rows)
    found = conclude_together(study, replace(seen, result=replace(seen.result, rows=rows)), None)
    assert "response p95: cannot be computed" in found[0].claim and "interactions_of_response_p95" not in (
        found[0].details
    )
    assert {f.effect.metric for f in found[1:] if f.effect} == {"CPU per request", "peak memory"}
    still = tuple({**row, "cpu_ms_per_request": 1.0} for row in seen.result.rows)
    (only,) = conclude_together(study, replace(seen, result=replace(seen.result, rows=still)), None)
    assert only.verdict == "inconclusive" and "cannot be computed" in only.claim


def test_a_price_is_told_with_the_order_and_the_steps_are_drawn(study: Study) -> None:
    priced = planted(min, order=(replace(ORDER[0], price="peak memory +30 % (hot)", seen_in="hot"), *ORDER[1:]))
    whole = conclude_together(study, priced, None)[0]
    first, *rest = whole.details["order_of_adoption"]
    assert first["at the price of"] == "peak memory +30 % (hot)" and first["confirmed under"] == "hot"
    assert {row["at the price of"] for row in rest} == {"nothing that was seen"}
    assert "At a price, by what confirmed them: serialiser=orjson (peak memory" in whole.claim
    drawn = adoption(together.waterfall_rows(priced), "API flags", "CPU per request")
    assert "with http_client=pooled 0.6" in drawn.alt and "expected 0.48" in drawn.alt


# --- where nothing is measured


def test_quick_measures_nothing_together_and_says_so(study: Study) -> None:
    seen = together.measure(replace(study, effort="quick"), ())
    assert seen is None and "at full effort" in sentence(seen) and conclude_together(study, seen, None) == []
    assert together.waterfall_rows(seen) == []


def test_a_system_without_flags_of_the_api_is_told_why(study: Study, root: Path) -> None:
    notes = load_system(root / "tests/systems/notes/notes.toml")
    caching = [*confirmed("reads=one_trip", "reads", cpu="better"), *confirmed("cache=l1", "hot", cpu="better")]
    told = dump_findings([one.model_copy(update={"notebook": together.CACHING}) for one in caching])
    (study.run.folder("findings") / f"{together.CACHING}.json").write_bytes(told)
    seen = together.measure(replace(study, system=notes), ())
    assert seen and seen.result is None and "reads=one_trip: this load has no work for it" in seen.left_out
    (only,) = conclude_together(study, seen, None)
    assert only.verdict == "reported" and "no confirmed flag fits" in only.claim and "no such setting" in only.claim
    assert only.claim == sentence(seen) and together.waterfall_rows(seen) == []


def test_the_flags_of_both_notebooks_are_measured_as_one_experiment(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def run(study: Study, subject: Any, sizes: Sizes) -> Any:
        asked.append((subject, sizes))
        return planted(product).result

    monkeypatch.setattr(together, "run_experiment", run)
    caching = [
        one.model_copy(update={"notebook": together.CACHING}) for one in confirmed("cache=l1", "c", cpu="better")
    ]
    (study.run.folder("findings") / f"{together.CACHING}.json").write_bytes(dump_findings(caching))
    pooled = planted(product, order=ORDER[1:2], alone=(0.6,)).result
    here = judge_arms([replace(pooled, experiment=replace(pooled.experiment, key="client-few", title="few"))])
    assert {f.verdict for f in findings(study, here)} == {"better"}
    seen = together.measure(study, here)
    assert seen and [one.arm for one in seen.settings] == ["http_client=pooled", "cache=l1"]
    assert [one.seen_in for one in seen.settings] == ["few", "c"]
    subject, sizes = asked[0]
    assert subject.arms == ("http_client=pooled", "cache=l1", "http_client=pooled+cache=l1") and sizes.fresh
    assert 5 * 2.0 ** (1 - sizes.blocks) <= 0.05  # Holm over the whole and four flags can confirm


# --- the load


def test_the_mix_is_the_same_in_every_arm_and_its_slow_part_holds_the_tail() -> None:
    one, again = (mixed.draw(np.random.default_rng(3), 4000, 2) for _ in range(2))
    assert one == again and {request.tag for request in one} == set(mixed.MIX)
    share = sum(request.method == "POST" for request in one) / len(one)
    assert 0.2 < share < 0.3  # p95 lies well inside them
    prompts = [r.body["prompt"] for r in one if r.tag == "generate" and r.body]
    assert 0.4 < prompts.count(max(set(prompts), key=prompts.count)) / len(prompts) < 0.6
    read, summed = ({int(r.path.split("/")[3]) for r in one if r.tag == tag} for tag in ("code", "summary"))
    assert not read & summed and max(read | summed) <= SESSIONS  # what is summed up gains artefacts


def test_ids_of_what_is_stored_are_not_compared_and_news_is_what_a_client_keeps() -> None:
    made = mixed.Request("generate", "POST", "/api/code", {"prompt": "p"})
    assert mixed.comparable(made, {"id": 1, "code": "a"}) == mixed.comparable(made, {"id": 2, "code": "a"})
    news = mixed.Request("news", "GET", "/api/sessions/3/history?limit=20")
    rows = [{"id": last_seen(3) + n, "role": "user", "text": "t", "turn": n} for n in (1, 0)]
    cut = [{name: rows[0][name] for name in FIELDS}]
    assert mixed.comparable(news, rows) == mixed.comparable(news, cut) == cut
    page = mixed.Request("page", "GET", "/api/sessions/3/history?limit=20")
    assert mixed.comparable(page, rows) == rows


def test_every_flag_of_the_load_answers_as_the_base_does_on_the_real_gateway(root: Path, tmp_path: Path) -> None:
    """Two settings that hold all flags of the load between them, at full's arms and a short block each."""
    system = load_system(root / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "full", 7, tmp_path)
    study = Study(run, system, NOTEBOOK, "full", 7, default_cores())
    sends = Setting("serialiser=msgpack+compression=gzip+payload=sparse", "ST-X-01")
    calls = Setting("http_client=pooled_aiohttp+template=cached+cache=l1+dedup=on", "ST-X-02")
    assert {part.partition("=")[0] for one in (sends, calls) for part in one.arm.split("+")} == set(choice.FLAGS)
    subject = experiment(system, (sends, calls))
    seen = run_experiment(study, subject, Sizes(blocks=2, seconds=0.75, fresh=False))
    arms = (sends.arm, calls.arm, f"{sends.arm}+{calls.arm}")
    assert subject.arms == arms and subject.base == "baseline+upstream=raw+store=wal_batched"
    for arm in (BASE, NULL, *arms):
        assert seen.counts(arm)[0] == 0 and (seen.column(arm, "cpu_ms_per_request") > 0).all()
    assert [seen.equal_answers(arm) for arm in (NULL, *arms)] == [(2, 2)] * 4
    for block in range(2):
        assert len({row["requests"] for row in seen.rows if row["block"] == block}) == 1
    assert "cannot be computed" in sentence(Together((sends, calls), (), seen))  # of two blocks
