"""What 01_how_numbers_lie concludes: one observation per exhibit."""

from __future__ import annotations

from perflab.experiments.conclude.parts import evidence, finding
from perflab.experiments.exhibits.block_design import BlockDesign
from perflab.experiments.exhibits.coordinated_omission import StallSeen
from perflab.experiments.exhibits.naive_interval import NaiveInterval
from perflab.experiments.exhibits.peeking import Peeking
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

SIMULATED = "simulated noise of known truth, not this system"


def conclude(
    study: Study, stall: StallSeen, peeking: Peeking, design: BlockDesign, naive: NaiveInterval, *figures: Evidence
) -> list[Finding]:
    """Return one observation for each exhibit, with its figure; `figures` in the order of the exhibits."""
    told = (
        ("1", "What does a closed loop hide?", stall.sentence, "measured-quick" if study.quick else "measured-full"),
        ("2", "What does looking after every pair do?", peeking.sentence, "simulated"),
        ("3", "What does measuring A first and B afterwards do?", design.sentence, "simulated"),
        ("4", "How much do neighbouring requests tell?", naive.sentence, "simulated"),
    )
    return [
        finding(study, ordinal, question=question, kind="observation", verdict="reported", claim=claim, level=level,
                evidence=evidence(figure), trust=(stall_check(stall),) if ordinal == "1" else (),
                caveats=() if ordinal == "1" else (SIMULATED,))
        for (ordinal, question, claim, level), figure in zip(told, figures, strict=True)
    ]  # fmt: skip


def stall_check(stall: StallSeen, limit: float = 0.05) -> TrustCheck:
    """The open load must see the p99 that the server's own clock implies; otherwise the exhibit teaches nothing."""
    apart = abs(stall.p99("open") / stall.truth_ms - 1) if stall.truth_ms else float("inf")
    return TrustCheck(
        name="open arrivals see the stall",
        passed=apart <= limit,
        observed=f"p99 {stall.p99('open'):,.0f} ms, {stall.truth_ms:,.0f} ms by the server's clock",
        limit=f"within {limit:.0%}",
        next_step="Run it again on a quieter machine",
    )
