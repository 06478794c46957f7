"""The verdict of a run follows from its findings alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from perflab.findings.finding import Effect, Finding, TrustCheck
from perflab.report.deliverables.strategy_guide import decide
from perflab.report.described import changed_since, target_rows
from perflab.report.run_index import _figures
from perflab.report.run_page import settings_judged, what_would_change_it
from perflab.report.verdict import by_target, judged_variant, overall
from perflab.report.wording import effect_text, look, n_text
from perflab.runs import Manifest, Step
from tests.report.fake_run import MANIFEST, effect, findings


def target(verdict: str, **changes: Any) -> Finding:
    """A judged target finding with a verdict."""
    base: dict[str, Any] = {
        "id": "F30-1", "notebook": "30_prototype", "question": "?", "claim": "c.", "kind": "target", "verdict": verdict,
        "level": "measured-full", "target_id": "T-1", "variant": "optimised",
    }  # fmt: skip
    return Finding(**{**base, **changes})


def with_status(status: str, *steps: Step) -> Manifest:
    return MANIFEST.model_copy(update={"status": status, "steps": steps})


def test_the_fake_run_is_told_in_words_and_numbers() -> None:
    verdict = overall(findings(), MANIFEST)
    assert verdict.headline == (
        "The optimised variant of voice-gateway meets 1 target (at quick effort) and misses 1 target "
        "(S4-LAT-2a); 1 target is inconclusive."
    )
    assert verdict.points[0].startswith("The optimised variant takes 80 % less CPU")
    assert verdict.exit_code == 1 and verdict.short == "1 missed, 1 inconclusive, 1 met"


def figure(verdict: str, number: int, value: float = 2.2, **changes: Any) -> Finding:
    """A target on the response time under one of two conditions."""
    given = {"id": f"F30-target.{number}", "target_id": f"T-{number}", "condition": "latency=slow,trouble=none",
             "claim": "response_time p95 < 2 s: ...", "scenario": "normal",
             "effect": effect("response_time", value, value - 0.1, value + 0.1)}  # fmt: skip
    return target(verdict, **{**given, **changes})


def test_three_targets_on_one_measurement_are_not_read_as_three_failures() -> None:
    met = figure("meets", 9, 1.3, target_id="T-1", condition="latency=fast,trouble=none")
    verdict = overall([met, *(figure("misses", n) for n in (1, 2, 3))], MANIFEST)
    assert verdict.headline == (
        "The optimised variant of voice-gateway misses 3 targets (T-1, T-2, T-3), one measurement: "
        "response time p95 2.20 s (2.10 s to 2.30 s) under latency=slow."
    )
    assert verdict.counts == {"misses": 3} and verdict.short == "3 missed"  # counted as before
    two = overall([figure("misses", 1), figure("misses", 2), figure("misses", 3, 2.5)], MANIFEST).headline
    assert "misses 3 targets (T-1, T-2, T-3), T-1 and T-2 are one measurement: response time p95 2.20 s" in two
    open_ = overall([figure("inconclusive", 1), figure("inconclusive", 2)], MANIFEST).headline
    assert "2 targets are inconclusive (one measurement: response time p95 2.20 s (2.10 s to 2.30 s))." in open_
    good = overall([figure("meets", n) for n in (1, 2)] + [figure("meets", 3, 1.0)], MANIFEST).headline
    assert good.endswith("meets 3 targets (T-1 and T-2 are one measurement).")


def test_many_missed_targets_are_not_cut_in_silence() -> None:
    headline = overall([figure("misses", n, 2.0 + n) for n in range(1, 7)], MANIFEST).headline
    assert "misses 6 targets (T-1, T-2, T-3, T-4 and 2 more)." in headline


def test_the_decision_comes_first_then_why_then_how_sure_that_is() -> None:
    decided = target("reported", id="F90-1", notebook="90_verdict", kind="observation", headline=9, target_id="",
                     claim="Ship optimised, provisionally.", level="measured-quick")  # fmt: skip
    check = TrustCheck(name="noise floor (A/A)", passed=False, observed="9 %", limit="5 %")
    refused = target("untrusted", id="F30-9", kind="comparison", headline=10, claim="-75 % of CPU", trust=(check,))
    verdict = overall([target("meets", headline=5), refused, decided], MANIFEST)
    assert verdict.decision == "Ship optimised, provisionally." and verdict.decision not in verdict.points
    assert verdict.sentence.startswith("Ship optimised, provisionally. The optimised variant of voice-gateway meets")
    assert verdict.points[0] == "Not to be trusted, as “noise floor (A/A)” failed: -75 % of CPU."
    assert verdict.sure == (
        "The evidence is measured-full. Trust checks refused 1 of 2 findings that carry the verdict (F30-9), "
        "as these failed: noise floor (A/A). perflab therefore ends with exit code 3."
    )
    under_way = overall([refused], MANIFEST.model_copy(update={"status": "running"}))
    assert "Trust checks refused 1 of 1" in under_way.sure and "exit code" not in under_way.sure  # it may end otherwise
    sound = overall([target("meets", headline=5), decided], MANIFEST)
    assert sound.sure == "The evidence is measured-full. No trust check refused a finding that carries the verdict."


def test_a_run_whose_targets_are_all_refused_is_told_in_a_whole_sentence() -> None:
    found = [target("untrusted", id=f"F30-target.{n}", target_id=f"T-{n}") for n in (10, 2)]
    verdict = overall([*found, target("not-yet-judged", id="F30-3", target_id="T-3")], MANIFEST)
    assert verdict.headline == (
        "The optimised variant of voice-gateway meets no target; "
        "2 targets are refused by trust checks and 1 is too little measured to judge."
    )
    assert sorted(found, key=lambda f: f.order)[0].id == "F30-target.2"


def test_a_miss_is_not_answered_with_the_step_of_what_is_open() -> None:
    """To measure longer would settle the inconclusive target and leave the run missed."""
    open_ = target("inconclusive", next_step="Measure longer", headline=5)
    missed = target("misses", id="F30-2", target_id="T-2", next_step="Choose a faster service")
    shown = target("misses", id="F30-3", target_id="T-2", variant="baseline", next_step="Not judged")
    found = [open_, missed, shown]
    assert what_would_change_it(found, overall(found, MANIFEST)) == ["Choose a faster service"]
    silent = [open_, missed.model_copy(update={"next_step": ""})]
    assert what_would_change_it(silent, overall(silent, MANIFEST)) == []
    assert what_would_change_it([open_, shown], overall([open_, shown], MANIFEST)) == ["Measure longer"]


def test_settings_of_the_world_are_told_from_the_decision() -> None:
    rows = [{"setting": "latency=fast", "stands for": "a fast service"}]
    decision = target("reported", kind="observation", target_id="", details={"judged_under": rows, "targets": {}})
    assert settings_judged([target("meets"), decision]) == rows


def test_targets_that_were_judged_inconclusive_were_judged() -> None:
    told = overall([target("inconclusive"), target("untrusted", id="F30-2", target_id="T-2")], MANIFEST).headline
    assert "meets no target; 1 target is inconclusive and 1 is refused by trust checks." in told


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([target("meets")], 0),
        ([target("inconclusive")], 0),
        ([target("misses")], 1),
        ([target("meets"), target("misses", id="F30-2", target_id="T-2")], 1),
        ([target("meets"), target("misses", id="F30-2", variant="baseline")], 0),  # shown, not judged
        ([target("untrusted")], 3),
        ([target("untrusted"), target("misses", id="F30-2", target_id="T-2")], 1),  # a miss stands whatever else
        ([target("meets"), target("untrusted", id="F30-2", kind="comparison", headline=1)], 3),
        ([target("not-yet-judged")], 0),
        ([], 2),  # a finished run that found nothing is broken
    ],
)
def test_exit_codes(found: list[Finding], code: int) -> None:
    assert overall(found, MANIFEST).exit_code == code


def test_a_failed_step_is_a_broken_run_whatever_was_met() -> None:
    manifest = with_status("broken", Step(name="11_baseline_load", status="failed", reason="kernel died"))
    verdict = overall([target("meets")], manifest)
    assert verdict.exit_code == 2 and "1 step did not finish" in verdict.headline


def test_an_unfinished_run_says_so_far() -> None:
    assert overall([target("meets")], with_status("running")).headline.startswith("So far the optimised variant")
    assert overall([], with_status("running")).headline == "No target has been judged yet."


def test_a_target_is_met_only_under_all_its_conditions() -> None:
    pair = [target("meets", condition="a"), target("misses", id="F30-2", condition="b")]
    assert by_target(pair)["T-1"].verdict == "misses"
    assert by_target(pair[::-1])["T-1"].verdict == "misses"


@pytest.mark.parametrize("other", ["not-yet-judged", "reported"])
def test_a_target_without_a_verdict_under_one_condition_is_not_met_by_the_other(other: str) -> None:
    pair = [target(other, condition="a"), target("meets", id="F30-2", condition="b")]
    assert by_target(pair)["T-1"].verdict == by_target(pair[::-1])["T-1"].verdict == other
    verdict = overall(pair, MANIFEST)
    assert not verdict.counts.get("meets") and verdict.tone == "quiet" and verdict.short == "nothing judged"


def test_the_headline_tells_how_many_meets_rest_on_less_than_a_full_measurement() -> None:
    def told(*levels: str) -> str:
        found = [target("meets", id=f"F30-{i}", target_id=f"T-{i}", level=level) for i, level in enumerate(levels)]
        return overall(found, MANIFEST).headline.split("meets ")[1]

    assert told("measured-full", "measured-full") == "2 targets."
    assert told("measured-quick", "measured-quick") == "2 targets (at quick effort)."
    assert told("measured-full", "simulated") == "2 targets (1 simulated)."


def test_the_judged_variant_is_the_declared_one() -> None:
    found = [target("meets", variant="baseline")]
    assert judged_variant(found, MANIFEST.model_copy(update={"notes": {"judge": "baseline"}})) == "baseline"
    assert judged_variant(found, MANIFEST.model_copy(update={"notes": {}})) == "baseline"  # the only one with targets


def test_looks_carry_a_word_and_a_shape_and_quick_meets_say_so() -> None:
    assert look("meets", "measured-quick").word == "meets (measured-quick)"
    assert look("meets", "simulated").word == "meets (simulated)" and look("meets", "measured-full").word == "meets"
    assert look("misses", "measured-quick").word == "misses"
    shapes = [look(v).shape for v in ("meets", "misses", "better", "worse", "inconclusive", "untrusted")]
    assert len(set(shapes)) == len(shapes)


def test_ratios_of_comparisons_are_shown_as_changes() -> None:
    made = target("better", kind="comparison", effect=effect("cpu_per_turn", 0.2, 0.15, 0.25, "ratio"))
    assert effect_text(made) == "-80 % (-85 % to -75 %)"


def test_identical_work_is_shown_as_a_change_and_not_as_a_hundred_per_cent_of_itself() -> None:
    floor = Effect(metric="wall time, A against A", value=1.0002, low=0.9997, high=1.0007, unit="ratio", n=240,
                   n_unit="pairs", confidence=0.950042, method="paired Hodges-Lehmann")  # fmt: skip
    made = target("reported", kind="observation", effect=floor)
    assert effect_text(made) == "+0.0 % (-0.0 % to +0.1 %)"
    assert n_text(made) == "n = 240 pairs, 95 % interval by paired Hodges-Lehmann"


@pytest.mark.parametrize(
    ("confidence", "method", "text"),
    [
        (0.960938, "order statistics", "n = 9 turns, 96.1 % interval by order statistics"),
        (0.9999, "", "n = 9 turns, 99.9 % interval"),  # never 100 %
        (1.0, "largest value seen", "n = 9 turns, largest value seen"),
    ],
)
def test_what_an_effect_rests_on_has_no_false_digits(confidence: float, method: str, text: str) -> None:
    made = Effect(metric="m", value=1, low=1, high=1, unit="%", n=9, confidence=confidence, method=method)
    assert n_text(target("meets", effect=made)) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "text"),
    [
        (778, 754, 804, "ms", "+778 ms (+754 ms to +804 ms)"),
        (-1.25, -5.64, 2.33, "ms", "-1.25 ms (-5.64 ms to +2.33 ms)"),
        (-150, -200, -130, "s", "-2 min 30 s (-3 min 20 s to -2 min 10 s)"),
        (0, 0, 0, "queries", "0 queries (0 queries to 0 queries)"),
        (0.5, 0.4, None, "ratio", "-50 % (at least -60 %)"),
        (0.5, None, 0.6, "ratio", "-50 % (at most -40 %)"),
        (0.5, None, None, "ratio", "-50 % (no interval)"),
    ],
)
def test_a_difference_reads_as_a_change_with_the_bounds_that_are_known(
    value: float, low: float | None, high: float | None, unit: str, text: str
) -> None:
    moved = Effect(metric="staleness", value=value, low=low, high=high, unit=unit, n=9)
    assert effect_text(target("worse", kind="comparison", effect=moved)) == text
    assert not effect_text(target("meets", effect=moved)).startswith("+")  # a level


@pytest.mark.parametrize(
    ("verdicts", "decision"),
    [
        ({"cpu": "better", "memory": "equivalent", "p99": "better"}, "adopt"),
        ({"cpu": "better"}, "adopt if the tail and memory hold"),
        ({"cpu": "better", "memory": "inconclusive", "p99": "better"}, "adopt if memory holds"),
        ({"cpu": "better", "memory": "worse", "p99": "better"}, "adopt if the price is acceptable"),
        ({"cpu": "worse"}, "reject"),
        ({"cpu": "equivalent", "p99": "trivial"}, "reject: no gain"),
        ({"cpu": "inconclusive"}, "needs more data"),
    ],
)
def test_nothing_is_adopted_on_one_figure(verdicts: dict[str, str], decision: str) -> None:
    own = [target(v, kind="comparison", effect=effect(m, 1, 1, 1, "ratio")) for m, v in verdicts.items()]
    assert decide(own) == decision


def test_targets_that_were_changed_after_the_run_are_shown_as_it_judged_them(tmp_path: Path) -> None:
    limits = (
        '[[target]]\nid = "{}"\ndomain = "gemini_codegen"\nmetric = "lat"\noperator = "<"\nvalue = {}\nunit = "ms"\n'
    )
    (tmp_path / "targets.toml").write_text(limits.format("T-1", 100) + limits.format("T-2", 300))
    system = tmp_path / "system.toml"
    system.write_text('targets = "targets.toml"\n')
    found = [
        target("meets", claim="lat p95 < 200 ms: 150 ms (140 ms to 160 ms) against < 200 ms."),
        target("meets", id="F30-2", target_id="T-2", claim="lat p95 < 300 ms: 150 ms against < 300 ms."),
    ]
    digest = hashlib.sha256(system.read_bytes()).hexdigest()
    then = MANIFEST.model_copy(update={"system": str(system), "system_digest": digest})
    assert [row["quote"] for row in target_rows(then, found, "optimised")] == ["lat p95 < 200 ms", "lat < 300 ms"]
    (told,) = changed_since(then, found)
    assert "(T-1)" in told and changed_since(then, found[1:]) == []
    assert "system.toml is not as it was" in changed_since(then.model_copy(update={"system_digest": "0"}), [])[0]
    assert changed_since(MANIFEST, found) == []  # no file is left to compare with


def test_the_index_prints_no_figure_that_was_refused() -> None:
    refused = target("untrusted", headline=9, effect=effect("latency", 1, 0.9, 1.1))
    sound = target("meets", id="F30-2", target_id="T-2", headline=1, effect=effect("rate", 5, 4, 6, "requests/s"))
    assert _figures([refused, sound], overall([refused, sound], MANIFEST)) == (
        "rate 5.00 requests/s (4.00 requests/s to 6.00 requests/s)",
    )
