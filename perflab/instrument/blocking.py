"""What waits while it holds on: wall-clock samples less CPU, with the gate that such samples need."""

from __future__ import annotations

from perflab.instrument.gates import REJECT_DELAY, REJECT_SAMPLES, WARN_DELAY, Gate, cpu_gate
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY
from perflab.instrument.table import ProfileTable

Key = tuple[str, str]
PARKED = 0.95  # share of the window in which a worker thread waits for its queue: it is idle, not blocked
UNKNOWN_CPU = 0.05  # of the window: with less, what waits is told by the least that it can be
CPU_VIEWS = ("gil", "cpu")  # the first one that may vote tells the CPU
QUEUES = ("python: queue", "python: threading", "python: concurrent")


def blocking(tables: list[ProfileTable]) -> dict[Key, float]:
    """Return, per own function, the share of the window that it held a thread without CPU: wall view minus CPU.

    The wall view is py-spy's over all threads, counted against its ticks; CPU comes from the GIL view (or the default
    view), scaled by the target's CPU seconds, if its gate lets it vote. Else any place may have used all the CPU that
    the target did, and is told the rest, the least that it can have waited. Waiting in the event loop's own select is
    no blocking and is left out, as are workers that are parked at their queue. Empty without a wall view. Negative
    differences are noise: 0.
    """
    wall = wall_table(tables)
    if wall is None:
        return {}
    cpu = _cpu(tables)
    most = _used(tables) if cpu is None else 0.0
    held = {
        key: max(0.0, share - (cpu or {}).get(key, most))
        for key, share in _of_window(wall).items()
        if key[0] != LIBRARY and key[1] != MODULE
    }
    return dict(sorted(held.items(), key=lambda item: (-item[1], item[0])))


def blocking_gate(tables: list[ProfileTable]) -> Gate | None:
    """Judge the wall view; None without one.

    Run-queue delay reads as waiting: above 0.20 nothing is said (P301). CPU reads as waiting too where no view tells
    whose it was, as that of native code without the GIL (P305, P317): above 0.05 of the window nothing is said.
    """
    wall = wall_table(tables)
    if wall is None:
        return None
    health = wall.health
    if health.n_samples < REJECT_SAMPLES:
        return Gate("pyspy", "wall", "disqualified", ("P201",), health.n_samples)
    if health.run_delay > REJECT_DELAY:
        return Gate("pyspy", "wall", "disqualified", ("P301",), health.n_samples)
    if "P318" in health.codes:  # what waits in greenlets was dropped: the most that waits may be there
        return Gate("pyspy", "wall", "disqualified", ("P318",), health.n_samples)
    if _cpu(tables) is None and _used(tables) > UNKNOWN_CPU:
        return Gate("pyspy", "wall", "disqualified", _refused(tables) or ("P317",), health.n_samples)
    codes = tuple(code for code in health.codes if code in ("P205", "P311"))
    codes = ("P301", *codes) if health.run_delay > WARN_DELAY else codes
    return Gate("pyspy", "wall", "warned" if codes else "votes", codes, health.n_samples)


def wall_table(tables: list[ProfileTable]) -> ProfileTable | None:
    """Return the first table with py-spy's wall view."""
    return next((table for table in tables if ("pyspy", "wall") in table.views()), None)


def _of_window(wall: ProfileTable) -> dict[Key, float]:
    """Return shares of the window rather than of all samples, which several threads share, without parked workers."""
    shares = wall.by_function(instrument="pyspy", view="wall", attribution="own")
    scale = wall.health.n_samples / wall.health.ticks if wall.health.ticks else 1.0
    parked = {
        row.function
        for row in wall.select(instrument="pyspy", view="wall", attribution="library")
        if row.file.startswith(QUEUES) and row.share * scale >= PARKED
    }
    return {key: share * scale for key, share in shares.items() if f"{key[0]}:{key[1]}" not in parked}


def _cpu(tables: list[ProfileTable]) -> dict[Key, float] | None:
    """Return the share of the window that each own function used CPU; None where no view of py-spy may say."""
    for name in CPU_VIEWS:
        for table in tables:
            if ("pyspy", name) not in table.views() or not table.health.window_s:
                continue
            if cpu_gate(table, ("pyspy", name)).verdict != "disqualified":
                used = min(1.0, table.health.cpu_s / table.health.window_s)
                shares = table.by_function(instrument="pyspy", view=name, attribution="own")
                # The wall view shows a call of the kernel where it was made: what was worked there is no waiting.
                seen = sum(shares.values()) or 1.0
                return {key: share / seen * used for key, share in shares.items()}
    return None


def _used(tables: list[ProfileTable]) -> float:
    """Return the most CPU seconds per second that the target used in any of py-spy's windows."""
    seen = [
        table.health
        for table in tables
        if table.health.window_s and any(instrument == "pyspy" for instrument, _ in table.views())
    ]
    return max((health.cpu_s / health.window_s for health in seen), default=0.0)


def _refused(tables: list[ProfileTable]) -> tuple[str, ...]:
    """Return why the first view of CPU may not say whose it was; () where there is none."""
    views = [(table, ("pyspy", name)) for name in CPU_VIEWS for table in tables if ("pyspy", name) in table.views()]
    return next((cpu_gate(table, view).codes for table, view in views), ())
