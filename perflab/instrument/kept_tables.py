"""Tables beside their captures: parsed once, kept with the sources that they depend on, and made again bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from perflab.errors import InstrumentFailure, RunCorrupt, UsageError
from perflab.instrument.interface import Capture, Instrument, load_capture
from perflab.instrument.source_store import MAX_BYTES, kept_sources, pack, recorded_sources, unpack
from perflab.instrument.table import ProfileTable

SOURCES = "sources"  # role of the archive in a capture's files


@dataclass(frozen=True)
class Reparsed:
    """One capture parsed again: identical = the kept table to the last bit."""

    path: Path
    state: Literal["identical", "differs", "no table kept", "unreadable"]
    detail: str
    table: ProfileTable | None = None


def instrument_of(capture: Capture) -> Instrument:
    """Return the instrument that made a capture, with its settings; raises RunCorrupt for an unknown one."""
    from perflab.instrument.memray import Memray
    from perflab.instrument.pyspy import PySpy
    from perflab.instrument.scalene import Scalene

    known: dict[str, Any] = {"pyspy": PySpy, "scalene": Scalene, "memray": Memray}
    try:
        view = {"view": capture.view} if capture.instrument == "pyspy" else {}
        made: Instrument = known[capture.instrument](**{**view, **capture.settings})
    except (KeyError, TypeError):
        raise RunCorrupt(f"{capture.name} was made by an instrument that is not known here", "", "") from None
    return made


def table_path(capture: Capture) -> Path:
    """Return where a capture's table lies."""
    return capture.folder / f"{capture.name}.table.parquet"


def keep_table(instrument: Instrument, capture: Capture, source_root: Path) -> tuple[ProfileTable, Capture]:
    """Parse a capture, keep its table and the sources that were read for it, and return both.

    Sources of more than 64 MB are not kept; the capture is then parsed again from what lies on the disk.
    """
    with recorded_sources() as read:
        table = instrument.parse(capture, source_root)
        files = dict(read)
    if sum(map(len, files.values())) <= MAX_BYTES:
        name = f"{capture.name}.sources.zip"
        (capture.folder / name).write_bytes(pack(files))
        capture = replace(capture, files={**capture.files, SOURCES: name})
    capture = capture.save()
    table.to_parquet(table_path(capture))
    return table, capture


def parse_again(capture: Capture, source_root: Path | None = None) -> ProfileTable:
    """Parse a saved capture from its raw files and kept sources alone, wherever its folder lies now."""
    instrument, root = instrument_of(capture), source_root or Path(capture.source_root)
    if SOURCES not in capture.files:
        return instrument.parse(capture, root)
    with kept_sources(unpack(capture.path(SOURCES))):
        return instrument.parse(capture, root)


def reparse(folder: Path) -> Iterator[Reparsed]:
    """Parse every capture below `folder` again and compare with the kept tables; raises UsageError for none."""
    paths = sorted(folder.rglob("*.capture.json"))
    if not paths:
        raise UsageError(f"No capture below {folder}", "a capture is a *.capture.json with its raw files", "")
    for path in paths:
        yield _compare(path)


def _compare(path: Path) -> Reparsed:
    try:
        capture = load_capture(path)
        table = parse_again(capture)
    except (RunCorrupt, InstrumentFailure) as error:
        return Reparsed(path, "unreadable", str(error))
    kept, fresh = table_path(capture), path.with_suffix(".again.parquet")
    if not kept.is_file():
        return Reparsed(path, "no table kept", "the table was made now", table)
    try:
        same = table.to_parquet(fresh).read_bytes() == kept.read_bytes()
    finally:
        fresh.unlink(missing_ok=True)
    detail = f"{len(table.rows)} rows" if same else f"made by {capture.versions.get('perflab', 'an unknown perflab')}"
    return Reparsed(path, "identical" if same else "differs", detail, table)
