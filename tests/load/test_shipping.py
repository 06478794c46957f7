"""Logs on their way from another machine: whole and moved to our clock, or one LoadFailure, whatever arrives."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import LoadFailure
from perflab.load.collect import read_closing, read_rows
from perflab.load.lateness import RECORD
from perflab.load.shipping import CLOSING_BYTES, PIECE_BYTES, SUFFIXES, Receiver, pieces
from perflab.wire.rowlog import ROW, RowLog

CLOSING = {"go_ns": 1000, "begin_ns": 1001, "end_ns": 9000, "rows": 3, "failure": "", "notes": {}}
SHIFT = 4000


def logs(folder: Path, index: int = 1, rows: int = 3) -> Path:
    """Write what a worker leaves behind."""
    folder.mkdir()
    with RowLog(folder / f"load.{index}.rows", index) as log:
        for seq in range(rows):
            log.append("turn", "speak", seq=seq, intended_ns=2000 + seq, start_ns=2001, first_ns=0, end_ns=3000)
    (folder / f"load.{index}.lateness").write_bytes(
        RECORD.pack(1500, *[0] * (len(RECORD.unpack(bytes(RECORD.size))) - 1))
    )
    (folder / f"load.{index}.done.json").write_text(json.dumps(CLOSING | {"rows": rows}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("rows", [0, 3, 9000])  # 9,000 rows are more than one piece and more than one chunk
def test_logs_arrive_whole_on_the_clock_of_the_master(tmp_path: Path, rows: int) -> None:
    far, near = logs(tmp_path / "far", rows=rows), tmp_path / "near"
    near.mkdir()
    receiver = Receiver(near, 1000 + SHIFT)
    for piece in pieces(far, 1):
        receiver.take(1, piece)
    seen, sent = read_rows([near / "load.1.rows"]), read_rows([far / "load.1.rows"])
    assert (seen["intended_ns"] == sent["intended_ns"] + SHIFT).all() and (seen["first_ns"] == 0).all()
    assert len(seen["seq"]) == rows
    assert RECORD.unpack((near / "load.1.lateness").read_bytes())[0] == 1500 + SHIFT
    closing = read_closing(near, 1)
    assert closing and closing["end_ns"] == 9000 + SHIFT and not list(near.glob("part.*"))


def one(suffix: Any, data: Any, at: Any = 0) -> dict[str, Any]:
    return {"suffix": suffix, "at": at, "data": data}


HOSTILE: list[Any] = [
    None, [], "text", {}, {"suffix": "rows"}, one("../rows", b""), one([], b""), one("rows", "text"),
    one("rows", b"x", -1), one("rows", b"x", True), one("rows", b"x", 7), one("rows", b"x", 1 << 80),
    one("rows", bytes(PIECE_BYTES + 1)), one("rows", b"\xff" * ROW.size), one("rows", b"half a row"),
    one("lateness", b"\x7f" * RECORD.size), one("rows.names", b"\xff\xfe"),
    one("done.json", b"\xff"), one("done.json", b""), one("done.json", b"{}"), one("done.json", b"[]"),
    one("done.json", b"1"), one("done.json", b"[" * 60_000), one("done.json", b" " * (CLOSING_BYTES + 1)),
    one("done.json", b"1" * 5_000), one("done.json", b"x", 60_000),
    *(one("done.json", json.dumps(CLOSING | change).encode()) for change in (
        {"go_ns": None}, {"go_ns": "5"}, {"go_ns": float("nan")}, {"begin_ns": 1 << 70}, {"end_ns": -(1 << 63)},
        {"rows": "3"}, {"failure": None}, {"notes": []}, {},
    )),
]  # fmt: skip


def take_all(folder: Path, index: int, arriving: list[Any]) -> list[str]:
    """Hand over all pieces; return what was said of those that were refused."""
    receiver, said = Receiver(folder, 5000), []
    for piece in arriving:
        try:
            receiver.take(index, piece)
        except LoadFailure as failure:
            said.append(str(failure))
    return said


@pytest.mark.parametrize("number", range(len(HOSTILE) - 1))
def test_a_hostile_piece_is_one_clear_failure(tmp_path: Path, number: int) -> None:
    rest = [one("rows.names", b""), one("rows", b""), one("lateness", b""), one("done.json", b"{}")]
    said = take_all(tmp_path, 1, [*rest[:3], HOSTILE[number], rest[3]])
    assert said and all(line.count("\n") == 0 and "orker 1" in line for line in said)
    assert not list(tmp_path.glob("load.*"))


@settings(max_examples=60, deadline=None)
@given(st.integers(-1, 2), st.lists(st.sampled_from(HOSTILE), max_size=6), st.randoms(use_true_random=False))
def test_whatever_arrives_only_a_load_failure_comes_out(index: int, bad: list[Any], order: random.Random) -> None:
    with tempfile.TemporaryDirectory() as text:
        arriving = [*pieces(logs(Path(text) / "far"), 1), *bad]
        order.shuffle(arriving)
        (Path(text) / "near").mkdir()
        take_all(Path(text) / "near", index, arriving)


def test_nothing_is_taken_after_the_closing_record(tmp_path: Path) -> None:
    far, near = logs(tmp_path / "far"), tmp_path / "near"
    near.mkdir()
    assert take_all(near, 1, list(pieces(far, 1))) == []
    before = (near / "load.1.rows").read_bytes()
    assert "after its closing record" in take_all(near, 1, [one("rows", b"again")])[0]
    assert (near / "load.1.rows").read_bytes() == before


def test_logs_without_one_of_their_files_are_missing_a_piece(tmp_path: Path) -> None:
    arriving = [one(suffix, b"") for suffix in SUFFIXES[:2]] + [one("done.json", json.dumps(CLOSING).encode())]
    assert take_all(tmp_path, 1, arriving) == ["A piece of the log of worker 1 is missing. Run the load again."]


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    assert "cannot be kept" in take_all(tmp_path / "gone", 1, [one("rows", b"")])[0]
