"""The compiled half of the resampler: a tile of five outputs by two registers of sessions."""

from __future__ import annotations

from typing import Any

from perflab.audio.kernels.compiled.groups import enter, leave
from perflab.audio.kernels.compiled.simd import fma, load, splat, store, zero
from perflab.audio.kernels.lanes import GROUP, LANES
from perflab.audio.kernels.schedule import OUTPUTS
from perflab.jit import njit


@njit(cache=True, nogil=True)
def _tile(work: Any, row: int, table: Any, entry: int, window: int, out: Any, at: int) -> None:
    """Make OUTPUTS rows of GROUP sessions from `window` rows: ten sums, kept in registers."""
    a0, a1, a2, a3, a4 = zero(), zero(), zero(), zero(), zero()
    b0, b1, b2, b3, b4 = zero(), zero(), zero(), zero(), zero()
    place = row * GROUP
    for _ in range(window):
        x, y = load(work, place), load(work, place + LANES)
        c = splat(table, entry)
        a0, b0 = fma(c, x, a0), fma(c, y, b0)
        c = splat(table, entry + 1)
        a1, b1 = fma(c, x, a1), fma(c, y, b1)
        c = splat(table, entry + 2)
        a2, b2 = fma(c, x, a2), fma(c, y, b2)
        c = splat(table, entry + 3)
        a3, b3 = fma(c, x, a3), fma(c, y, b3)
        c = splat(table, entry + 4)
        a4, b4 = fma(c, x, a4), fma(c, y, b4)
        place += GROUP
        entry += OUTPUTS
    for a, b in ((a0, b0), (a1, b1), (a2, b2), (a3, b3), (a4, b4)):
        store(out, at, a)
        store(out, at + LANES, b)
        at += GROUP


@njit(cache=True, nogil=True)
def _copy(source: Any, begin: int, target: Any, count: int) -> None:
    """Copy `count` values, whole registers, to the start of `target`."""
    for at in range(0, count, LANES):
        store(target, at, load(source, begin + at))


@njit(cache=True, nogil=True)
def _keep(history: Any, work: Any, last: int, first: int, count: int, active: Any) -> None:
    """Keep the last rows of `work` for the next frame; sessions that are not active keep what they had."""
    if active[first : first + count].all():
        _copy(work, last * GROUP, history, history.size)
        return
    for lane in range(count):
        if active[first + lane]:
            for at in range(lane, history.size, GROUP):
                history[at] = work[last * GROUP + at]


@njit(cache=True, nogil=True)
def filter_groups(
    frames: Any, results: Any, active: Any, history: Any, work: Any, filtered: Any, table: Any, blocks: Any,
    starts: Any, window: int,
) -> None:  # fmt: skip
    """Filter one frame of all groups; `frames` and `results` int16 [sessions, n].

    `history`: [groups, rows * GROUP]; `table`, `blocks`, `starts` and `window` as in Schedule. A group without
    an active session is not filtered. `work` and `filtered` are shared by the groups, so that they stay in the nearest
    caches.
    """
    sessions = active.size
    pcm, out = frames.reshape(frames.size), results.reshape(results.size)
    samples_in, samples_out = pcm.size // sessions, out.size // sessions
    kept = history.shape[1] // GROUP
    for group in range(history.shape[0]):
        first = group * GROUP
        count = min(GROUP, sessions - first)
        if active[first : first + count].any():
            _copy(history[group], 0, work, history.shape[1])
            enter(pcm, first, count, active, samples_in, work, kept)
            for block in range(blocks.size):
                _tile(work, starts[block], table, blocks[block] * window * OUTPUTS, window, filtered,
                      block * OUTPUTS * GROUP)  # fmt: skip
            _keep(history[group], work, samples_in, first, count, active)
        leave(filtered, first, count, active, samples_out, out)
