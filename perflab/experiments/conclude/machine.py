"""What 00_machine concludes."""

from __future__ import annotations

from typing import Any

from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding
from perflab.experiments.null_arm import MACHINE_CHECK
from perflab.experiments.self_calibration import PAIRS, PLANTED, SelfCalibration, table_rows
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.instrument.paired_timing import NULL

LATE_LIMIT_MS = 5.0
FALSE_ALARMS = 0.05


def conclude(
    study: Study,
    found: SelfCalibration,
    generator: dict[str, float],
    capabilities: list[dict[str, Any]],
    *figures: Evidence | None,
) -> list[Finding]:
    """Return the findings on the machine itself: how well it tells effects apart, and what load can be made."""
    return [_noise(study, found, capabilities, figures), _load(study, generator)]


def _noise(
    study: Study, found: SelfCalibration, capabilities: list[dict[str, Any]], figures: tuple[Evidence | None, ...]
) -> Finding:
    checks = (null_check(found), false_alarm_check(found))
    null, pairs = found.measured[NULL].differs, found.floor.n
    seen = ", ".join(
        f"{name} in {found.measured[name].found.events} of {found.measured[name].found.n}" for name in list(PLANTED)[1:]
    )
    return finding(
        study,
        "1",
        question="Can this machine tell small differences?",
        kind="observation",
        verdict="reported" if checks[0].passed else "untrusted",
        claim=f"In {pairs} interleaved pairs identical work differs by {100 * (found.floor.effect - 1):+.2f} %, "
        f"half of the pairs by less than {100 * found.spread / 1.4826:.2f} %. Comparisons of {PAIRS} pairs called "
        f"identical work different in {null.events} of {null.n} and found {seen}; {100 * found.visible[PAIRS]:.2g} % "
        f"is the smallest effect that they find four times in five.",
        effect=effect_of_comparison("wall time, A against A", found.floor),
        trust=checks,
        evidence=evidence(*figures),
        headline=1,
        details={
            "self_calibration": table_rows(found),
            "smallest_effect": found.visible[PAIRS],
            "capabilities": capabilities,
            "run_delay_share": found.run_delay,
        },
    )


def null_check(found: SelfCalibration) -> TrustCheck:
    """All pairs together must not make a difference out of identical work that is large enough to matter."""
    floor = found.floor
    return TrustCheck(
        name=MACHINE_CHECK,
        passed=not found.floor_differs,
        observed=f"{100 * (floor.effect - 1):+.1f} % [{100 * (floor.low - 1):+.1f} to {100 * (floor.high - 1):+.1f} %] "
        f"in {floor.n} pairs",
        limit="identical work must not differ beyond the margin",
        next_step="Stop other work on this machine and run again",
    )


def false_alarm_check(found: SelfCalibration) -> TrustCheck:
    """The rate of false alarms must not be shown to lie above the 5 % that the intervals promise; a warning."""
    rate = found.measured[NULL].differs
    return TrustCheck(
        name="A/A false alarms",
        passed=rate.low <= FALSE_ALARMS,
        veto=False,
        observed=f"{rate.events} of {rate.n} comparisons ({100 * rate.low:.0f} to {100 * rate.high:.0f} %)",
        limit=f"not surely above {FALSE_ALARMS:.0%}",
        next_step="Neighbouring pairs disturb each other here: use more blocks and fewer repetitions",
    )


def _load(study: Study, generator: dict[str, float]) -> Finding:
    late = generator.get("late_p99_ms", float("inf"))
    return finding(
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
