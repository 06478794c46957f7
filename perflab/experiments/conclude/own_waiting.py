"""Did a system wait for a core because of itself? Its threads and processes share the cores that it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perflab.experiments.trial import NS, TrialFacts
from perflab.findings.trust import RUN_DELAY, STEAL
from perflab.instrument.proc import TICK_S

OTHERS = 0.05  # of what ran on the system's cores; with more the machine may have made it wait
STANDARD_ERRORS = 4.0


def of_own_making(facts: Sequence[TrialFacts]) -> bool:
    """Return whether the trials in which the system waited too long are shown to have kept it waiting by itself.

    Shown: of all that ran on its cores, at most OTHERS was not the system, over these trials together and, within
    four standard errors of the kernel's account, in each. Two threads on one core wait half of their time with nobody
    else about; then the waiting is the system's load, not the machine's fault. Where others ran a share x of what ran,
    they cannot have caused more than about that share of its runnable time to be waiting.
    Interrupts may be in the system's own clock and not in what ran (`cores_interrupted_s`); what others ran is then
    understated by as much. So the two together must leave others less than RUN_DELAY, or they may be the cause.
    False where anything of it is not known: a trial that kept no account, a core shared on purpose, time stolen from
    the machine, an account that holds less than the system itself used, beyond what interrupts explain.
    """
    over = [each for each in facts if not each.run_delay_share <= RUN_DELAY]
    if not over or not all(map(_told, over)):
        return False
    ran, own, hidden = map(sum, zip(*map(_account, over), strict=True))
    most = ran + hidden - own
    return ran - own <= OTHERS * ran and most <= RUN_DELAY * (ran + hidden) and all(map(_alone, over))


def _account(facts: TrialFacts) -> tuple[float, float, float]:
    """Return the seconds that ran on the system's cores, those of the system itself, and those of interrupts."""
    seen = facts.disturbance
    return seen["core_ran_s"], seen["core_own_s"], seen.get("core_interrupted_s", 0.0)  # 0: of a run before it was kept


def _told(facts: TrialFacts) -> bool:
    seen = facts.disturbance
    return (
        not math.isnan(facts.run_delay_share)
        and not facts.shared_core
        and {"core_ran_s", "core_own_s"} <= seen.keys()
        and seen.get("steal", 1.0) <= STEAL
    )


def _alone(facts: TrialFacts) -> bool:
    """Whether one trial's account leaves room for others within its error, and is none of another machine's cores."""
    ran, own, hidden = _account(facts)
    ticks = (facts.end_ns - facts.go_ns) / NS * max(len(facts.cores.get("system", ())), 1) / TICK_S
    error = STANDARD_ERRORS * math.sqrt(ticks) / 2 * TICK_S
    return -(error + hidden) <= ran - own <= OTHERS * ran + error
