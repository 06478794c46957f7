"""What must hold before a figure of a strategy is believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perflab.experiments.conclude.own_waiting import OTHERS
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.experiment import BASE, FigureSpec
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.study import Study
from perflab.findings import trust
from perflab.findings.finding import TrustCheck
from perflab.instrument.proc import TICK_S
from perflab.system.variant import equivalence

# What a server of the user's own would add to, unseen.
COUNTED = ("cpu_ms_per_request", "memory_mb", "memory_per_session_kb")
ACCOUNT = ("core_ran_s", "core_own_s", "core_interrupted_s")  # of the system's cores during a block
OF_ANSWERED = ("cpu_ms_per_request", "p50_ms", "p95_ms", "p99_ms")  # figures of the requests that were answered


def checks_of(
    study: Study, result: ExperimentResult, arm: str, figure: FigureSpec, machine: Sequence[TrustCheck] = ()
) -> tuple[TrustCheck, ...]:
    """Return the checks on one figure of one arm.

    Null arms of the experiment and, as `machine`, of the machine; equal answers; failures; servers counted; the
    client's schedule and CPU; the system's core and its waiting for it; steal.
    """
    rows = [row for row in result.rows if row["arm"] in (BASE, NULL, arm)]
    requests = sum(int(row["requests"]) for row in rows)
    checks = [
        *result.null_checks,
        *machine,
        _answers(study, result, arm),
        trust.own_core(set(study.cores.system), set(study.cores.others), veto=True),
        trust.cpu_wait(worst(rows, "run_delay"), self_inflicted=_served(study, result, arm) and _alone(rows)),
        trust.undisturbed(worst(rows, "steal"), 0.0, None),
        *_client(rows, requests),
        *_failures(result, arm, figure),
        *_servers(study, result, arm, figure),
    ]
    return tuple(checks)


def worst(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """Return what three quarters of the blocks of the arm that fared worst do not exceed; NaN where one is missing."""
    import numpy as np

    arms = {row["arm"] for row in rows}
    return float(np.max([trust.most_blocks([float(row.get(name, np.nan)) for row in rows if row["arm"] == arm])
                         for arm in arms]))  # fmt: skip


def _client(rows: Sequence[Mapping[str, Any]], requests: int) -> list[TrustCheck]:
    """Return the checks on the client; work without open arrivals has no schedule to keep."""
    late = worst(rows, "late_p99_ms")
    kept = [] if math.isnan(late) else [trust.generator_late(late, requests, "requests")]
    return [*kept, trust.generator_cpu(worst(rows, "client_cpu"))]


def _failures(result: ExperimentResult, arm: str, figure: FigureSpec) -> list[TrustCheck]:
    """Return the check that arms fail alike.

    Where failing less is what a strategy is for, an arm may: but one that fails MORE has dropped its slow and costly
    requests, so that what is said of the answered ones is not believed.
    """
    base, own = result.counts(BASE), result.counts(arm)
    if not result.experiment.fewer_failures:
        return [trust.failing_alike(base, own)]
    if figure.column not in OF_ANSWERED or own[0] * base[1] <= base[0] * own[1]:
        return []
    return [trust.failing_alike(base, own)]


def _served(study: Study, result: ExperimentResult, arm: str) -> bool:
    """Say whether a server runs on the system's cores, so that it may wait for its own server there."""
    variants = [study.variant(result.experiment.variant_of(name)) for name in (BASE, arm)]
    ours = [server for server in study.system.server if server.role == "system" and not server.own_url]
    return result.experiment.beside is not None or any(s.needed_by(v.flags) for s in ours for v in variants)


def _alone(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the blocks that waited too long for a core are shown to have had it to themselves.

    Shown: of all that ran on the system's cores at most OTHERS was neither the system nor its servers, over these
    blocks together and within two standard errors of the kernel's account; and less than RUN_DELAY even if both the
    error and all time in interrupts, which the system's own clock may hold and what ran may not, hide others.
    False where an account is missing, as of older runs, or time was stolen.
    Weakness: arms that idle beside it count as others and little work is told coarsely, so quick seldom shows it.
    """
    over = [row for row in rows if not float(row.get("run_delay", math.nan)) <= trust.RUN_DELAY]
    if not over or not all({"run_delay", *ACCOUNT} <= row.keys() for row in over):
        return False
    if not all(float(row["steal"]) <= trust.STEAL for row in over):
        return False
    ran, own, hidden = (sum(float(row[key]) for row in over) for key in ACCOUNT)
    error = 2 * math.sqrt(ran * TICK_S)  # ticks that found something running, as rare events
    allowed, others = OTHERS * ran + error, ran - own
    return -(allowed + hidden) <= others <= allowed and others + hidden + error < trust.RUN_DELAY * (ran + hidden)


def _servers(study: Study, result: ExperimentResult, arm: str, figure: FigureSpec) -> list[TrustCheck]:
    """Return the check that CPU and memory hold every server of both variants, where they use any."""
    if figure.column not in COUNTED:
        return []
    variants = [study.variant(result.experiment.variant_of(name)) for name in (BASE, arm)]
    used = [s for s in study.system.server if any(s.needed_by(v.flags) for v in variants)]
    own = [server.name for server in used if server.own_url]
    if not used:
        return []
    return [
        TrustCheck(
            name="servers counted", passed=not own, limit="every server that a variant uses was started here",
            observed=f"not in the figure: {', '.join(own)}, a server of your own" if own else f"{len(used)} counted",
            next_step="Unset the variable that names it, so that one is started from a wheel" if own else "",
        )
    ]  # fmt: skip


def _answers(study: Study, result: ExperimentResult, arm: str) -> TrustCheck:
    """Return the check that an arm of class exact gave the base's answers, where its work compares them."""
    equal, compared = result.equal_answers(arm)
    flags = study.variant(result.experiment.variant_of(arm)).flags
    exact = equivalence(study.system, flags) == "exact"
    passed = not exact or equal == compared
    return TrustCheck(
        name="equal answers", passed=passed, limit="all blocks, for flags of class exact",
        observed=f"{equal} of {compared} blocks answered as the base did" if compared else "not compared by this work",
        next_step="" if passed else f"Find what {arm} changes",
    )  # fmt: skip
