"""A run or a gate whose null arm fails prints no verdict: injected everywhere, looked for in every text."""

from __future__ import annotations

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.stats.injected import (
    GATE,
    MACHINE,
    SETS,
    Case,
    Planted,
    make_case,
    printed,
    printed_by_gate,
    studied,
)
from perflab.experiments.null_arm import FIGURES
from perflab.experiments.study import Study

ORDER = 100
CASES, SOUND = 150, 10


def plans(cases: int) -> list[Planted]:
    """Return faults that pass through every place with identical arms, every figure judged there, and both signs."""
    kinds = [
        Planted(where, figure.column, sign)
        for where in (*SETS, MACHINE, GATE)
        for figure in (FIGURES if where not in ("screening", MACHINE) else FIGURES[:1])
        for sign in (1, -1)
    ]
    return [kinds[i % len(kinds)] for i in range(cases)]


def said_of(study: Study, case: Case, planted: Planted) -> list[str]:
    """Return the verdicts that are printed of a case: a gate is a run of its own."""
    return printed_by_gate(study, case) if planted.where == GATE else printed(study, case)


def bars(say: Say) -> list[Bar]:
    """Measure in how many of 150 injected runs the product prints better or worse, and that sound ones do."""
    rng = np.random.default_rng(100)
    with studied() as study:
        silent, loud = 0, []
        for planted in plans(CASES):
            said = said_of(study, make_case(study, rng, planted), planted)
            silent += not said
            loud += [f"{planted.where} {planted.column}: {len(said)} times"] if said else []
        cases = [make_case(study, rng, Planted()) for _ in range(SOUND)]
        sound = sum(bool(printed(study, case)) and bool(printed_by_gate(study, case)) for case in cases)
    return [
        Bar("null.silent", "runs and gates with a failed null arm that print no better or worse",
            100 * silent / CASES, ">=", 100, "%", CASES, detail={"printed_in": loud[:10]}),
        Bar("null.loud", "sound runs and gates that print a verdict", 100 * sound / SOUND, "==", 100, "%", SOUND),
    ]  # fmt: skip
