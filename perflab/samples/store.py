"""Samples on disk: one Parquet file per table and trial group, written whole or not at all.

    samples/units.<group>.parquet      samples/resources.<group>.parquet      samples/lateness.<group>.parquet

A file is written beside its place and renamed, so a full disk or a kill loses the group that was being written and
nothing that was measured before.
"""

from __future__ import annotations

import errno
import io
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from perflab.errors import PerflabError, RunCorrupt, UsageError
from perflab.runs import write_atomic
from perflab.samples.schema import Table, check_stored, conform, table_named

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GROUP = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*")


class SampleStore:
    """The samples of one run, in the folder that `Run.folder("samples")` gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, table: str, group: str) -> Path:
        """Return the file of a table and group; a group is a file name's worth of letters, digits, . _ + = -"""
        if not _GROUP.fullmatch(group):
            raise UsageError(f"`group` is {group!r}", "it must be letters, digits and . _ + = -")
        return self.folder / f"{table_named(table).name}.{group}.parquet"

    def write(self, table: str, group: str, rows: pd.DataFrame) -> Path:
        """Write a group's rows, replacing the group when it exists; raises PerflabError when the disk is full."""
        path = self.path(table, group)
        write_parquet(path, conform(table_named(table), rows))
        return path

    def append(self, table: str, group: str, rows: pd.DataFrame) -> Path:
        """Add rows to a group; the file holds the old rows or old and new, never half of the new ones."""
        path = self.path(table, group)
        if not path.exists():
            return self.write(table, group, rows)
        return self.write(table, group, pd.concat([self.read_group(table, group), rows], ignore_index=True))

    def groups(self, table: str) -> list[str]:
        """Return the names of a table's groups, sorted."""
        name = table_named(table).name
        return sorted(p.name[len(name) + 1 : -len(".parquet")] for p in self.folder.glob(f"{name}.*.parquet"))

    def read_group(self, table: str, group: str) -> pd.DataFrame:
        """Return one group's rows; raises UsageError when it is absent and RunCorrupt naming a damaged file."""
        return read_parquet(self.path(table, group), table_named(table))

    def read(self, table: str) -> pd.DataFrame:
        """Return all rows of a table; raises RunCorrupt naming the first file that cannot be read."""
        frame, problems = self.read_what_can_be(table)
        if problems:
            raise RunCorrupt(problems[0])
        return frame

    def read_what_can_be(self, table: str) -> tuple[pd.DataFrame, list[str]]:
        """Return the rows of all readable files, and one line for each file that cannot be read."""
        frames, problems = [], []
        for group in self.groups(table):
            try:
                frames.append(self.read_group(table, group))
            except RunCorrupt as error:
                problems.append(str(error))
        return _stack(frames, table_named(table)), problems


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet (zstd), whole or not at all; raises PerflabError when the disk is full or read-only."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer, compression="zstd")
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        cause = "The disk is full" if error.errno in _NO_SPACE else "Cannot write"
        raise PerflabError(
            f"{cause}: {path.name} needs {buffer.tell():,} bytes ({error.strerror})",
            "What was measured before is kept", "Free some space, then: perflab spike --resume RUN",
        ) from None  # fmt: skip


def read_parquet(path: Path, table: Table) -> pd.DataFrame:
    """Read one file and check it; raises UsageError when it is absent and RunCorrupt when it is damaged."""
    if not path.is_file():
        raise UsageError(f"There is no {path.name} in {path.parent}")
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunCorrupt(
            f"{path.name} cannot be read ({str(error).splitlines()[0][:120]})",
            next_step=f"The other files of the run are untouched; move {path} aside to read them",
        ) from None
    check_stored(table, frame, path.name)
    return conform(table, frame)


def _stack(frames: list[pd.DataFrame], table: Table) -> pd.DataFrame:
    """Put groups below each other; a mark (int64) that a group lacks did not happen there: 0, never NaN."""
    if not frames:
        return pd.DataFrame({column.name: [] for column in table.columns})
    marks = {name for frame in frames for name in frame.columns if frame[name].dtype.kind == "i"}
    whole = [frame.assign(**dict.fromkeys(sorted(marks - set(frame.columns)), 0)) for frame in frames]
    return pd.concat(whole, ignore_index=True)
