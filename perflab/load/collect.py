"""Read back what load processes wrote: rows, lateness and closing records, reconciled so that nothing is lost."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import LoadFailure
from perflab.load.lateness import BUCKETS, EDGES_NS, RECORD, RELATIVE_ERROR

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LOW_US = (0.0, *(edge / 1e3 for edge in EDGES_NS))
HIGH_US = (*(edge / 1e3 for edge in EDGES_NS), math.inf)


def read_rows(paths: Sequence[Path]) -> pd.DataFrame:
    """Return the rows of several binary logs as one frame; `attrs["torn_rows"]` counts rows cut off at a log's end.

    Columns as perflab.samples.rows.read_row_log: kind, outcome, name and tag as words, all times int64 ns.
    """
    import pandas as pd

    from perflab.samples.rows import read_row_log
    from perflab.wire.rowlog import ROW

    frames = [read_row_log(path) for path in paths]
    if not frames:
        raise LoadFailure("The load left no row logs", "", "See load.log in the trial's folder")
    out = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    out.attrs["torn_rows"] = sum(path.stat().st_size % ROW.size != 0 for path in paths)
    return out


@dataclass(frozen=True)
class LatenessTable:
    """Send lateness by second and worker; arrays of one length, `counts` is (seconds, buckets)."""

    worker: np.ndarray
    begin_ns: np.ndarray
    cpu_ns: np.ndarray
    asked: np.ndarray
    sent: np.ndarray
    blocked: np.ndarray
    lost: np.ndarray
    counts: np.ndarray

    def quantile_ms(self, q: float) -> float:
        """Return the upper edge of the bucket that holds the q-quantile: at most 7.5 % above it, never below.

        NaN without any send, inf beyond 10 s. Counts are added over seconds and workers first: quantiles are never
        averaged.
        """
        counts = self.counts.sum(axis=0)
        total = int(counts.sum())
        if not total:
            return math.nan
        rank = max(1, math.ceil(q * total))
        return HIGH_US[int((counts.cumsum() >= rank).argmax())] / 1e3

    @property
    def relative_error(self) -> float:
        """How far above the truth a quantile may be, as a fraction."""
        return RELATIVE_ERROR

    def frame(self) -> pd.DataFrame:
        """Return one row per second and filled bucket: worker, second, low_us, high_us, count, begin_ns."""
        import numpy as np
        import pandas as pd

        at, bucket = np.nonzero(self.counts)
        origin = int(self.begin_ns.min()) if len(self.begin_ns) else 0
        return pd.DataFrame({
            "worker": self.worker[at], "second": (self.begin_ns[at] - origin) // 1_000_000_000,
            "low_us": np.array(LOW_US)[bucket], "high_us": np.array(HIGH_US)[bucket],
            "count": self.counts[at, bucket].astype(np.int64), "begin_ns": self.begin_ns[at],
        })  # fmt: skip


def read_lateness(paths: Sequence[Path]) -> LatenessTable:
    """Return the lateness logs of all workers as one table; a record cut off at the end is left out."""
    import numpy as np

    names = ("begin_ns", "cpu_ns", "asked", "sent", "blocked", "lost")
    dtype = np.dtype([*zip(names, ("<i8", "<i8", *["<u4"] * 4), strict=True), ("counts", "<u4", (BUCKETS,))])
    parts, workers = [], []
    for path in paths:
        raw = path.read_bytes()
        part = np.frombuffer(raw, dtype=dtype, count=len(raw) // RECORD.size)
        parts.append(part)
        workers.append(np.full(len(part), int(path.name.split(".")[1]), dtype=np.int64))
    rows = np.concatenate(parts) if parts else np.empty(0, dtype)
    worker = np.concatenate(workers) if workers else np.empty(0, np.int64)
    columns = {name: rows[name].astype(np.int64) for name in names}
    return LatenessTable(worker=worker, counts=rows["counts"].astype(np.int64), **columns)


def read_closing(folder: Path, index: int) -> dict[str, Any] | None:
    """Return a worker's closing record, or None when it did not live to write one."""
    path = folder / f"load.{index}.done.json"
    if not path.is_file():
        return None
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body


def reconcile(closing: dict[str, Any], log: Path) -> None:
    """Raise LoadFailure when a log holds another number of rows than its worker wrote."""
    from perflab.wire.rowlog import ROW

    held = log.stat().st_size // ROW.size
    if held != closing["rows"] and not closing["failure"]:
        raise LoadFailure(f"{log.name} holds {held} rows and its worker wrote {closing['rows']}",
                          "none may be lost", "The disk or another process damaged the log")  # fmt: skip
