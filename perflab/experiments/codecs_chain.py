"""How many sessions a core holds when all of the chain runs, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perflab.audio.kernels.ceiling import Ceiling, measure_ceiling
from perflab.benches.audio.chain import SESSIONS, TICK_MS, Run, run_chain
from perflab.experiments.study import Study

TICKS = {"quick": 240, "full": 1_200}
COMPLEXITIES = (0, 5)


@dataclass(frozen=True)
class ChainCost:
    """The chain at each complexity, and the ceiling of the machine that it ran on."""

    runs: tuple[Run, ...]
    ceiling: Ceiling

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per complexity: microseconds per session and tick by stage, and what follows."""
        return [
            {"complexity": run.complexity, **{f"{stage} (us)": round(us, 1) for stage, us in run.stage_us.items()},
             "sessions per core": round(run.sessions_per_core.value), "with libopus alone": round(run.opus_alone),
             "p99 tick (ms)": round(run.p99_ms, 2)}
            for run in self.runs
        ]  # fmt: skip

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        cheap, dear = self.runs
        share = cheap.stage_us["encode"] / sum(cheap.stage_us.values())
        return (
            f"One core holds {cheap.sessions_per_core.value:.0f} sessions of the whole chain with Opus at complexity "
            f"{cheap.complexity} and {dear.sessions_per_core.value:.0f} at {dear.complexity} ({SESSIONS} per tick of "
            f"{TICK_MS:g} ms, n = {len(cheap.ns)} ticks; slowest tick in a hundred {cheap.p99_ms:.1f} and "
            f"{dear.p99_ms:.1f} ms of CPU) on a machine of {self.ceiling.macs_per_s / 1e9:.0f} G multiply-adds per "
            f"second; {100 * share:.0f} % of it is Opus even at complexity {cheap.complexity}. Plan at 60 to 70 % of "
            "this: sockets and bursts need the rest."
        )


def chain_cost(study: Study) -> ChainCost:
    """Run the chain at both complexities."""
    runs = []
    for number, complexity in enumerate(COMPLEXITIES, 1):
        runs.append(run_chain(complexity, TICKS[study.effort]))
        study.progress("chain", number, len(COMPLEXITIES), f"complexity {complexity}")
    return ChainCost(tuple(runs), measure_ceiling())
