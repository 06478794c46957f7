"""What a load sent is told on the page, once; where it only stands in for what users send, with every verdict."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.experiments import judging
from perflab.experiments.conclude import load
from perflab.experiments.conclude.targets import conclude_goals, conclude_targets
from perflab.experiments.conclude.verdict import conclude as decide
from perflab.experiments.material import material_of
from perflab.experiments.matrix import MatrixResult, read_matrix
from perflab.findings.finding import Finding
from perflab.report.deliverables.build import build_deliverables
from perflab.report.run_page import build_run_page
from perflab.system.tables.spans import Spans
from tests.experiments import test_load_words as words
from tests.experiments.test_goals import whole_matrix
from tests.experiments.test_judged_targets import measured

REAL = "79 recordings, 297 s in all."
FALLBACK = "48 phrases; no recordings could be had (offline)"
LABEL = f"SYNTHETIC material was sent, none of users: {FALLBACK}"


def judged(study: Any, monkeypatch: pytest.MonkeyPatch, notes: dict[str, str]) -> tuple[list[Finding], Finding]:
    """Return the findings on targets of a matrix whose load left `notes`, and the decision by them."""
    made = measured(study)
    trial = replace(made, facts=replace(made.facts, notes=notes))
    monkeypatch.setattr(judging, "read_trial", lambda study, name: trial)
    result = MatrixResult(study.system.judge, {}, {"normal": None, "peak": None}, {}, None, "matrix-optimised")  # type: ignore[dict-item]
    found = conclude_targets(study, judging.judge_targets(study, [result]))
    (decision,) = decide(study, found)
    return found, decision


def test_what_was_sent_stands_on_the_page_once_and_is_no_caveat(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, decision = judged(study, monkeypatch, {"material": REAL, "first_refusal": "x"})
    assert len(found) > 5 and not any("297 s" in caveat for f in (*found, decision) for caveat in f.caveats)
    told = [row["stands for"] for row in decision.details["judged_under"] if row["setting"] == "what was sent"]
    assert told == [REAL.rstrip(".")]
    study.save_findings([*found, decision])
    page = build_run_page(study.run).read_text(encoding="utf-8")
    assert f"<b>what was sent</b> ({told[0]})" in page and page.count(told[0]) == 2  # above the tiles, in its block


def test_a_synthetic_fallback_is_named_with_every_verdict(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, decision = judged(study, monkeypatch, {"synthetic": FALLBACK})
    assert all(LABEL in f.caveats for f in (*found, decision))
    study.save_findings([*found, decision])
    assert LABEL in build_run_page(study.run).read_text(encoding="utf-8")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in build_deliverables(study.run)}
    assert "SYNTHETIC material was sent" in texts["prototype-report"]


def test_goals_without_a_number_name_it_too(study: Any) -> None:
    trial = whole_matrix(study, variant="optimised")
    trial = replace(trial, facts=replace(trial.facts, notes={"synthetic": FALLBACK}))
    found = conclude_goals(study, [read_matrix(study, trial)], [trial])
    assert len(found) == 2 and all(LABEL in f.caveats for f in found)


def test_a_load_that_says_nothing_is_shown_as_before(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, decision = judged(study, monkeypatch, {})
    assert "what was sent" not in {row["setting"] for row in decision.details["judged_under"]}
    assert not any({"material", "synthetic"} & set(f.details) for f in found) and len(decision.caveats) == 1


def test_a_worker_without_recordings_is_not_hidden_by_one_that_had_them() -> None:
    both = material_of({"material": REAL} | {"synthetic": FALLBACK})
    assert REAL.rstrip(".") in both.told and LABEL in both.told and both.caveats == (LABEL,)


@pytest.mark.parametrize(
    ("notes", "said"),
    [({}, "A world."), ({"material": REAL}, f"A world. What was sent: {REAL}"),
     ({"synthetic": FALLBACK}, f"A world. What was sent: {LABEL}.")],
    ids=["nothing", "recordings", "synthetic"],
)  # fmt: skip
def test_the_baseline_names_what_was_sent_beside_its_world(
    monkeypatch: pytest.MonkeyPatch, notes: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(load, "trust_of", lambda trials: ())
    study = SimpleNamespace(
        level="measured-quick", quick=False, time_scale=1.0, notebook="11_baseline_load",
        system=SimpleNamespace(load=SimpleNamespace(primary="Buyer", unit_kind="request"), spans=Spans()),
    )  # fmt: skip
    trials: Any = [SimpleNamespace(facts=SimpleNamespace(notes=notes))]
    levels = [words.level(10, 40.0), words.level(20, 60.0)]
    *_, world = load.conclude(study, "baseline", levels, opened=words.level(15, 70.0), knee={"claim": "?"}, law={},
                              trials=trials, figures={}, world="A world.")  # type: ignore[arg-type] # fmt: skip
    assert world.claim == said and world.caveats == ((LABEL,) if "synthetic" in notes else ())
