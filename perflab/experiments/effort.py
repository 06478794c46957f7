"""What quick and full mean for each step: counts, lengths, and the seconds that a step may take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from perflab.system.spec import System


@dataclass(frozen=True)
class Effort:
    """The sizes of one effort. `budget_s` is published, printed beside what was used, and held at quick."""

    name: str
    aa_pairs: int
    generator_sessions: int
    generator_s: float
    profile_users: int
    profile_window_s: float
    scalene_memory: bool
    ladder_levels: tuple[int, ...]
    ladder_hold_s: float
    ladder_settle_s: float
    open_s: float
    blocks: int
    block_users: int
    units_per_user: int
    screen_users: int
    screen_windows: int
    screen_window_s: float
    confirm_flags: bool
    budget_s: dict[str, float] = field(default_factory=dict)


QUICK = Effort(
    "quick",
    aa_pairs=60,
    generator_sessions=100,
    generator_s=5.0,
    profile_users=20,
    profile_window_s=6.0,
    scalene_memory=False,
    ladder_levels=(25, 50, 75, 100),
    ladder_hold_s=10.0,
    ladder_settle_s=2.5,
    open_s=11.0,
    blocks=6,
    block_users=40,
    units_per_user=1,
    screen_users=5,
    screen_windows=6,
    screen_window_s=3.0,
    confirm_flags=False,
    budget_s={
        "setup": 90,
        "00_machine": 20,
        "10_baseline_profile": 85,
        "11_baseline_load": 80,
        "30_prototype": 340,
        "40_scalability": 10,
        "41_monitoring": 15,
        "90_verdict": 10,
    },
)

FULL = Effort(
    "full",
    aa_pairs=200,
    generator_sessions=300,
    generator_s=20.0,
    profile_users=25,
    profile_window_s=20.0,
    scalene_memory=True,
    ladder_levels=(1, 5, 10, 25, 50, 75, 100, 150, 200),
    ladder_hold_s=60.0,
    ladder_settle_s=10.0,
    open_s=120.0,
    blocks=15,
    block_users=25,
    units_per_user=4,
    screen_users=5,
    screen_windows=10,
    screen_window_s=6.0,
    confirm_flags=True,
    budget_s={
        "setup": 90,
        "00_machine": 90,
        "10_baseline_profile": 300,
        "11_baseline_load": 750,
        "30_prototype": 0,
        "40_scalability": 20,
        "41_monitoring": 20,
        "90_verdict": 20,
    },
)

EFFORT = {"quick": QUICK, "full": FULL}
SHORTEST_S = {
    "generator_s": 2.0,
    "profile_window_s": 3.0,
    "ladder_hold_s": 3.0,
    "ladder_settle_s": 1.0,
    "open_s": 4.0,
    "screen_window_s": 1.0,
}


def sizes_of(effort: str, time_scale: float = 1.0) -> Effort:
    """Return the sizes of an effort; `time_scale` below 1 shortens every stretch of time, as the project's tests do.

    Counts that statistics rest on (blocks, windows, pairs) stay; no stretch falls below the shortest that measures
    anything at all.
    """
    sizes = EFFORT[effort]
    if time_scale == 1.0:
        return sizes
    return replace(sizes, **{name: max(getattr(sizes, name) * time_scale, floor) for name, floor in SHORTEST_S.items()})


BLOCK_TRIAL_S = 12.0  # one fresh trial of a paired block, start and stop included
START_S = 8.0


def estimate_s(system: System, effort: str) -> dict[str, float]:
    """Return the expected seconds of each notebook for a system; at full mostly the stated scenario lengths."""
    sizes = EFFORT[effort]
    if effort == "quick":
        return {name: seconds for name, seconds in sizes.budget_s.items() if name != "setup"}
    matrix = sum(s.duration_s for s in system.scenario) + START_S
    judged = max((len(c.judged) for c in system.condition), default=1) or 1
    blocks = (3 + len(system.flag)) * sizes.blocks * 2 * BLOCK_TRIAL_S
    estimate = {name: seconds for name, seconds in sizes.budget_s.items() if name != "setup"}
    return {**estimate, "30_prototype": matrix * (1 + judged) + blocks}
