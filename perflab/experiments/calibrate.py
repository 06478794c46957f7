"""Can this machine measure? The clock, how much load can be made, and what is missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from perflab.experiments.effort import Effort
from perflab.experiments.study import Study

if TYPE_CHECKING:
    import pandas as pd


def clock_facts() -> dict[str, Any]:
    """Return resolution, cost and monotonicity of the clock that everything here is timed by."""
    from perflab.instrument.clock import read_clock

    return asdict(read_clock())


def generator_ceiling(study: Study, sizes: Effort) -> dict[str, float]:
    """Drive a server that does nothing with many sessions: what the load generator can do on its own core."""
    from perflab.load.selfcheck import generator_check

    study.progress("load generator", 0, 1, f"{sizes.generator_sessions} sessions", sizes.generator_s + 4)
    seen = generator_check(sizes.generator_sessions, sizes.generator_s, study.cores.others[0])
    return {"sessions": float(sizes.generator_sessions), **{k: float(v) for k, v in seen.as_dict().items()}}


def capability_rows(study: Study) -> list[dict[str, Any]]:
    """Return what this machine can and cannot measure; the study itself stays off the system's core."""
    from perflab.instrument.machine import capabilities

    return [asdict(item) for item in capabilities({*study.cores.system, *study.cores.others})]


def capability_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the capabilities as a short table."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "what": r["name"],
                "available": "yes" if r["available"] else "no",
                "detail": r["detail"],
                "mend": r["remedy"],
            }
            for r in rows
        ]
    )
