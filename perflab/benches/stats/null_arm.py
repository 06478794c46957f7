"""A run whose null arm fails prints no verdict: injected into every block set and figure, looked for in every text."""

from __future__ import annotations

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.stats.injected import SETS, Planted, make_case, printed, studied
from perflab.experiments.null_arm import FIGURES

ORDER = 100
CASES, SOUND = 100, 10


def plans(cases: int) -> list[Planted]:
    """Return injected faults that pass through every block set, every figure that it judges, and both signs."""
    kinds = [
        Planted(where, figure.column, sign)
        for where in SETS
        for figure in (FIGURES if where != "screening" else FIGURES[:1])
        for sign in (1, -1)
    ]
    return [kinds[i % len(kinds)] for i in range(cases)]


def bars(say: Say) -> list[Bar]:
    """Measure in how many of 100 injected runs the product prints better or worse, and that sound ones do."""
    rng = np.random.default_rng(100)
    with studied() as study:
        silent, loud = 0, []
        for planted in plans(CASES):
            said = printed(study, make_case(study, rng, planted))
            silent += not said
            loud += [f"{planted.where} {planted.column}: {len(said)} times"] if said else []
        sound = sum(bool(printed(study, make_case(study, rng, Planted()))) for _ in range(SOUND))
    return [
        Bar("null.silent", "runs with a failed null arm that print no better or worse", 100 * silent / CASES, ">=", 100,
            "%", CASES, detail={"printed_in": loud[:10]}),
        Bar("null.loud", "sound runs that print a verdict", 100 * sound / SOUND, "==", 100, "%", SOUND),
    ]  # fmt: skip
