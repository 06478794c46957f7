"""What quick and full mean for each step: counts, lengths, and the seconds that a step may take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from perflab.system.spec import System


@dataclass(frozen=True)
class Effort:
    """The sizes of one effort. `budget_s` is published, printed beside what was used, and held at quick."""

    name: str
    calibration_comparisons: int  # of 15 pairs each, four arms: about 0.17 s a comparison
    calibration_s: float  # after which no more of them are begun
    calibration_repeats: int  # simulated comparisons
    generator_sessions: int
    generator_s: float
    profile_users: int
    profile_window_s: float
    scalene_memory: bool
    bare_each: bool  # a bare run after each launched profiler, else after the last of them only
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
    screen_every_value: bool  # all values of every flag, else the optimised one
    screen_together: int  # flags side by side at most; 0 = all of them
    confirm_flags: int  # how many of the screened flags are confirmed on fresh blocks at most
    block_half_width: float = 0.0  # blocks go on until CPU's interval is this narrow; 0 = `blocks`, no more
    blocks_cap_s: float = 0.0  # seconds after which they end in any case
    confirm_cap_s: float = 0.0
    adopt_flags: int = 0  # confirmed flags that are measured together at most, three arms each; 0 = none
    adopt_cap_s: float = 0.0
    growth_window_s: float = 0.0  # memray attached for this long, then for twice as long; 0 = growth is not looked for
    why_pairs: int = 3  # pairs of profiled stretches behind a better or worse: about 15 s for each three
    budget_s: dict[str, float] = field(default_factory=dict)
    # Of a budget what no time scale shortens: starts of processes, computing, the kernel and the page.
    fixed_s: dict[str, float] = field(default_factory=dict)


QUICK = Effort(
    "quick",
    calibration_comparisons=16,
    calibration_s=4.5,
    calibration_repeats=2000,
    generator_sessions=100,
    generator_s=5.0,
    profile_users=20,
    profile_window_s=6.0,
    scalene_memory=False,
    bare_each=False,
    ladder_levels=(25, 50, 75, 100),
    ladder_hold_s=10.0,
    ladder_settle_s=2.5,
    open_s=11.0,
    blocks=8,  # fewer, and the null arm of five figures voids one sound set in ten by chance: 5 * 2^(1 - n) <= 0.05
    block_users=40,
    units_per_user=1,
    screen_users=3,  # of ten arms the loads are 4 to 6 ms late (p99), with four 5 to 9; with two twins differ more
    screen_windows=9,  # fewer could show nothing among a handful of flags: m * 2^(1 - n) must stay below 0.10
    screen_window_s=2.0,
    screen_every_value=False,
    screen_together=0,
    confirm_flags=0,
    budget_s={
        "setup": 90,
        "00_machine": 20,
        "01_how_numbers_lie": 30,
        "10_baseline_profile": 90,
        "11_baseline_load": 75,
        "20_audio_kernels": 420,
        "21_codecs": 60,
        "22_caching": 540,
        "23_api_streaming": 300,
        "24_state_database": 470,
        "30_prototype": 370,
        "40_scalability": 8,
        "41_monitoring": 15,
        "90_verdict": 5,
    },
    fixed_s={
        "10_baseline_profile": 70,
        "20_audio_kernels": 300,
        "21_codecs": 50,
        "22_caching": 400,
        "23_api_streaming": 230,
        "24_state_database": 340,
        "30_prototype": 200,
    },
)

FULL = Effort(
    "full",
    calibration_comparisons=200,
    calibration_s=45.0,
    calibration_repeats=10_000,
    generator_sessions=300,
    generator_s=20.0,
    profile_users=25,
    profile_window_s=20.0,
    scalene_memory=True,
    bare_each=True,
    ladder_levels=(1, 5, 10, 25, 50, 75, 100, 150, 200),
    ladder_hold_s=60.0,
    ladder_settle_s=10.0,
    open_s=120.0,
    blocks=15,
    block_users=25,
    units_per_user=4,
    screen_users=3,
    screen_windows=12,  # a single one among 200 values can still pass: m * 2^(1 - n) must stay below 0.10
    screen_window_s=6.0,
    screen_every_value=True,
    screen_together=6,  # eight arms; fourteen of two users made the load late (p99 6 to 18 ms)
    confirm_flags=12,
    block_half_width=0.02,
    blocks_cap_s=2700.0,
    confirm_cap_s=5400.0,
    adopt_flags=5,
    adopt_cap_s=3600.0,
    growth_window_s=4.0,
    why_pairs=12,
    budget_s={
        "setup": 90,
        "00_machine": 90,
        "01_how_numbers_lie": 30,
        "10_baseline_profile": 360,
        "11_baseline_load": 750,
        "20_audio_kernels": 2100,
        "21_codecs": 750,
        "22_caching": 3700,
        "23_api_streaming": 8540,
        "24_state_database": 4300,
        "30_prototype": 0,
        "40_scalability": 20,
        "41_monitoring": 20,
        "90_verdict": 20,
    },
    fixed_s={
        "10_baseline_profile": 185,
        "11_baseline_load": 75,
        "20_audio_kernels": 1800,
        "21_codecs": 500,
        "22_caching": 2700,
        "23_api_streaming": 6240,
        "24_state_database": 2850,
        "30_prototype": 1800,  # the screening of every value, the blocks' starts
    },
)

EFFORT = {"quick": QUICK, "full": FULL}
SHORTEST_S = {
    "calibration_s": 1.0,
    "generator_s": 2.0,
    "profile_window_s": 3.0,
    "ladder_hold_s": 3.0,
    "ladder_settle_s": 1.0,
    "open_s": 4.0,
    "screen_window_s": 1.0,
    "blocks_cap_s": 120.0,
    "confirm_cap_s": 240.0,
    "adopt_cap_s": 240.0,
}


def sizes_of(effort: str, time_scale: float = 1.0) -> Effort:
    """Return the sizes of an effort; `time_scale` below 1 shortens every stretch of time, as the project's tests do.

    Counts that statistics rest on (blocks, windows, pairs) stay; of the units that a user works through in a trial at
    least one stays; no stretch falls below the shortest that measures
    anything at all.
    """
    sizes = EFFORT[effort]
    if time_scale == 1.0:
        return sizes
    lengths = {name: getattr(sizes, name) for name in SHORTEST_S}
    shorter = {name: max(s * time_scale, SHORTEST_S[name]) for name, s in lengths.items() if s}
    units = max(1, round(sizes.units_per_user * time_scale))  # the work of a trial is a length too
    return replace(sizes, **shorter, units_per_user=units)


GROWTH_S = 3.0  # the shorter window where growth is asked for by itself
BLOCK_START_S, BLOCK_UNIT_S = 4.0, 2.0  # of a fresh trial of a paired block: start and stop, and each unit of a user
LEAST_BLOCKS = 9  # of a family of twelve flags: `StopRule.least`
START_S = 8.0
LEAST_S = 60.0  # of any notebook, however its stretches are shortened
SHORTEST_SCENARIO_S = 3.0


def estimate_s(system: System, effort: str, time_scale: float = 1.0) -> dict[str, float]:
    """Return the expected seconds of each notebook for a system; at full mostly the stated scenario lengths.

    `time_scale` shortens what waits and holds, not what starts and computes (`fixed_s`): at 0.05 a notebook of 750 s
    of which 75 are fixed is told as 109. An estimate, at full good to a factor of about two.
    """
    sizes = sizes_of(effort, time_scale)
    scale = min(time_scale, 1.0)
    estimate = {
        name: max(_fixed(sizes, name) + scale * (seconds - _fixed(sizes, name)), min(seconds, LEAST_S))
        for name, seconds in sizes.budget_s.items()
        if name != "setup"
    }
    if effort == "quick":
        return estimate
    matrix = sum(max(s.duration_s * time_scale, SHORTEST_SCENARIO_S) for s in system.scenario) + START_S
    judged = max((len(c.judged) for c in system.condition), default=1) or 1
    flags = len([flag for flag in system.flag if flag.optimised != flag.baseline])
    arms = 3 + (2 + min(flags, sizes.confirm_flags) if system.flag else 0)
    arms += 3 * min(flags, sizes.adopt_flags) if flags > 1 else 0
    caps = sizes.blocks_cap_s + sizes.confirm_cap_s + sizes.adopt_cap_s
    block = arms * (BLOCK_START_S + BLOCK_UNIT_S * sizes.units_per_user)
    # No cap ends them before something could be confirmed.
    blocks = max(min(block * sizes.blocks * 2, caps), block * LEAST_BLOCKS)
    fixed = sizes.fixed_s["30_prototype"] if system.flag else LEAST_S
    return {**estimate, "30_prototype": fixed + matrix * (1 + judged) + blocks + 5 * sizes.why_pairs}


def _fixed(sizes: Effort, name: str) -> float:
    return min(sizes.fixed_s.get(name, 0.0), sizes.budget_s[name])
