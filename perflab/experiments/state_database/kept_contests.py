"""Rows of contests that a run has already are read back: a notebook that is run again measures what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from perflab.experiments.code_state import commit_of
from perflab.experiments.kept_rows import Row, read_rows, write_rows
from perflab.experiments.state_database.contest import Contest
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.study import Study


def measured_once(
    study: Study, contest: Contest, part: str, sizes: dict[str, Any],
    measure: Callable[[], ExperimentResult | None], of_rows: Callable[[Sequence[Row]], ExperimentResult],
) -> ExperimentResult | None:  # fmt: skip
    """Return what the run has of a part of a contest, measured by the same code, or measure it and keep it.

    `sizes`: how much is measured and on how much, which must be equal too. A part is kept when it is whole.
    """
    path = study.run.folder("samples") / f"contest.{contest.key}.{part}.json"
    identity = {"ways": list(contest.ways), "condition": contest.condition, "sizes": sizes, "seed": study.seed,
                "commit": commit_of(study.system.path.parent)}  # fmt: skip
    if rows := read_rows(path, contest.key, identity):
        return of_rows(rows)
    if (result := measure()) is not None:
        write_rows(path, identity, result.rows)
    return result
