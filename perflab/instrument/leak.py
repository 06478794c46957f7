"""Leak or cache: two memray windows of one living process, the second twice as long as the first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from perflab.instrument.gates import REJECT_DELAY
from perflab.instrument.table import ProfileTable

REPORT_BYTES_PER_S = 20_000  # slower growth is not reported: in-flight data looks the same in a short window
AGREE = 0.10
EDGE_S = 0.4  # a debugger holds the process for about this long when memray attaches and detaches
ARENAS = (1 << 20, 1 << 18)  # bytes of a pymalloc arena
OLD_SHARE = 0.25  # of what is held: half of a leak was allocated in the first half of the window, of a queue nothing
RECYCLED = 0.1  # of a leak's rate: more than this is told as a leak of its own
FEWEST_AGED = 10  # allocations held: of fewer, the share of old ones says little (0.25 of ten by chance: 1 in 20)


@dataclass(frozen=True)
class Growth:
    """A place whose memory grew in both windows.

    `rate` in bytes/s between the ends of both windows; `low` and `high` cover the two windows' disagreement and the
    granularity of the allocations. `verdict`: leak = the rates agree and bytes scale with time; cache = they do not, or
    what is held is all recent; recycled = objects of this place that a leak elsewhere took over.
    """

    file: str
    function: str
    line: int
    rate: float
    low: float
    high: float
    bytes_t: int
    bytes_2t: int
    allocations: int
    verdict: Literal["leak", "cache", "recycled"]
    flags: tuple[str, ...] = ()


def find_growth(
    short: ProfileTable,
    long: ProfileTable,
    report: float = REPORT_BYTES_PER_S,
    agree: float = AGREE,
    aged: bool = False,
) -> list[Growth]:
    """Return growing places, fastest first: leak when the rates of both windows agree within `agree` and their edges.

    A leak of r bytes/s holds r*T after one window and 2*r*T after two; a cache that fills or data in flight does not
    scale. Places below `report` bytes/s in the longer window are left out; one whose rate is not surely above that
    (`low`) is no leak. P301 where the target waited for a core: work that queues up grows like a leak.
    `aged`: the tables hold memray's `old` view too. A place whose memory is nearly all from the second half of the
    longer window holds work in flight, however it grew: a slowed process queues more of it in a longer window.
    The tables must hold memray's leak view.
    """
    first, second = _held(short), _held(long)
    old = _held(long, "old") if aged else None
    t1, t2 = short.health.window_s, long.health.window_s
    if min(t1, t2) <= 0:
        raise ValueError("a growth rate needs two windows of known length")
    late = max(short.health.run_delay, long.health.run_delay) > REJECT_DELAY
    found = []
    for place, (size, count) in second.items():
        before, before_count = first.get(place, (0, 0))
        if size / t2 >= report:
            growth = _judge(place, (before, size), (t1, t2), before_count + count, agree, report)
            if old is not None and count >= FEWEST_AGED and old.get(place, (0, 0))[0] < OLD_SHARE * size:
                growth = replace(growth, verdict="cache", flags=tuple(dict.fromkeys((*growth.flags, "P306"))))
            found.append(replace(growth, flags=(*growth.flags, "P301")) if late else growth)
    return _with_recycled(
        sorted(found, key=lambda growth: (growth.verdict != "leak", -growth.rate, growth.file, growth.line))
    )


def _with_recycled(found: list[Growth]) -> list[Growth]:
    """Join to a leak what grows elsewhere only because CPython recycles objects (P316).

    A tuple that one line makes and drops goes to a free list, not back to the allocator; the leaking line takes it from
    there, and memray charges it to the line that made it. Measured on a planted leak of 1 MB/s in tuples: 957 KB/s at
    its line and 43 KB/s in blocks of 56 bytes at another one. Joined is what has the size of such objects and at most
    a tenth of the leak's rate, where there is one leak beside it. Weakness: a second leak that looks so is in the rate
    of the first until that one is mended; it stays in the table.
    """
    leaks = [growth for growth in found if growth.verdict == "leak"]
    recycled = [growth for growth in leaks[1:] if _recyclable(growth) and growth.rate <= RECYCLED * leaks[0].rate]
    if not recycled or len(leaks) - len(recycled) != 1:
        return found
    more, top = sum(growth.rate for growth in recycled), leaks[0]
    whole = replace(top, rate=top.rate + more, high=top.high + more, flags=(*top.flags, "P316"))
    rest = [
        replace(growth, verdict="recycled", flags=(*growth.flags, "P316")) if growth in recycled else growth
        for growth in found
        if growth is not top
    ]
    return [whole, *rest]


def _recyclable(growth: Growth) -> bool:
    """Whether its blocks are of one size that tuples have with their header for the garbage collector: 48 to 200."""
    mean = (growth.bytes_t + growth.bytes_2t) / max(1, growth.allocations)
    return 47.5 < mean < 200.5 and abs(mean - 8 * round(mean / 8)) < 0.5


def _judge(
    place: tuple[str, str, int],
    sizes: tuple[int, int],
    times: tuple[float, float],
    count: int,
    agree: float,
    report: float,
) -> Growth:
    rates = (sizes[0] / times[0], sizes[1] / times[1])
    # what the edges of a window cost is the same in both windows: their difference is free of it
    rate = (sizes[1] - sizes[0]) / (times[1] - times[0]) if times[1] > times[0] else rates[1]
    step = rate / max(1, count)  # one allocation more or less at the edges of the windows
    low = max(0.0, min(*rates, rate) - step)
    scales = low >= report and abs(rates[1] - rates[0]) <= (agree + EDGE_S / times[0]) * max(rates)
    flags = [*([] if scales else ["P306"]), *(["P308"] if count and round(sum(sizes) / count) in ARENAS else [])]
    return Growth(
        *place,
        rate,
        low,
        max(*rates, rate) + step,
        *sizes,
        count,
        "leak" if scales else "cache",
        tuple(flags),
    )


def _held(table: ProfileTable, view: str = "leak") -> dict[tuple[str, str, int], tuple[int, int]]:
    held: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0])
    for index, metric in enumerate(("bytes", "allocations")):
        for row in table.select(instrument="memray", view=view, attribution="own", metric=metric):
            held[row.file, row.function, row.line][index] += round(row.value)
    return {place: (size, count) for place, (size, count) in sorted(held.items())}
