"""A system of one variant, and a shown variant that dies: the judged variant's figures and verdicts stand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.errors import LoadFailure, SystemFailure
from perflab.experiments import blocks, profile_pairs, prototype
from perflab.experiments.conclude import prototype as concluding
from perflab.experiments.matrix import MatrixResult
from perflab.findings.finding import load_findings
from perflab.report.deliverables.build import build_deliverables
from perflab.report.run_page import build_run_page

from .planted import case
from .test_matrices import level
from .test_null_arm import trial_of

ONE_PROGRAM = {
    "no flags": {"flag": (), "judge": "baseline"},
    "the baseline is judged": {"judge": "baseline"},
    "no flag changes": {"flag": ()},  # judge = "optimised" of a study that was opened otherwise
}


def alone(study: Any, which: str) -> Any:
    return replace(study, system=study.system.model_copy(update=ONE_PROGRAM[which]))


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*given: Any, **options: Any) -> None:
        raise AssertionError("nothing is to be measured")

    monkeypatch.setattr(blocks, "run_trial", started)
    monkeypatch.setattr(profile_pairs, "run_trial", started)


@pytest.mark.parametrize("which", ONE_PROGRAM)
def test_one_program_is_not_compared_with_itself(study: Any, nothing_starts: None, which: str) -> None:
    one = alone(study, which)
    assert prototype.compare_variants(one, one.sizes) is None
    assert prototype.comparison_sentence(one, None).startswith("Nothing is compared: ")
    if not one.system.flag:
        assert prototype.screen(one, one.sizes) is None
    found, because = profile_pairs.attempt(one, "baseline", one.system.judge)
    assert found is None and "one program" in because


def test_a_flag_without_another_value_leaves_nothing_to_screen_at_quick(study: Any) -> None:
    same = tuple(flag.model_copy(update={"optimised": flag.baseline}) for flag in study.system.flag)
    quick = replace(study, effort="quick", system=study.system.model_copy(update={"flag": same}))
    assert prototype.nothing_to_compare(quick) and prototype.screen(quick, quick.sizes) is None
    assert "another value" in prototype.confirmation_sentence(quick, None, None)


@pytest.mark.parametrize("which", ONE_PROGRAM)
def test_its_matrix_runs_once_and_no_page_speaks_of_another_variant(
    study: Any, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    one, taken = alone(study, which), []

    def run(_study: Any, variant: str, conditions: dict[str, str], *, scenarios: Any = None) -> MatrixResult:
        taken.append((variant, *conditions.values()))
        levels = {"normal": level("normal", 50, 900)}
        return MatrixResult(variant, conditions, levels, {}, None, f"matrix-{variant}")

    monkeypatch.setattr(prototype, "run_matrix", run)
    monkeypatch.setattr(concluding, "read_trial", lambda study, name: trial_of(name))
    results, broken = prototype.run_matrices(one)
    others = {"optimised"} if which == "the baseline is judged" else set()
    assert {name for name, *_ in taken} == {one.system.judge, *others} and len(taken) == len(set(taken))
    found = concluding.conclude(one, None, None, results, [], {}, broken=broken)
    assert next(f.claim for f in found if f.id == "F30-1").startswith("Nothing is compared: ")
    assert {f.kind for f in found} == {"observation"} and len({f.id for f in found}) == len(found)
    if which == "no flags":
        one.save_findings(found)
        one.run.note("judge", "baseline")
        pages = [build_run_page(one.run), *build_deliverables(one.run)]
        assert not [p.name for p in pages if "Ship optimised" in p.read_text(encoding="utf-8")]


@pytest.mark.parametrize("error", [SystemFailure("Process server ended with signal SIGKILL"), LoadFailure("gave up")])
def test_a_shown_variant_that_dies_costs_no_verdict_on_the_judged_one(
    study: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(_study: Any, variant: str, conditions: dict[str, str], *, scenarios: Any = None) -> Any:
        if variant == "baseline":
            raise error
        return SimpleNamespace(variant=variant, conditions=conditions)

    monkeypatch.setattr(prototype, "run_matrix", run)
    results, broken = prototype.run_matrices(study)
    assert results[0].variant == "optimised" and len(results) == 2 and results[1].conditions
    assert broken == {"baseline": str(error)}
    made = case(study)
    (said,) = [f for f in concluding.conclude(study, made.blocks, None, [], [], {}, broken=broken)
               if f.id == "F30-matrix.baseline"]  # fmt: skip
    assert said.verdict == "inconclusive" and str(error) in said.claim and said.next_step


def test_a_judged_variant_that_dies_is_no_result(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_study: Any, variant: str, conditions: dict[str, str], *, scenarios: Any = None) -> Any:
        if conditions:
            raise SystemFailure("Process server ended with signal SIGKILL")
        return SimpleNamespace(variant=variant, conditions=conditions)

    monkeypatch.setattr(prototype, "run_matrix", run)
    with pytest.raises(SystemFailure):
        prototype.run_matrices(study)


def test_findings_saved_early_are_replaced_not_doubled(study: Any) -> None:
    made = case(study)
    early = concluding.conclude(study, made.blocks, made.screening, [], [], {}, made.confirmation)
    study.save_findings(early)
    study.save_findings(concluding.conclude(study, made.blocks, made.screening, [], [], {}, made.confirmation))
    kept = load_findings(study.run.folder("findings"))
    assert sorted(f.id for f in kept) == sorted({f.id for f in early}) and any(f.verdict == "better" for f in kept)
