"""What the findings on load say of the users, which must hold for the users that made it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.experiments.conclude import load
from perflab.experiments.conclude.load import conclude
from perflab.experiments.ladder import Level
from perflab.experiments.open_load import why_no_arrivals
from perflab.stats.interval import Interval
from perflab.system.tables.spans import Spans


def level(users: int, p95_ms: float) -> Level:
    interval = Interval(p95_ms, p95_ms - 5, p95_ms + 5, 0.95, 200, "sectioning")
    return Level(f"level-{users}", users, 10.0, 200, interval, interval, interval, users * 2.0, 20.0, 90.0, 0, 200)


@pytest.mark.parametrize(
    ("notes", "paced"),
    [({"paced": ["Buyer"]}, True), ({"paced": ["Other"]}, False), ({}, False)],
    ids=["paced", "another class is", "closed"],
)
def test_the_words_are_those_of_the_users_that_made_the_load(
    monkeypatch: pytest.MonkeyPatch, notes: dict[str, Any], paced: bool
) -> None:
    monkeypatch.setattr(load, "trust_of", lambda trials: ())
    study = SimpleNamespace(
        level="measured-quick", quick=True, time_scale=1.0, notebook="11_baseline_load",
        system=SimpleNamespace(load=SimpleNamespace(primary="Buyer", unit_kind="request"), spans=Spans()),
    )  # fmt: skip
    trials = [SimpleNamespace(facts=SimpleNamespace(notes=notes))]
    levels = [level(10, 40.0), level(20, 60.0)]
    knee = {"claim": "the target holds at 10 users."}
    found: Any = conclude(study, "baseline", levels, opened=level(15, 70.0), knee=knee, law={},
                          trials=trials, figures={}, world="A world.")  # type: ignore[arg-type] # fmt: skip
    _, where, compare, _ = found
    said = " ".join((*where.caveats, compare.question, compare.claim))
    assert ("fixed rate" in said) is paced and ("closed" in said) is not paced


@pytest.mark.parametrize(
    ("arrives", "allowed", "missing"),
    [
        (["Buyer"], True, ""),
        (None, True, ""),  # a ladder of a time before the load said so
        ([], True, "Buyer of users.py defines no `arrive`"),
        (["Other"], True, "Buyer of users.py defines no `arrive`"),
        (["Buyer"], False, "shop.toml says arrivals = false"),
    ],
)
def test_a_load_file_without_open_arrivals_costs_their_finding_alone(
    monkeypatch: pytest.MonkeyPatch, arrives: list[str] | None, allowed: bool, missing: str
) -> None:
    monkeypatch.setattr(load, "trust_of", lambda trials: ())
    monkeypatch.setattr(load, "world_on_time", lambda study, trials: ())
    told = SimpleNamespace(primary="Buyer", unit_kind="request", file="users.py", arrivals=allowed)
    study: Any = SimpleNamespace(
        level="measured-quick", quick=True, time_scale=1.0, notebook="11_baseline_load",
        system=SimpleNamespace(load=told, path=Path("shop.toml")),
    )  # fmt: skip
    notes = {} if arrives is None else {"arrives": arrives}
    ladder: Any = SimpleNamespace(facts=SimpleNamespace(notes=notes))
    assert why_no_arrivals(study, ladder) == missing
    if missing:
        levels = [level(10, 40.0), level(20, 60.0)]
        climb, where, opened, _ = conclude(
            study,
            "baseline",
            levels,
            opened=None,
            knee={"claim": "k."},
            law={},
            trials=[ladder],
            figures={},
            world="A world.",
        )
        assert (climb.verdict, where.verdict) == ("reported", "reported")
        assert (opened.verdict, opened.level) == ("not-yet-judged", "none")
        assert missing in opened.claim and "arrive" in opened.next_step
