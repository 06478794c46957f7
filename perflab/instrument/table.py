"""ProfileTable: what every instrument says, in one tidy form."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from perflab.errors import RunCorrupt
from perflab.instrument.stacks import Attribution, Place

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class ProfileRow(NamedTuple):
    """One place and what an instrument saw there.

    `attribution`: own = nearest own frame, leaf = innermost frame, library = (file: the package entered, function:
    the own function that entered it). `share` is of all weight of the same instrument, view, attribution and metric,
    so shares of different units are never added; of CPU it is of all of it, of which an instrument that looks outside
    the kernel sees a part: its shares then sum to that part. `line` 0 = unknown. Nothing is ever None.
    """

    instrument: str
    view: str
    attribution: str
    file: str
    function: str
    line: int
    metric: str
    value: float
    unit: str
    share: float
    n_samples: int
    granularity: str


@dataclass(frozen=True)
class Health:
    """What is known about a capture's trustworthiness; the ranking's gates read it.

    `cpu_s` and `run_delay` are the target's over the window: run_delay = wait / (run + wait), from schedstat;
    `kernel_share` is the part of its CPU in calls of the kernel.
    `ticks` is how often the sampler looked; 0 = it does not sample by ticks.
    """

    n_samples: int = 0
    window_s: float = 0.0
    rate_hz: float = 0.0
    ticks: int = 0
    cpu_s: float = 0.0
    run_delay: float = 0.0
    torn_share: float = 0.0
    header_share: float = 0.0  # share of CPU on def and decorator lines (scalene)
    startup_share: float = 0.0  # share that was import and start-up, taken out
    clean_end: bool = True
    kernel_share: float = 0.0
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProfileTable:
    """Tidy rows of one capture, in a fixed order, with the health of the capture."""

    rows: tuple[ProfileRow, ...]
    health: Health = field(default_factory=Health)

    def select(self, **equal: str) -> tuple[ProfileRow, ...]:
        """Return the rows whose fields equal the given ones: ``table.select(view="gil", attribution="own")``."""
        return tuple(row for row in self.rows if all(getattr(row, key) == value for key, value in equal.items()))

    def by_function(self, **equal: str) -> dict[tuple[str, str], float]:
        """Return {(file, function): share} of the selected rows, largest first; they must be of one metric."""
        chosen = self.select(**equal)
        kinds = {(row.instrument, row.view, row.attribution, row.metric) for row in chosen}
        if len(kinds) > 1:
            raise ValueError(f"shares of {len(kinds)} different measures must not be added: {sorted(kinds)}")
        shares: dict[tuple[str, str], float] = defaultdict(float)
        for row in chosen:
            shares[row.file, row.function] += row.share
        return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))

    def views(self) -> tuple[tuple[str, str], ...]:
        """Return the (instrument, view) pairs in it."""
        return tuple(sorted({(row.instrument, row.view) for row in self.rows}))

    def frame(self) -> pd.DataFrame:
        """Return a pandas frame; `line` is Int32, so that no missing line turns the column into floats."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(ProfileRow._fields)).astype({"line": "Int32"})

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table with the health in its metadata."""
        import pyarrow as pa

        columns = list(zip(*self.rows, strict=True)) or [()] * len(ProfileRow._fields)
        arrays = [pa.array(column, type=kind) for column, kind in zip(columns, _arrow_types(), strict=True)]
        health = json.dumps(asdict(self.health), sort_keys=True)
        return pa.table(arrays, names=list(ProfileRow._fields)).replace_schema_metadata({"health": health})

    def to_parquet(self, path: Path) -> Path:
        """Write the table; the same rows give the same bytes."""
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.to_arrow(), path, compression="zstd")
        return path

    @classmethod
    def from_parquet(cls, path: Path) -> ProfileTable:
        """Read a table; raises RunCorrupt when the file is none."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.ParquetFile(path).read()
            health = json.loads(table.schema.metadata[b"health"])
            rows = tuple(ProfileRow(**row) for row in table.to_pylist())
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise RunCorrupt(
                f"{path.name} is no profile table ({str(error).splitlines()[0]})", "", "Parse its capture again"
            ) from None
        return cls(rows, Health(**{**health, "codes": tuple(health["codes"])}))


def _arrow_types() -> list[pa.DataType]:
    import pyarrow as pa

    special = {"line": pa.int32(), "value": pa.float64(), "share": pa.float64(), "n_samples": pa.int64()}
    return [special.get(name, pa.string()) for name in ProfileRow._fields]


class Measure(NamedTuple):
    """What a set of rows measures."""

    instrument: str
    view: str
    metric: str
    unit: str


def rows_from(
    attributed: Iterable[tuple[Attribution, float]], measure: Measure, n_samples: int, part: float = 1.0
) -> list[ProfileRow]:
    """Sum attributed stacks into own, leaf and library rows, one per place; their shares sum to `part`, in 0..1."""
    charged = list(attributed)
    pick: dict[str, Callable[[Attribution], Place]] = {
        "own": lambda a: a.own,
        "leaf": lambda a: a.leaf,
        "library": lambda a: Place(a.entry or "<own>", f"{a.own.file}:{a.own.function}", 0),
    }
    rows: list[ProfileRow] = []
    for kind, of in pick.items():
        sums: dict[Place, float] = defaultdict(float)
        for attribution, weight in charged:
            sums[of(attribution)] += weight
        rows += make_rows(sums, measure, kind, n_samples, part=part)
    return rows


def make_rows(
    sums: dict[Place, float],
    measure: Measure,
    attribution: str,
    n_samples: int,
    modelled: frozenset[Place] = frozenset(),
    part: float = 1.0,
) -> list[ProfileRow]:
    """Turn summed places into rows, largest first; shares are of the sum of `sums`, which is `part` of all there is."""
    total = sum(sums[key] for key in sorted(sums)) or 1.0
    return [
        ProfileRow(
            measure.instrument,
            measure.view,
            attribution,
            *key,
            measure.metric,
            float(value),
            measure.unit,
            part * value / total,
            n_samples,
            "modelled" if key in modelled else "measured",
        )
        for key, value in sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    ]
