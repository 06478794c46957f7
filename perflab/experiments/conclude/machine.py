"""What 00_machine concludes."""

from __future__ import annotations

from typing import Any

from perflab.experiments.calibrate import NoiseFloor
from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

LATE_LIMIT_MS = 5.0


def conclude(
    study: Study,
    floor: NoiseFloor,
    generator: dict[str, float],
    capabilities: list[dict[str, Any]],
    figure: Evidence | None,
) -> list[Finding]:
    """Return the findings on the machine itself: noise between identical arms, and what load can be made."""
    wrong = floor.comparison.verdict in ("better", "worse")
    null_check = TrustCheck(
        name="A/A comparison",
        passed=not wrong,
        observed=floor.comparison.explanation,
        limit="identical work must not differ",
        next_step="Stop other work on this machine and run again",
    )
    noise = finding(
        study,
        "1",
        question="Can this machine tell small differences?",
        kind="observation",
        verdict="untrusted" if wrong else "reported",
        claim=f"Identical work, timed in {floor.comparison.n} interleaved pairs, differs by "
        f"{100 * (floor.comparison.effect - 1):+.2f} % and a pair spreads by {100 * floor.sd:.1f} %; changes above "
        f"{100 * floor.comparison.smallest_effect:.1f} % would have been seen.",
        effect=effect_of_comparison("wall time, A against A", floor.comparison),
        trust=(null_check,),
        evidence=evidence(figure),
        headline=1,
        details={
            "smallest_effect": floor.comparison.smallest_effect,
            "capabilities": capabilities,
            "run_delay_share": floor.run_delay_share,
            "pressure": floor.pressure,
        },
    )
    late = generator.get("late_p99_ms", float("inf"))
    load = finding(
        study,
        "2",
        question="Can this machine make the load honestly?",
        kind="observation",
        verdict="reported",
        claim=f"One load worker held {generator['sessions']:.0f} sessions at "
        f"{generator['achieved_frame_rate']:.0f} frames/s with send lateness p99 {late:.2f} ms and "
        f"{generator['cpu_percent']:.0f} % of a core.",
        trust=(
            TrustCheck(
                name="load generator on time",
                passed=late <= LATE_LIMIT_MS,
                observed=f"p99 {late:.2f} ms late",
                limit=f"at most {LATE_LIMIT_MS:g} ms",
                next_step="Use fewer users for each worker",
            ),
        ),
        details={"generator": generator},
    )
    return [noise, load]
