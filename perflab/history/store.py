"""The store: one Parquet file for each run below reports/history/, written once, read by DuckDB.

    history/runs/<run-id>.parquet      the figures of one finished run

A file is written beside its place and renamed, and a run that has its file is not written again, so that adding is
idempotent, two commands may add at once, and a damaged file costs one run. A file names the code that extracted its
rows: where that has changed since, a figure may have got another name or none, and `renew` writes the run's rows anew.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import PerflabError, UsageError
from perflab.history.extract import finished_rows
from perflab.history.row import COLUMNS, Row
from perflab.runs import Run, list_runs, write_atomic

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MOST_BYTES = 8 * 2**20  # of one run's file; a real one has about 10 kB
EXTRACTED_BY = "perflab.extracted_by"
FROM_ANOTHER = "of the history came from another version of perflab"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1, "memory_limit": "1GB", "autoinstall_known_extensions": False,
}  # fmt: skip
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


class HistoryStore:
    """The history below a reports folder."""

    def __init__(self, reports: Path) -> None:
        self.reports, self.folder = reports, reports / "history" / "runs"

    def add(self, run: Run, *, again: bool = False) -> int:
        """Append a finished run and return the number of its figures; 0 when it is there already or has none.

        `again` writes it anew from its findings, also as an empty file where they have no figures any more. Raises
        UsageError for an unfinished or planted run.
        """
        path = self.path(run.id)
        known = path.exists()
        if known and not again:
            return 0
        rows = finished_rows(run)
        if rows or known:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, _parquet(rows))
        return len(rows)

    def rebuild(self) -> tuple[int, list[str]]:
        """Write every finished run again from its findings; return how many, and a line for each that has no place.

        Runs whose folder is gone keep the file that they have: the store only grows.
        """
        runs, problems = list_runs(self.reports)
        written = 0
        for run in runs:
            try:
                written += bool(self.add(run, again=True))
            except PerflabError as error:
                problems.append(str(error))
        return written, problems

    def renew(self) -> list[str]:
        """Write anew the rows that other code extracted, from the findings of their runs; return a line on it, or none.

        Rows whose run is gone stay as they are and are counted: their figures may bear other names than later ones.
        """
        stale = self._stale()
        refused = list(filter(None, map(self._not_renewed, stale)))
        written, lines = len(stale) - len(refused), []
        if written:
            were = "was" if written == 1 else "were"
            lines.append(f"{_runs(written)} {FROM_ANOTHER} and {were} read anew")
        if refused:
            reason = refused[0] + (", among other reasons" if len(set(refused)) > 1 else "")
            lines.append(f"{_runs(len(refused))} {FROM_ANOTHER} and cannot be read anew ({reason}): figures of theirs "
                         "that were renamed since stand in series of their own")  # fmt: skip
        return lines

    def _not_renewed(self, run_id: str) -> str:
        """Write the rows of a run anew; return why that could not be done, "" when it was."""
        folder = self.reports / "runs" / run_id
        if not (folder / "manifest.json").is_file():
            return "no findings any more"
        try:
            self.add(Run.open(folder), again=True)
        except PerflabError as error:
            return str(error)
        return ""

    def _stale(self) -> list[str]:
        """Return the runs whose file was written by other code; a damaged file is not among them (`rows` names it)."""
        import duckdb

        files = self._files()[0]
        if not files:
            return []
        with _connection() as connection:
            try:
                known = _extracted_by(connection, files)
            except duckdb.Error:
                files = _readable(connection, files)[0]
                known = _extracted_by(connection, files) if files else {}
        return [path.stem for path in files if known.get(str(path)) != extraction()]

    def path(self, run_id: str) -> Path:
        """Return the file of a run; raises UsageError for an id that is no plain name."""
        if not _RUN_ID.fullmatch(run_id):
            raise UsageError(f"Run id {run_id!r} is no plain name", "letters, digits and . _ - are allowed")
        return self.folder / f"{run_id}.parquet"

    def rows(self, where: str = "", values: Sequence[str] = ()) -> tuple[list[Row], list[str]]:
        """Return rows in order of time, and a line for each file that cannot be read and is left out.

        `where`: a condition in SQL on the columns of `Row` with ? for each of `values`.
        """
        files, problems = self._files()
        if not files:
            return [], problems
        import duckdb

        with _connection() as connection:
            try:
                return _select(connection, files, where, values), problems
            except duckdb.Error:
                files, damaged = _readable(connection, files)
                found = _select(connection, files, where, values) if files else []
                return found, [*problems, *damaged]

    def _files(self) -> tuple[list[Path], list[str]]:
        files, problems = [], []
        for path in sorted(self.folder.glob("*.parquet")):
            if path.stat().st_size > MOST_BYTES:
                problems.append(f"{path.name} is left out: larger than {MOST_BYTES:,} bytes, which no run's history is")
            else:
                files.append(path)
        return files, problems


@lru_cache(maxsize=1)
def extraction() -> str:
    """Return a short digest of the code that turns findings into rows."""
    sources = (Path(__file__).with_name(name).read_bytes() for name in ("extract.py", "direction.py", "row.py"))
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def _runs(count: int) -> str:
    return f"{count} {'run' if count == 1 else 'runs'}"


def _connection() -> duckdb.DuckDBPyConnection:
    """Return DuckDB in memory, on one thread, that neither fetches extensions nor reads a user's settings."""
    import duckdb

    return duckdb.connect(":memory:", config=_SETTINGS)


def _extracted_by(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[str, str]:
    """Return file -> the code that extracted its rows, for the files that say so."""
    query = "SELECT file_name, decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = ?"
    return dict(connection.execute(query, [[str(path) for path in files], EXTRACTED_BY]).fetchall())


# What each column is read as; a foreign file whose values do not fit is left out, a missing text is empty.
_READ = {
    "time": 'CAST("time" AS TIMESTAMP)',
    "value": """COALESCE(CAST("value" AS DOUBLE), 'nan')""",
    "low": 'CAST("low" AS DOUBLE)',
    "high": 'CAST("high" AS DOUBLE)',
    "n": 'COALESCE(CAST("n" AS BIGINT), 0)',
    "lower_is_better": 'CAST("lower_is_better" AS BOOLEAN)',
    "trusted": 'COALESCE(CAST("trusted" AS BOOLEAN), FALSE)',
}


def _select(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], where: str, values: Sequence[str]
) -> list[Row]:
    columns = ", ".join(_READ.get(name, f"COALESCE(CAST(\"{name}\" AS VARCHAR), '')") for name in COLUMNS)
    condition = f'"time" IS NOT NULL AND ({where or "TRUE"})'
    query = f"SELECT {columns} FROM read_parquet(?) WHERE {condition} ORDER BY time, run_id, metric"
    return [Row(*row) for row in connection.execute(query, [[str(path) for path in files], *values]).fetchall()]


def _readable(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the files that can be read in full, and a line for each that cannot."""
    import duckdb

    good, problems = [], []
    for path in files:
        try:
            _select(connection, [path], "", ())
            good.append(path)
        except duckdb.Error as error:
            first = str(error).splitlines()[0][:100]
            problems.append(
                f"{path.name} is left out: it cannot be read ({first}). Mend it with: perflab history --rebuild"
            )
    return good, problems


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"time": pa.timestamp("us"), "value": pa.float64(), "low": pa.float64(), "high": pa.float64(),
             "n": pa.int64(), "lower_is_better": pa.bool_(), "trusted": pa.bool_()}  # fmt: skip
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    table = pa.table(columns, schema=_schema()).replace_schema_metadata({EXTRACTED_BY: extraction()})
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
