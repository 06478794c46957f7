"""What is concluded of blocks whose truth is known: planted gains, planted bias, answers that differ, lost arms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perflab.errors import UsageError
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.checks import checks_of
from perflab.experiments.strategies.conclude import findings, forest_rows, judge_arms, price_rows, sentence, table_rows
from perflab.experiments.strategies.experiment import BASE, STANDARD, FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.run import FULL, QUICK, ExperimentResult
from perflab.experiments.strategies.state.per_session import PER_SESSION
from perflab.findings.finding import Evidence
from perflab.system.cores import Cores

BYTES = FigureSpec("bytes", "bytes per request", "bytes", 0.05)
STALE = FigureSpec("stale_ms", "staleness", "ms", 5.0, in_units=True)
ARM = "http_client=pooled"


@pytest.fixture(name="study")
def on_cores_of_its_own(study: Any) -> Any:
    return replace(study, cores=Cores((0,), (1,)))


async def nothing(target: Target) -> Work:
    return Work(np.ones(1))


EXPERIMENT = StrategyExperiment(
    "planted", "ST-API-02", "planted", (ARM,), "known truth", nothing, figures=(BYTES, STALE), price="sockets",
    turns="never",
)  # fmt: skip


def result(
    factor: float, *, sizes: Any = FULL, null: float = 1.0, answers: str = "same", failed: int = 0, before: int = 0
) -> Any:
    """Return blocks in which the arm takes `factor` of everything; `failed` and `before` of 100 requests fail."""
    chance = np.random.default_rng(5)
    rows = []
    for block in range(sizes.blocks):
        level = chance.lognormal(0, 0.3)
        for arm, times in ((BASE, 1.0), (NULL, null), (ARM, factor)):
            row = {
                "arm": arm, "block": block, "requests": 100, "failed": failed if arm == ARM else before,
                "late_p99_ms": 1.0, "client_cpu": 0.3, "run_delay": 0.01, "steal": 0.0,
                "answers": answers if arm == ARM else "same",
                "stale_ms": 40.0 * (arm == ARM) + chance.normal(0, 1),
            }  # fmt: skip
            for name in ("cpu_ms_per_request", "p95_ms", "memory_mb", "bytes"):
                row[name] = level * times * chance.lognormal(0, 0.01)
            rows.append(row)
    return ExperimentResult(EXPERIMENT, tuple(rows), sizes)


def by_figure(study: Any, seen: ExperimentResult) -> dict[str, Any]:
    found = findings(study, judge_arms([seen]))
    return {f.id.rsplit(".", 1)[1]: f for f in found}


def test_a_planted_gain_is_published_with_every_figure_and_its_price(study: Any) -> None:
    found = by_figure(study, result(0.7))
    assert set(found) == {"cpu-ms-per-request", "p95-ms", "memory-mb", "bytes", "stale-ms"}
    cpu = found["cpu-ms-per-request"]
    assert (cpu.verdict, cpu.stage, cpu.strategy) == ("better", "confirmed", "ST-API-02")
    assert cpu.effect and cpu.effect.low < 0.7 < cpu.effect.high
    assert found["stale-ms"].verdict == "worse" and found["stale-ms"].effect.unit == "ms"
    assert cpu.details["price"] == "sockets" and cpu.details["turns"] == "never"


def test_each_finding_has_only_the_picture_that_shows_its_figure(study: Any) -> None:
    cpu, tail = (Evidence(kind="figure", path=f"{name}.svg", title=name, alt=name) for name in ("cpu", "tail"))
    found = {f.id.rsplit(".", 1)[1]: f for f in findings(study, judge_arms([result(0.7)]), cpu, tail)}
    assert found["p95-ms"].evidence == (tail,) and found["cpu-ms-per-request"].evidence == (cpu,)
    assert found["memory-mb"].evidence == ()
    without = {f.id.rsplit(".", 1)[1]: f.evidence for f in findings(study, judge_arms([result(0.7)]), cpu)}
    assert without == {name: (cpu,) if name == "cpu-ms-per-request" else () for name in found}


def test_no_planted_difference_is_no_gain(study: Any) -> None:
    found = by_figure(study, result(1.0))
    assert found["cpu-ms-per-request"].verdict in ("equivalent", "trivial")


def test_a_screening_publishes_no_effect(study: Any) -> None:
    found = by_figure(study, result(0.7, sizes=QUICK))
    assert all(f.effect is None and f.stage == "screened" and f.verdict == "reported" for f in found.values())
    assert found["cpu-ms-per-request"].details["direction"] == "less"
    assert {row["verdict"] for row in forest_rows(judge_arms([result(0.7, sizes=QUICK)]))} == {"not confirmed"}


def test_one_setting_under_two_conditions_is_told_apart_in_the_forest() -> None:
    pair = replace(EXPERIMENT, arms=(ARM, "other=on"), title="one store")
    twice = [result(0.7), result(0.8)]
    rows = tuple({**row, "arm": "other=on"} for row in twice[0].rows if row["arm"] == ARM)
    seen = [
        replace(one, experiment=replace(pair, key=key, title=title), rows=(*one.rows, *rows))
        for one, key, title in zip(twice, ("a", "b"), ("one store", "another store"), strict=True)
    ]
    labels = [row["label"] for row in forest_rows(judge_arms(seen))]
    assert len(set(labels)) == len(labels) == 4 and f"{ARM} (another store)" in labels
    assert [row["label"] for row in forest_rows(judge_arms(seen[:1]))] == [ARM, "other=on"]


def test_a_biased_null_arm_takes_every_verdict(study: Any) -> None:
    found = by_figure(study, result(0.7, null=1.2))
    assert {f.verdict for f in found.values()} == {"untrusted"}


def test_what_chance_explains_of_the_null_arm_takes_no_verdict(study: Any) -> None:
    """Of five figures one null arm is told apart alone (p = 0.016); its check calls it chance: one rule for both."""
    sound = result(0.7, sizes=replace(FULL, blocks=8))
    steps = (1.09, 1.07, 1.06, 1.08, 1.05, 1.04, 1.061, 0.99)
    base = {row["block"]: row["bytes"] for row in sound.rows if row["arm"] == BASE}
    rows = tuple({**row, "bytes": base[row["block"]] * steps[row["block"]]} if row["arm"] == NULL else row
                 for row in sound.rows)  # fmt: skip
    found = by_figure(study, replace(sound, rows=rows))
    assert any("chance" in check.observed for f in found.values() for check in f.trust)
    assert found["bytes"].verdict == found["cpu-ms-per-request"].verdict == "better"


def test_answers_that_differ_take_the_verdict_of_an_exact_flag(study: Any) -> None:
    found = by_figure(study, result(0.7, answers="other"))
    assert {f.verdict for f in found.values()} == {"untrusted"}


def test_an_arm_that_drops_its_work_is_not_believed_unless_failing_is_the_question(study: Any) -> None:
    seen = result(0.7, failed=30)
    assert {f.verdict for f in by_figure(study, seen).values()} == {"untrusted"}
    asked = replace(EXPERIMENT, fewer_failures=True)
    fewer = by_figure(study, replace(result(0.7, before=30), experiment=asked))
    assert fewer["cpu-ms-per-request"].verdict == fewer["bytes"].verdict == "better"
    more = by_figure(study, replace(seen, experiment=asked))
    assert more["cpu-ms-per-request"].verdict == more["p95-ms"].verdict == "untrusted"
    assert more["bytes"].verdict == "better"  # no figure of the answered alone


def test_a_server_of_ones_own_is_missing_in_the_figures_that_it_would_add_to(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = replace(EXPERIMENT, arms=("cache=l2",))
    rows = tuple({**row, "arm": "cache=l2" if row["arm"] == ARM else row["arm"]} for row in result(0.7).rows)
    seen = ExperimentResult(cached, rows, FULL)
    assert by_figure(study, seen)["memory-mb"].verdict == "better"
    monkeypatch.setenv("PERFLAB_CACHE_URL", "redis://127.0.0.1:6379/0")
    found = by_figure(study, seen)
    assert found["cpu-ms-per-request"].verdict == found["memory-mb"].verdict == "untrusted"
    assert found["p95-ms"].verdict == "better"


def test_a_voided_experiment_does_not_carry_the_screening_of_the_others(study: Any) -> None:
    """Nine planted biases beside one weak effect: their p-values would raise the threshold that it must pass."""
    voided = [replace(result(0.5, null=1.3, sizes=QUICK), experiment=replace(EXPERIMENT, key=f"void-{i}"))
              for i in range(9)]  # fmt: skip
    same = [replace(result(1.0, sizes=QUICK), experiment=replace(EXPERIMENT, key=f"same-{i}")) for i in range(9)]
    alone, beside = judge_arms(same), judge_arms([*voided, *same])
    p_of = [{i.result.experiment.key: i.judged.adjusted_p for i in seen if i.judged and i.figure.column == "bytes"}
            for seen in (alone, beside)]  # fmt: skip
    assert p_of[0].items() <= p_of[1].items()
    assert all(i.word == "untrusted" for i in beside if i.judged and i.result.failed_null)


def test_holm_counts_all_arms_of_the_notebook(study: Any) -> None:
    """With 60 arms 12 blocks can confirm nothing: 60 * 2^-11 is 0.029, times the 60 - k + 1 that Holm asks."""
    one = result(0.7)
    many = [replace(one, experiment=replace(EXPERIMENT, key=f"planted-{i}")) for i in range(120)]
    assert {i.judged.comparison.verdict for i in judge_arms(many) if i.judged} == {"inconclusive"}


def test_a_screening_of_twenty_arms_still_points_where_two_gain(study: Any) -> None:
    """8 blocks: the smallest p is 2^-7. Holm would ask 0.05 / 20 of it; Benjamini-Hochberg lets two of 20 pass."""
    gain = [replace(result(f, sizes=QUICK), experiment=replace(EXPERIMENT, key=f"planted-{i}"))
            for i, f in enumerate([0.7, 0.7] + [1.0] * 18)]  # fmt: skip
    said = [i.judged.comparison.verdict for i in judge_arms(gain) if i.judged and i.figure.column == "p95_ms"]
    assert said[:2] == ["better", "better"] and "better" not in said[2:]


def test_a_figure_that_cannot_be_computed_is_named_and_the_others_stand(study: Any) -> None:
    seen = result(0.7)
    rows = tuple({**row, "bytes": float(row["arm"] == ARM)} for row in seen.rows)  # no ratio to nothing
    judged = judge_arms([replace(seen, rows=rows)])
    broken = next(i for i in judged if i.figure is BYTES)
    assert broken.judged is None and broken.problem
    assert "bytes" not in by_figure(study, replace(seen, rows=rows))
    assert broken.problem in sentence(judged, "planted")


def test_a_figure_that_both_arms_show_alike_is_called_unchanged(study: Any) -> None:
    seen = result(0.7)
    judged = judge_arms([replace(seen, rows=tuple({**row, "bytes": 812.0} for row in seen.rows))])
    alike = next(i for i in judged if i.figure is BYTES)
    assert (alike.shown, alike.word) == ("the same in every block", "unchanged")


def test_a_step_that_is_the_same_in_most_blocks_is_told_with_its_size(study: Any) -> None:
    seen = result(0.7)
    rows = tuple({**row, "bytes": (100.0 + (row["block"] == 0)) if row["arm"] == ARM else 800.0} for row in seen.rows)
    judged = judge_arms([replace(seen, rows=rows)])
    step = next(i for i in judged if i.figure is BYTES)
    assert step.judged is None and step.shown.startswith("100 against 800") and "log_ratios" not in step.shown


def test_every_figure_of_a_setting_is_shown_and_its_price_once() -> None:
    judged = judge_arms([result(0.7)])
    (row,), (price,) = table_rows(judged), price_rows(judged)
    assert row["setting"] == f"{ARM} ({EXPERIMENT.title})"  # the only arm: its name alone does not say of what
    assert "better" in row["CPU per request"] and "ms" in row["besides"]
    assert "; staleness +" in row["besides"] and set(row) >= {figure.name for figure in STANDARD}
    assert price == {
        "settings": ARM,
        "work": EXPERIMENT.condition,
        "price": "sockets",
        "turns around": EXPERIMENT.turns,
    }


@pytest.mark.parametrize("arms", [(), (ARM, ARM)])
def test_an_experiment_without_arms_or_with_twins_is_refused(arms: tuple[str, ...]) -> None:
    with pytest.raises(Exception, match="at least one"):
        replace(EXPERIMENT, arms=arms)


def test_a_client_on_the_core_of_the_system_or_short_of_cpu_takes_every_verdict(study: Any) -> None:
    shared = by_figure(replace(study, cores=Cores((0,), (0,))), result(0.7))
    assert {f.verdict for f in shared.values()} == {"untrusted"}
    seen = result(0.7)
    busy = replace(seen, rows=tuple({**row, "client_cpu": 0.95} for row in seen.rows))
    assert {f.verdict for f in by_figure(study, busy).values()} == {"untrusted"}


def of_memory(own: Any, base: Any) -> ExperimentResult:
    """Return blocks with kB per session: of the arm, and of the base and its twin."""
    seen = result(1.0)
    told = tuple({**row, PER_SESSION.column: own(row["block"]) if row["arm"] == ARM else base} for row in seen.rows)
    return replace(seen, experiment=replace(EXPERIMENT, figures=(PER_SESSION,)), rows=told)


def test_memory_per_session_is_compared_in_kb_because_a_file_adds_none(study: Any) -> None:
    found = by_figure(study, of_memory(lambda block: 33 + 0.1 * block, 0.0))["memory-per-session-kb"]
    assert found.verdict == "worse" and found.effect and found.effect.unit == "kB"
    assert found.effect.low is not None and 33 <= found.effect.low < found.effect.value < 34.1


def test_a_figure_of_the_only_start_is_told_without_an_interval() -> None:
    judged = judge_arms([of_memory(lambda block: 32.8, 0.0)])
    told = next(i for i in judged if i.figure is PER_SESSION)
    assert told.judged is None and told.shown.startswith("32.8 against 0 kB in every block")
    assert "memory per session 32.8 against 0 kB" in sentence(judged, "planted")


def test_a_session_in_a_store_of_ones_own_grows_a_server_that_nobody_watches(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFLAB_CACHE_URL", "redis://127.0.0.1:6379/0")
    seen = replace(result(1.0), experiment=replace(EXPERIMENT, arms=("cache=l2",)))
    names = [check.name for check in checks_of(study, seen, "cache=l2", PER_SESSION) if not check.passed]
    assert "servers counted" in names


def test_a_difference_needs_a_unit() -> None:
    with pytest.raises(UsageError, match="stale is compared in units"):
        FigureSpec("stale", "staleness", "", 5.0, in_units=True)
