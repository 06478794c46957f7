"""Bar 6: with a CPU hog beside the target the verdict is right or "cannot say", 20 times of 20; never silently wrong.

Ten looks at the live gateway with a hog on its core, at duties up to a whole core, by py-spy; ten fresh processes of
the workload under py-spy and scalene with the same. A look whose capture failed is no verdict: it counts against the
bar as a wrong one does. Always refusing to say would keep that bar, so at low duty half of the looks must be right.
"""

from __future__ import annotations

from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, hog, on_live_gateway
from perflab.benches.profiles.outcomes import Look, counted, look_with
from perflab.benches.profiles.planted_cpu import DOSE
from perflab.benches.profiles.program import program
from perflab.instrument.gates import REJECT_SAMPLES
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene

ORDER = 9
RUNS = 10
DUTIES = (0.2, 0.4, 0.6, 0.8, 1.0)
LOW_DUTY = 0.4  # up to here the target gets most of its core, and the instruments should be able to say
WINDOW_S = 4.0  # with half a core scalene still takes more samples than its gate asks for
LIVE, NAMED = "housekeeping.py:Levels.refresh_levels", "work.py:mix"
Said = list[tuple[float, str]]  # duty and outcome of each look


def bars(say: Say) -> list[Bar]:
    """Count right, open, failed and wrong looks."""
    study = bench_study()
    said: Said = []
    on_live_gateway(study, f"hot={DOSE}", lambda live: _live(live, said, say))
    chosen = program(study)
    scalene = Scalene(min_samples=REJECT_SAMPLES)
    for number in range(RUNS):
        duty = DUTIES[number % len(DUTIES)]
        with hog(chosen.core, duty):
            look = look_with([partial(chosen.profiled, "mixed", PySpy("gil"), WINDOW_S),
                              partial(chosen.profiled, "mixed", PySpy("cpu"), WINDOW_S),
                              partial(chosen.profiled, "mixed", scalene, WINDOW_S)])  # fmt: skip
        _count(look, NAMED, duty, said, say)
    return judged(said)


def judged(said: Said) -> list[Bar]:
    """Return the bars of what was said at which duty."""
    seen = counted(outcome for _, outcome in said)
    low = counted(outcome for duty, outcome in said if duty <= LOW_DUTY)
    detail = {"all": seen, "low_duty": low, "looks": said}
    told = ", ".join(f"{count} {name}" for name, count in seen.items())
    asked = RUNS * sum(duty <= LOW_DUTY for duty in DUTIES) / len(DUTIES)  # half of the 2 * RUNS looks
    return [
        Bar("6.hog", f"with a CPU hog beside it: looks neither right nor open ({told})",
            2 * RUNS - seen["right"] - seen["open"], "<=", 0, f"of {2 * RUNS}", len(said), detail=detail),
        Bar("6.right", f"with a hog of at most {LOW_DUTY:.0%}: looks that name the place", low["right"], ">=", asked,
            "looks", sum(low.values()), detail=low),
    ]  # fmt: skip


def _live(live: Live, said: Said, say: Say) -> None:
    for number in range(RUNS):
        duty = DUTIES[number % len(DUTIES)]
        with hog(live.core, duty):
            look = look_with([partial(live.sampled, "gil", WINDOW_S), partial(live.sampled, "cpu", WINDOW_S)])
        _count(look, LIVE, duty, said, say)


def _count(look: Look, name: str, duty: float, said: Said, say: Say) -> None:
    said.append((duty, look.outcome(name)))
    delays = [round(table.health.run_delay, 2) for table in look.tables]
    say(f"  hog at {duty:.0%}: {said[-1][1]}, run-queue delays {delays} {'; '.join(look.problems)}")
