"""What a block comparison says of the bytes between client and system, as part of what a variant costs or saves."""

from __future__ import annotations

import numpy as np

from perflab.experiments.blocks import BlockResult
from perflab.experiments.conclude.parts import observation
from perflab.experiments.study import Study
from perflab.findings.finding import Finding, TrustCheck
from perflab.units import number_text

BYTES = "kb_per_unit"
BYTES_MARGIN = 0.02
COUNTED = (
    "bytes as the load file counts them, from a unit's begin to its end: one that is answered sooner may send less"
)


def counts_bytes(result: BlockResult, judged: str) -> bool:
    """Say whether every trial of both arms has bytes to compare: a load file need not count them."""
    both = np.concatenate([result.column(arm, BYTES) for arm in ("baseline", judged)])
    return bool(both.size) and bool((both > 0).all())  # NaN is above nothing


def moved_alike(study: Study, result: BlockResult, trust: tuple[TrustCheck, ...]) -> Finding | None:
    """Return what is said where every block shows the same ratio: a fixed payload has no spread to make an interval of.

    None where blocks differ, so that the comparison failed for another reason.
    """
    judged, unit = study.system.judge, study.system.unit
    before, after = result.column("baseline", BYTES), result.column(judged, BYTES)
    ratio = after / before
    if not np.allclose(ratio, ratio[0], rtol=1e-9, atol=0):
        return None
    moved = f"{100 * (ratio[0] - 1):+.1f} %" if abs(ratio[0] - 1) > 1e-9 else "no change"
    return observation(
        study,
        "6",
        trust,
        question=f"Does {judged} change bytes per {unit}?",
        variant=judged,
        claim=f"Bytes per {unit} of {judged} against baseline: {moved}, alike in each of {len(ratio)} paired blocks "
        f"(medians {number_text(float(np.median(before)))} and {number_text(float(np.median(after)))} kB).",
        caveats=(COUNTED,),
    )
