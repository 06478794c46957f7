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
_FOUR = struct.Struct("<4q")
_BEGIN = struct.Struct("<q")
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
        """Take the next piece of worker `index`; raises LoadFailure for one that is not what `pieces` makes."""
        suffix, at, data = piece.get("suffix"), piece.get("at"), piece.get("data")
        if suffix not in SUFFIXES or not isinstance(at, int) or not isinstance(data, bytes) or index < 0:
            raise LoadFailure(f"Worker {index} sent a piece of log that cannot be read", "", "Update perflab there")
        self._sizes[index] = self._sizes.get(index, 0) + len(data)
        if self._sizes[index] > LIMIT_BYTES:
            raise LoadFailure(f"Worker {index} sent more than {LIMIT_BYTES >> 30} GiB of log", "", "Shorten the load")
        path = self._part(index, suffix)
        with path.open("wb" if at == 0 else "r+b") as file:
            if file.seek(0, os.SEEK_END) != at:
                raise LoadFailure(f"A piece of the log of worker {index} is missing", "", "Run the load again")
            file.write(data)
        if suffix == SUFFIXES[-1] and len(data) < PIECE_BYTES:
            self._settle(index)

    def _part(self, index: int, suffix: str) -> Path:
        return self._folder / f"part.{index}.{suffix}"

    def _settle(self, index: int) -> None:
        """Move the times to this machine's clock and give the logs the names that a local worker's have."""
        closing = json.loads(self._part(index, SUFFIXES[-1]).read_bytes())
        shift = self._go_ns - int(closing["go_ns"])
        for name in ("go_ns", "begin_ns", "end_ns"):
            closing[name] += shift
        _move(self._part(index, "rows"), ROW.size, CLIENT_TIMES_OFFSET, _FOUR, shift)
        _move(self._part(index, "lateness"), RECORD.size, 0, _BEGIN, shift)
        self._part(index, SUFFIXES[-1]).write_text(json.dumps(closing), encoding="utf-8")
        for suffix in SUFFIXES:
            self._part(index, suffix).rename(self._folder / f"load.{index}.{suffix}")


def _move(path: Path, size: int, offset: int, times: struct.Struct, shift: int) -> None:
    """Add `shift` to the times (0 = did not happen) at `offset` of every whole record of `size` bytes."""
    raw = bytearray(path.read_bytes())
    for start in range(offset, len(raw) - size + 1 + offset, size):
        values = times.unpack_from(raw, start)
        times.pack_into(raw, start, *(value + shift if value else 0 for value in values))
    path.write_bytes(raw)
