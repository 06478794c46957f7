"""What changed between two variants or runs, function by function, in CPU microseconds per unit of work."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from perflab.errors import RunCorrupt, StatisticError
from perflab.instrument.interface import Capture, load_capture
from perflab.instrument.pyspy import sample_codes
from perflab.instrument.source_tree import SourceTree
from perflab.instrument.stacks import LIBRARY, Stack, attribute_all, parse_raw, without_lines
from perflab.runs import write_atomic
from perflab.stats.interval import Interval

if TYPE_CHECKING:
    import pandas as pd

    from perflab.stats.profile_difference import CostDifference

State = Literal["grew", "shrank", "appeared", "disappeared", "no change shown"]
Kind = Literal["own", "leaf"]
REST = ("<rest>", "all functions with few samples")
KERNEL = ("<kernel>", "the kernel, for all functions")
FEWEST_SAMPLES = 8  # of both arms together: below it a function joins the rest, whatever the difference
MOST_ROWS = 150  # functions judged one by one
CAPTURE, WORK = "pyspy-gil.capture.json", "work.json"
GIL_FREE, ROOTLESS = "P305", "P318"
US = 1e6
TICKS_HZ = 250  # at which the kernel tells its own time from that of programs, on most machines


@dataclass(frozen=True)
class Stretch:
    """One profiled stretch: stacks with their samples, and the CPU seconds and units of work that they stand for.

    `parts`: (CPU seconds, units) of one or more stretches of the same process under the same load, watched or not,
    never of another load. Part i of stretch j is paired with part i of stretch j of the other arm. `kernel`: what the
    kernel's part of the CPU, in none of these stacks, would weigh in samples.
    """

    weights: Mapping[Stack, int]
    parts: tuple[tuple[float, float], ...]
    codes: tuple[str, ...] = ()
    kernel: int = 0

    @property
    def samples(self) -> int:
        """The number of samples."""
        return sum(self.weights.values())

    @property
    def us_per_unit(self) -> float:
        """CPU microseconds per unit of work, the mean of its parts."""
        return sum(self.costs) / len(self.parts)

    @property
    def costs(self) -> list[float]:
        """CPU microseconds per unit of work in each part."""
        return [US * cpu_s / units for cpu_s, units in self.parts]


@dataclass(frozen=True)
class FunctionChange:
    """One function in both arms, microseconds of CPU per unit of work; `low`, `high` bound `difference`."""

    file: str
    function: str
    state: State
    baseline: float
    candidate: float
    difference: float
    low: float
    high: float
    baseline_samples: int
    candidate_samples: int

    @property
    def where(self) -> str:
        """The function as a person reads it."""
        return self.function if self.file in (LIBRARY, KERNEL[0]) else f"{self.function} ({self.file})"

    @property
    def counted(self) -> str:
        """The samples of both sides; of the kernel's part, which none of them shows, how it was told."""
        if (self.file, self.function) == KERNEL:
            return "by its clock"
        return f"{self.baseline_samples} / {self.candidate_samples}"


@dataclass(frozen=True)
class ProfileDifference:
    """All functions of one attribution, the largest shown change first, with the total and what to know of it."""

    kind: Kind
    rows: tuple[FunctionChange, ...]
    total: Interval  # CPU microseconds per unit, candidate - baseline
    baseline: float
    candidate: float
    captures: tuple[int, int]
    samples: tuple[int, int]
    confidence: float
    caveats: tuple[str, ...]

    @property
    def changed(self) -> tuple[FunctionChange, ...]:
        """The rows whose interval excludes zero, the rest of small functions left out."""
        return tuple(row for row in self.rows if row.state != "no change shown" and (row.file, row.function) != REST)

    def records(self, most: int = 20) -> list[dict[str, Any]]:
        """Return the first rows as flat dictionaries, microseconds per unit."""
        return [
            {
                "function": row.function,
                "file": row.file,
                "state": row.state,
                "baseline_us": round(row.baseline, 3),
                "candidate_us": round(row.candidate, 3),
                "difference_us": round(row.difference, 3),
                "low_us": round(row.low, 3),
                "high_us": round(row.high, 3),
                "samples": row.counted,
            }
            for row in self.rows[:most]
        ]

    def table(self, most: int = 12) -> pd.DataFrame:
        """Return the first rows as a short table, microseconds per unit."""
        import pandas as pd

        return pd.DataFrame(self.records(most))


def difference(
    baseline: Sequence[Stretch],
    candidate: Sequence[Stretch],
    tree: SourceTree,
    kind: Kind = "own",
    *,
    seed: int = 7,
    confidence: float = 0.95,
    names_only: bool = False,
) -> ProfileDifference:
    """Compare two arms; stretch i of each arm is pair i, and the arms must hold equally many.

    `kind`: own = charged to the nearest function of the system itself, leaf = to the innermost function. The two sum
    the same CPU in two ways and are never added. What the kernel did is a row of its own, as samples of who holds the
    lock do not show it: a function's microseconds are those of its own code and libraries. `names_only` takes the
    instrument's names instead of those of the present source (whose lines are not those of a capture of another commit
    or of a tree with changes).
    Raises StatisticError when there is no pair or a stretch holds no sample.
    """
    from perflab.stats.profile_difference import difference_per_unit

    if not baseline or len(baseline) != len(candidate):
        raise StatisticError(
            f"The arms hold {len(baseline)} and {len(candidate)} profiled stretches",
            "both must hold as many, at least one",
            "Leave out the pair in which a capture failed",
        )
    charged = [[_charge(stretch, tree, kind, names_only) for stretch in arm] for arm in (baseline, candidate)]
    names = _functions(charged)
    counts = [[_by_name(found, names) for found in arm] for arm in charged]
    result = difference_per_unit(
        *counts,
        *([cost for stretch in arm for cost in stretch.costs] for arm in (baseline, candidate)),
        seed=seed,
        confidence=confidence,
    )
    seen = [(sum(row[at] for row in counts[0]), sum(row[at] for row in counts[1])) for at in range(len(names))]
    rows = [_change(place, result, at, seen[at]) for at, place in enumerate(names) if any(seen[at])]  # else: no rest
    return ProfileDifference(
        kind,
        tuple(sorted(rows, key=lambda row: (row.state == "no change shown", -abs(row.difference), row.file))),
        result.total,
        sum(s.us_per_unit for s in baseline) / len(baseline),
        sum(s.us_per_unit for s in candidate) / len(candidate),
        (len(baseline), len(candidate)),
        (sum(s.samples for s in baseline), sum(s.samples for s in candidate)),
        confidence,
        _caveats([*baseline, *candidate], result.assumed_noise, names_only),
    )


def _charge(stretch: Stretch, tree: SourceTree, kind: Kind, names_only: bool) -> Counter[tuple[str, str]]:
    weights = without_lines(stretch.weights) if names_only else stretch.weights
    found: Counter[tuple[str, str]] = Counter()
    for attribution, weight in attribute_all(weights, tree):
        place = attribution.own if kind == "own" else attribution.leaf
        found[place.file, place.function] += weight
    if stretch.kernel:
        found[KERNEL] = stretch.kernel
    return found


def _functions(charged: list[list[Counter[tuple[str, str]]]]) -> list[tuple[str, str]]:
    """Choose by the samples of both arms together, each arm as a share, which says nothing of their difference."""
    score: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    for arm in charged:
        whole: Counter[tuple[str, str]] = sum(arm, Counter())
        seen += whole
        for name, count in whole.items():
            score[name] += count / whole.total()  # type: ignore[assignment]
    enough = [name for name in score if seen[name] >= FEWEST_SAMPLES]
    return [*sorted(enough, key=lambda name: (-score[name], name))[:MOST_ROWS], REST]


def _by_name(found: Counter[tuple[str, str]], names: Sequence[tuple[str, str]]) -> list[int]:
    """Return the samples of one stretch by function; the last name stands for the rest."""
    named = [found[name] for name in names[:-1]]
    return [*named, found.total() - sum(named)]


def _change(place: tuple[str, str], result: CostDifference, at: int, seen: tuple[int, int]) -> FunctionChange:
    return FunctionChange(
        file=place[0],
        function=place[1],
        state=_state(bool(result.changed[at]), float(result.difference[at]), seen),
        baseline=float(result.baseline[at]),
        candidate=float(result.candidate[at]),
        difference=float(result.difference[at]),
        low=float(result.low[at]),
        high=float(result.high[at]),
        baseline_samples=int(seen[0]),
        candidate_samples=int(seen[1]),
    )


def _state(changed: bool, moved: float, seen: tuple[int, int]) -> State:
    if not changed:
        return "no change shown"
    if 0 in seen:
        return "appeared" if moved > 0 else "disappeared"
    return "grew" if moved > 0 else "shrank"


def _caveats(stretches: list[Stretch], assumed: float, names_only: bool) -> tuple[str, ...]:
    found = []
    if assumed:
        found.append(
            f"one capture for each side: noise from run to run was not measured; {100 * assumed:.0f} % of CPU per unit "
            "was assumed, and shares were taken as the same in every run"
        )
    if any(GIL_FREE in stretch.codes for stretch in stretches):
        found.append("much CPU was spent without the GIL (P305), where these samples do not look")
    if any(ROOTLESS in stretch.codes for stretch in stretches):
        found.append("many stacks were dropped (P318), as those of greenlets: the CPU spent there is charged to others")
    if names_only:
        found.append("the source may have changed since a side was captured: functions are matched by name alone")
    return tuple(found)


def save_work(folder: Path, parts: Sequence[tuple[float, float]], unit: str) -> Path:
    """Write beside a capture what its samples stand for, (CPU seconds, units) of each part."""
    path = folder / WORK
    write_atomic(path, json.dumps({"parts": [list(part) for part in parts], "unit": unit}))
    return path


def stretch_of(capture: Capture, parts: Sequence[tuple[float, float]]) -> Stretch:
    """Return a capture of py-spy as a stretch; raises StatisticError when no work was done, RunCorrupt when cut off."""
    if not parts or any(not (cpu_s > 0 and units > 0) for cpu_s, units in parts):
        raise StatisticError(
            f"{capture.name} stands for {list(parts)} (CPU s, units)",
            "all must be above zero",
            "Put load on the system",
        )
    try:
        stacks = parse_raw(capture.path("raw").read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError) as error:
        raise RunCorrupt(f"{capture.files['raw']} cannot be read ({error})", "", "Capture again") from None
    done = tuple((float(cpu_s), float(units)) for cpu_s, units in parts)
    return Stretch(stacks.weights, done, sample_codes(capture, stacks), _kernel_weight(capture, stacks.total))


def _kernel_weight(capture: Capture, samples: int) -> int:
    """Return the kernel's part in samples, from its share of the CPU; 0 for a view that sees what it did.

    The share is counted in ticks of the clock, few in a short capture: one more tick outside the kernel makes the ratio
    to what is outside right in the mean, which it is not by itself (a binomial over its complement).
    """
    if capture.view != "gil":
        return 0
    ticks = capture.cpu_s * TICKS_HZ
    inside = capture.kernel_share * ticks
    return round(samples * inside / (ticks - inside + 1.0))


def load_stretch(folder: Path) -> Stretch:
    """Read a profiled stretch from its folder; raises RunCorrupt when the capture or its work is missing."""
    capture = load_capture(folder / CAPTURE)
    try:
        parts = [
            (float(cpu_s), float(units)) for cpu_s, units in json.loads((folder / WORK).read_text("utf-8"))["parts"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunCorrupt(f"{folder.name}/{WORK} cannot be read ({error})", "", "Capture again") from None
    return stretch_of(capture, parts)
