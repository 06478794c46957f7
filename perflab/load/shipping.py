"""The logs of a worker on another machine on their way to the master, over the master's own connection.

The worker's clock is another one: times of its rows are moved by the difference between the two zeros of the load,
which is exact to the time that the master's word took to arrive. Differences within a row are not touched. Marks in a
row are the system's own and stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perflab.errors import LoadFailure
from perflab.load.lateness import RECORD
from perflab.load.plan import LoadPlan
from perflab.wire.rowlog import CLIENT_TIMES_OFFSET, ROW

SUFFIXES = ("rows.names", "rows", "lateness", "done.json")  # the closing record last: with it the logs are whole
PIECE_BYTES = 1 << 20
LIMIT_BYTES = 2 << 30  # of one worker's logs
CLOSING_BYTES = 64 << 10  # of its closing record, which is read whole
RECORDS_AT_ONCE = 4096
MOST_NS = 1 << 62  # of a clock: a sum with a shift still fits the log's 64 bits
_FOUR = struct.Struct("<4q")
_BEGIN = struct.Struct("<q")
_CLOCKS = ("go_ns", "begin_ns", "end_ns")
OWN_FIELDS = ("out_dir", "master", "workers", "bind", "remote_workers", "endpoints", "host", "name")


def plan_digest(plan: LoadPlan) -> str:
    """Return a digest of what all workers must agree on: the users, their times, seed and options."""
    body = {name: value for name, value in asdict(plan).items() if name not in OWN_FIELDS}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def pieces(folder: Path, index: int) -> Iterator[dict[str, Any]]:
    """Yield a worker's closed logs in pieces of at most 1 MiB, each with its place: `suffix`, `at`, `data`."""
    for suffix in SUFFIXES:
        with (folder / f"load.{index}.{suffix}").open("rb") as file:
            at = 0
            while True:
                data = file.read(PIECE_BYTES)
                if data or not at:
                    yield {"suffix": suffix, "at": at, "data": data}
                at += len(data)
                if len(data) < PIECE_BYTES:
                    break


class Receiver:
    """Puts the pieces of remote workers' logs into the master's folder, as if the workers had written there."""

    def __init__(self, folder: Path, go_ns: int) -> None:
        self._folder, self._go_ns = folder, go_ns
        self._sizes: dict[int, int] = {}

    def take(self, index: int, piece: dict[str, Any]) -> None:
        """Take the next piece of worker `index`; raises LoadFailure for one that is not what `pieces` makes.

        A piece comes from the network, so that anything may stand in it; nothing else is raised for it.
        """
        suffix, at, data = _checked(index, piece)
        self._sizes[index] = self._sizes.get(index, 0) + len(data)
        if self._sizes[index] > LIMIT_BYTES:
            raise LoadFailure(f"Worker {index} sent more than {LIMIT_BYTES >> 30} GiB of log", "", "Shorten the load")
        try:
            self._write(index, suffix, at, data)
            if suffix == SUFFIXES[-1] and len(data) < PIECE_BYTES:
                self._settle(index)
        except OSError as error:
            given = f"The log of worker {index} cannot be kept: {error.strerror or error}"
            raise LoadFailure(given, "", f"Look at {self._folder}, then run the load again") from None

    def _part(self, index: int, suffix: str) -> Path:
        return self._folder / f"part.{index}.{suffix}"

    def _whole(self, index: int, suffix: str) -> Path:
        return self._folder / f"load.{index}.{suffix}"

    def _write(self, index: int, suffix: str, at: int, data: bytes) -> None:
        if self._whole(index, SUFFIXES[-1]).exists():
            raise LoadFailure(f"Worker {index} sent more log after its closing record", "", "Run the load again")
        path = self._part(index, suffix)
        if at and not path.is_file():
            raise _missing(index)
        with path.open("wb" if at == 0 else "r+b") as file:
            if file.seek(0, os.SEEK_END) != at:
                raise _missing(index)
            file.write(data)

    def _settle(self, index: int) -> None:
        """Move the times to this machine's clock and give the logs the names that a local worker's have."""
        if not all(self._part(index, suffix).is_file() for suffix in SUFFIXES):
            raise _missing(index)
        closing = _closing(index, self._part(index, SUFFIXES[-1]))
        shift = self._go_ns - closing["go_ns"]
        for name in _CLOCKS:
            closing[name] += shift
        try:
            _move(self._part(index, "rows"), ROW.size, CLIENT_TIMES_OFFSET, _FOUR, shift)
            _move(self._part(index, "lateness"), RECORD.size, 0, _BEGIN, shift)
        except struct.error:
            raise LoadFailure(f"Worker {index} sent a time that no clock shows", "", "Update perflab there") from None
        self._part(index, SUFFIXES[-1]).write_text(json.dumps(closing), encoding="utf-8")
        for suffix in SUFFIXES:
            self._part(index, suffix).rename(self._whole(index, suffix))


def _checked(index: int, piece: Any) -> tuple[str, int, bytes]:
    """Return suffix, place and bytes of a piece that is what `pieces` makes."""
    found = piece if isinstance(piece, dict) else {}
    suffix, at, data = found.get("suffix"), found.get("at"), found.get("data")
    if not isinstance(suffix, str) or suffix not in SUFFIXES or type(at) is not int or not isinstance(data, bytes):
        raise LoadFailure(f"Worker {index} sent a piece of log that cannot be read", "", "Update perflab there")
    if index < 0 or at < 0 or len(data) > PIECE_BYTES:
        raise LoadFailure(f"Worker {index} sent a piece of log that cannot be read", "", "Update perflab there")
    if suffix == SUFFIXES[-1] and at + len(data) > CLOSING_BYTES:
        given = f"Worker {index} sent a closing record of more than {CLOSING_BYTES >> 10} KiB"
        raise LoadFailure(given, "", "Update perflab there")
    return suffix, at, data


def _missing(index: int) -> LoadFailure:
    return LoadFailure(f"A piece of the log of worker {index} is missing", "", "Run the load again")


def _closing(index: int, path: Path) -> dict[str, Any]:
    """Return a worker's closing record, with the fields that are read of it; raises LoadFailure."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):  # no UTF-8, no JSON, a number without end, or brackets without end
        found = None
    if (
        not isinstance(found, dict)
        or not all(_is_time(found.get(name)) for name in _CLOCKS)
        or type(found.get("rows")) is not int
        or not isinstance(found.get("failure"), str)
        or not isinstance(found.get("notes"), dict)
    ):
        raise LoadFailure(f"The closing record of worker {index} cannot be read", "", "Update perflab there")
    return found


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value < MOST_NS


def _move(path: Path, size: int, offset: int, times: struct.Struct, shift: int) -> None:
    """Add `shift` to the times (0 = did not happen) at `offset` of every whole record of `size` bytes, in chunks."""
    with path.open("r+b") as file:
        while raw := bytearray(file.read(size * RECORDS_AT_ONCE)):
            for start in range(offset, len(raw) - size + 1 + offset, size):
                values = times.unpack_from(raw, start)
                times.pack_into(raw, start, *(value + shift if value else 0 for value in values))
            file.seek(-len(raw), os.SEEK_CUR)
            file.write(raw)
