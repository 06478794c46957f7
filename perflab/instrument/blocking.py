"""What waits while it holds on: wall-clock samples less CPU, with the gate that such samples need."""

from __future__ import annotations

from perflab.instrument.gates import REJECT_DELAY, REJECT_SAMPLES, WARN_DELAY, Gate
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY
from perflab.instrument.table import ProfileTable

Key = tuple[str, str]
PARKED = 0.95  # share of the window in which a worker thread waits for its queue: it is idle, not blocked
QUEUES = ("python: queue", "python: threading", "python: concurrent")


def blocking(tables: list[ProfileTable]) -> dict[Key, float]:
    """Return, per own function, the share of the window that it held a thread without CPU: wall view minus CPU.

    The wall view is py-spy's over all threads, counted against its ticks; CPU comes from the GIL view (or the default
    view), scaled by the target's CPU seconds. Waiting in the event loop's own select is no blocking and is left out,
    as are workers that are parked at their queue. Empty without a wall view. Negative differences are noise: 0.
    """
    wall = wall_table(tables)
    if wall is None:
        return {}
    cpu = _cpu(tables)
    held = {
        key: max(0.0, share - cpu.get(key, 0.0))
        for key, share in _of_window(wall).items()
        if key[0] != LIBRARY and key[1] != MODULE
    }
    return dict(sorted(held.items(), key=lambda item: (-item[1], item[0])))


def blocking_gate(tables: list[ProfileTable]) -> Gate | None:
    """Judge the wall view: run-queue delay reads as waiting, so above 0.20 nothing is said (P301); None without one."""
    wall = wall_table(tables)
    if wall is None:
        return None
    health = wall.health
    if health.n_samples < REJECT_SAMPLES:
        return Gate("pyspy", "wall", "disqualified", ("P201",), health.n_samples)
    if health.run_delay > REJECT_DELAY:
        return Gate("pyspy", "wall", "disqualified", ("P301",), health.n_samples)
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


def _cpu(tables: list[ProfileTable]) -> dict[Key, float]:
    for view in ("gil", "cpu"):
        for table in tables:
            if ("pyspy", view) in table.views() and table.health.window_s:
                used = min(1.0, table.health.cpu_s / table.health.window_s)
                shares = table.by_function(instrument="pyspy", view=view, attribution="own")
                return {key: share * used for key, share in shares.items()}
    return {}
