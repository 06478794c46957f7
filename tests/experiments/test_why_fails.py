"""A profile of two variants side by side judges no target: where it fails, the study goes on and says why."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.errors import InstrumentFailure, LoadFailure, PerflabError, StatisticError, SystemFailure, UsageError
from perflab.experiments import profile_pairs


def failing(monkeypatch: pytest.MonkeyPatch, error: PerflabError) -> None:
    def fails(*given: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(profile_pairs, "run_trial", fails)


@pytest.mark.parametrize(
    "error",
    [
        SystemFailure("Process api ended with exit code 1", "", "Its last lines: address in use"),
        LoadFailure("The load gave up"),
        InstrumentFailure("P201", "no samples"),
        StatisticError("too few samples"),
    ],
)
def test_it_costs_no_more_than_the_names_of_the_functions(
    study: Any, monkeypatch: pytest.MonkeyPatch, error: PerflabError
) -> None:
    failing(monkeypatch, error)
    found, because = profile_pairs.attempt(study, "baseline", "optimised")
    assert found is None and because == f"No function can be named: {error}"


def test_a_mistake_in_the_question_is_still_one(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, UsageError("no such thing"))
    with pytest.raises(UsageError):
        profile_pairs.attempt(study, "baseline", "optimised")
