"""The readers: what they read, what they leave out, and one clear line for what is no trace."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perflab.cache.dense import dense_ids
from perflab.cache.readers.oracle_general import RECORD
from perflab.cache.readers.registry import read_trace, readers
from perflab.cache.trace import dense_trace, trace_of
from perflab.errors import UsageError

LOG = """10.0.0.1 - ann [10/Oct/2026:13:55:37 +0000] "GET /a?x=1 HTTP/1.1" 200 512 "-" "agent \\"quoted\\""
10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /b HTTP/1.1" 200 9
10.0.0.2 - - [10/Oct/2026:13:55:38 +0000] "POST /a?x=1 HTTP/1.1" 201 5
10.0.0.2 - - [10/Oct/2026:13:55:39 +0000] "GET /a?x=1 HTTP/1.1" 304 -
10.0.0.2 - - [10/Oct/2026:13:55:40 +0000] "GET /missing HTTP/1.1" 404 20
10.0.0.2 - - [10/Oct/2026:13:55:41 +0000] "HEAD /b HTTP/1.1" 200 -
"""


def put(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def records(rows: list[tuple[int, int, int, int]]) -> bytes:
    return np.array(rows, RECORD).tobytes()


def test_oracle_general_is_read_to_the_byte(tmp_path: Path) -> None:
    file = put(tmp_path, "t.oracleGeneral", records([(5, 2**63 + 1, 100, 2), (6, 7, 0, -1), (7, 2**63 + 1, 200, -1)]))
    trace = read_trace(file)
    assert trace.ids.tolist() == [0, 0] and trace.objects == 1 and trace.skipped == 1
    assert trace.sizes is not None and trace.sizes.tolist() == [100, 200]
    assert trace.times is not None and trace.times.tolist() == [5.0, 7.0]
    assert read_trace(file, sizes=False).sizes is None


def test_lirs_text_is_read_with_its_marks(tmp_path: Path) -> None:
    trace = read_trace(put(tmp_path, "loop.trc", "7\n8\n*\n\n7\n"))
    assert trace.ids.tolist() == [0, 1, 0] and trace.skipped == 1 and trace.name == "loop.trc"


def test_csv_finds_its_columns(tmp_path: Path) -> None:
    trace = read_trace(put(tmp_path, "t.csv", 'time,Key,bytes,extra\n1.5,"a,b",10,x\n2.5,c,20,y\n2.5,"a,b",10,\n'))
    assert trace.ids.tolist() == [0, 1, 0]
    assert trace.sizes is not None and trace.sizes.tolist() == [10, 20, 10]
    assert trace.times is not None and trace.times.tolist() == [1.5, 2.5, 2.5]
    assert read_trace(put(tmp_path, "u.csv", "id\n1\n2\n")).sizes is None


def test_unlike_names_stay_unlike_and_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    latin = "url\ncafé\ncafè\ncafê\ncafé\n".encode("latin-1")
    assert read_trace(put(tmp_path, "latin.csv", latin)).ids.tolist() == [0, 1, 2, 0]
    marked = read_trace(put(tmp_path, "marked.csv", b"\xef\xbb\xbfsize,key\n7,a\n8,b\n"))
    assert marked.sizes is not None and marked.sizes.tolist() == [7, 8]


def test_access_log_keeps_what_a_cache_would_answer(tmp_path: Path) -> None:
    trace = read_trace(put(tmp_path, "access.log", LOG))
    assert trace.ids.tolist() == [1, 0, 0, 1]  # /b came first by time; numbers are by line
    assert trace.sizes is not None and trace.sizes.tolist() == [9, 512, 512, 9]
    assert trace.skipped == 2 and trace.objects == 2
    assert trace.times is not None and np.diff(trace.times).tolist() == [1.0, 2.0, 2.0]


def test_access_log_bears_a_line_that_a_rotation_cut(tmp_path: Path) -> None:
    trace = read_trace(put(tmp_path, "access.log", LOG + "10.0.0.2 - - [10/Oct/2026:13:55:4"))
    assert trace.requests == 4 and trace.skipped == 3
    with pytest.raises(UsageError, match="3 of 9 lines that are no log lines, the first 'x' in line 7"):
        read_trace(put(tmp_path, "bad.log", LOG + "x\ny\nz\n"))


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "cut short": ("t.oracleGeneral", records([(1, 2, 3, 4)])[:-5], "0 records of 24 bytes and 19 bytes more"),
    "only empty objects": ("t.oracleGeneral", records([(1, 2, 0, 4)]), "only requests of 0 bytes"),
    "back in time": ("t.oracleGeneral", records([(9, 2, 1, 4), (8, 2, 1, 4)]), "runs backwards in time at request 2"),
    "empty": ("t.csv", b"", "is empty"),
    "zstd": ("t.oracleGeneral", b"\x28\xb5\x2f\xfd" + bytes(44), "zstd -d"),
    "gzip": ("access.log", gzip.compress(b"x"), "gunzip"),
    "header alone": ("t.csv", "key,size\n", "holds 0 requests"),
    "no object column": ("t.csv", "a,b\n1,2\n", "one of object, key"),
    "two object columns": ("t.csv", "id,time,url\n1,1,/a\n2,2,/a\n", "and not several"),
    "odd bytes": ("t.csv", b"key,size\n\xe9,\xe8\n", "size '?' in line 2"),
    "field missing": ("t.csv", "key,size\na,1\nb\n", "in line 3"),
    "object missing": ("t.csv", "key,size\n,1\n", "in line 2"),
    "size of zero": ("t.csv", "key,size\na,0\n", "size '0' in line 2"),
    "size negative": ("t.csv", "key,size\na,-1\n", "size '-1' in line 2"),
    "size hostile": ("t.csv", "key,size\na," + "9" * 5_000 + "\n", "in line 2"),
    "time no number": ("t.csv", "key,time\na,nan\n", "time 'nan' in line 2"),
    "time backwards": ("t.csv", "key,time\na,2\nb,1\n", "runs backwards"),
    "quote open": ("t.csv", 'key\n"a\n', "in line 2"),
    "binary as text": ("t.csv", b"key\na\0b\n", "a zero byte in line 2"),
    "endless line": ("t.lirs", b"1\n" + b"7" * 70_000, "more than 65536 bytes in line 2"),
    "no number": ("t.lirs", "1\nx\x1b[31m\n", "'x?[31m' in line 2"),
    "number too large": ("t.lirs", "9" * 30 + "\n", "in line 1"),
    "marks alone": ("t.lirs", "*\n*\n", "holds 0 requests"),
    "no log": ("access.log", "hello\n", "no log lines"),
    "log without GET": ("access.log", LOG.splitlines()[2] + "\n", "no successful GET"),
    "no suffix known": ("t.xyz", "1\n", "formats are"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_trace_is_one_clear_line(case: str, tmp_path: Path) -> None:
    name, content, told = BAD[case]
    with pytest.raises(UsageError) as raised:
        read_trace(put(tmp_path, name, content))
    message = str(raised.value)
    assert told in message and "\n" not in message and message.isprintable() and len(message) < 500


def test_missing_file_and_unknown_format_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_trace(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_trace(tmp_path, "csv")
    with pytest.raises(UsageError, match=r"Trace format 'parquet'.*oracle-general"):
        read_trace(tmp_path / "none.csv", "parquet")
    assert set(readers()) == {"oracle-general", "lirs", "csv", "access-log"}


@example(content=b"\t", kind="csv")
@example(content=b"\n \n", kind="lirs")
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), kind=st.sampled_from(["oracle-general", "lirs", "csv", "access-log"]))
def test_any_bytes_are_a_trace_or_one_line(content: bytes, kind: str, tmp_path_factory: Any) -> None:
    file = put(tmp_path_factory.getbasetemp(), "any.bin", content)
    try:
        trace = read_trace(file, kind)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert trace.requests >= 1 and 0 <= trace.ids.min() <= trace.ids.max() < trace.objects


@settings(max_examples=40, deadline=None)
@given(raw=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=300))
def test_ids_are_renamed_by_appearance(raw: list[int]) -> None:
    ids, objects = dense_ids(np.array(raw, np.uint64))
    order = list(dict.fromkeys(raw))
    assert objects == len(order) and [order[i] for i in ids] == raw


def test_many_ids_are_renamed_while_the_table_grows() -> None:
    raw = np.arange(50_000, dtype=np.uint64) * np.uint64(2**20)
    ids, objects = dense_ids(np.concatenate([raw, raw[::-1]]))
    assert (
        objects == 50_000 and (ids[:50_000] == np.arange(50_000)).all() and (ids[50_000:] == ids[:50_000][::-1]).all()
    )


def test_arrays_that_are_no_trace_are_told() -> None:
    wrong: list[Any] = [
        lambda: trace_of("t", []),
        lambda: trace_of("t", [[1, 2]]),
        lambda: trace_of("t", [1.5]),
        lambda: trace_of("t", [1], [0]),
        lambda: trace_of("t", [1], [2**41]),
        lambda: trace_of("t", [1], [1, 2]),
        lambda: trace_of("t", [1, 2], times=[1.0, float("inf")]),
        lambda: trace_of("t", [1, 2], times=[2.0, 1.0]),
        lambda: trace_of("t", np.zeros(1 << 22, np.int32), sizes=np.full(1 << 22, 1 << 40)),  # 2^62 bytes
        lambda: dense_trace("t", [0, 5], 5),
        lambda: dense_trace("t", [-1], 5),
        lambda: trace_of("t", [1, 2]).head(3),
    ]
    for call in wrong:
        with pytest.raises(UsageError) as raised:
            call()
        assert "\n" not in str(raised.value)
