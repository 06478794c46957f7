"""Row logs into frames, marks of other processes beside units, and the times computed from them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.errors import RunCorrupt, UsageError
from perflab.samples.join import join_marks
from perflab.samples.rows import name_marks, read_row_log
from perflab.samples.spans import lateness, reconcile, stage_times, sum_times
from perflab.wire.rowlog import RowLog

MS = 1_000_000
LIVE = ["rx_first", "last_voiced_rx", "end_detected", "tool_tx", "tool_rx", "first_tx", "last_tx", "think"]


def write_log(path, rows):
    with RowLog(path) as log:
        for user, seq, marks in rows:
            log.append("service", "live", user=user, seq=seq, marks=[*marks, *[0] * (8 - len(marks))])
    return path


def units(*rows):
    columns = ["kind", "user", "seq", "start_ns", "first_ns", "end_ns", "intended_ns"]
    return pd.DataFrame([(*row, 0) for row in rows], columns=columns)


def test_log_reads_back_with_names_and_marks(tmp_path):
    path = tmp_path / "load.rows"
    with RowLog(path, worker=3) as log:
        log.append(
            "turn", "VoiceUser", tag="voice", user=5, seq=2, outcome="interrupted", start_ns=2**61, marks=range(8)
        )
        log.append("request", "GET /x", tag="simple", status=200, bytes_down=17)
    frame = read_row_log(path, ["gw_rx_first", "gw_rx_last"])
    assert frame["name"].tolist() == ["VoiceUser", "GET /x"] and frame["tag"].tolist() == ["voice", "simple"]
    assert frame["outcome"].tolist() == ["interrupted", "ok"] and frame["worker"].tolist() == [3, 3]
    assert frame["start_ns"].tolist() == [2**61, 0] and frame["gw_rx_last"].tolist() == [1, 0]
    assert not [c for c in frame.columns if c.startswith("mark")]


def test_names_with_a_carriage_return_keep_their_places(tmp_path):
    path = tmp_path / "load.rows"
    with RowLog(path) as log:
        log.append("request", "GET /a\rb", tag="t")
        log.append("request", "GET /c", tag="u")
    frame = read_row_log(path)
    assert frame["name"].tolist() == ["GET /a\rb", "GET /c"] and frame["tag"].tolist() == ["t", "u"]


def test_a_log_without_marks_joins_nothing(tmp_path):
    log = read_row_log(write_log(tmp_path / "live.rows", [(1, 1, [5]), (1, 2, [6])]), [])
    given = units(("turn", 1, 1, 0, 0, 0), ("turn", 1, 3, 0, 0, 0))
    assert join_marks(given, {"live": (log, [])}).equals(given)


def test_log_cut_off_in_a_row_reads_up_to_the_last_whole_one(tmp_path):
    path = write_log(tmp_path / "live.rows", [(1, 1, [5]), (1, 2, [6])])
    path.write_bytes(path.read_bytes()[:-1])
    assert read_row_log(path, LIVE)["rx_first"].tolist() == [5]
    path.write_bytes(b"")
    assert len(read_row_log(path, LIVE)) == 0


def test_log_that_is_none(tmp_path):
    with pytest.raises(UsageError, match="no row log"):
        read_row_log(tmp_path / "absent.rows")
    path = write_log(tmp_path / "live.rows", [(1, 1, [5])])
    path.with_name("live.rows.names").unlink()
    with pytest.raises(RunCorrupt, match="names"):
        read_row_log(path)
    path.write_bytes(b"\xff" * 136)
    with pytest.raises(RunCorrupt):
        read_row_log(path)
    with pytest.raises(UsageError, match="9 marks"):
        name_marks(pd.DataFrame(), ["m"] * 9)


def test_join_is_by_user_and_seq_and_only_for_the_unit_of_work(tmp_path):
    log = read_row_log(write_log(tmp_path / "l.rows", [(2, 1, [21]), (1, 1, [11]), (1, 2, [12]), (1, 2, [13])]))
    rows = units(("turn", 1, 1, 1, 1, 1), ("request", 2, 1, 1, 1, 1), ("turn", 2, 1, 1, 1, 1), ("turn", 1, 2, 1, 1, 1),
                 ("turn", 9, 9, 1, 1, 1))  # fmt: skip
    joined = join_marks(rows, {"live": (log, LIVE), "codegen": (name_marks(log, ["rx"]), ["rx"])}, [])
    assert joined["live.rx_first"].tolist() == [11, 0, 21, 0, 0]  # 1/2 is known twice, 9/9 never
    assert joined["codegen.rx"].tolist() == [11, 0, 21, 0, 0] and joined["live.rx_first"].dtype == np.int64
    assert "live.rx_first" not in rows.columns


def test_join_refuses_rows_of_two_trials_and_logs_without_the_marks(tmp_path):
    log = read_row_log(write_log(tmp_path / "l.rows", [(1, 1, [1])]), ["rx"])
    twice = units(("turn", 1, 1, 1, 1, 1), ("turn", 1, 1, 2, 2, 2))
    with pytest.raises(UsageError, match="one trial at a time"):
        join_marks(twice, {"live": (log, ["rx"])})
    assert len(join_marks(twice, {})) == 2  # nothing to tell apart
    with pytest.raises(UsageError, match="codegen"):
        join_marks(units(("turn", 1, 1, 1, 1, 1)), {"codegen": (log, ["tx"])})


def test_join_with_an_empty_log_gives_zeros():
    log = pd.DataFrame({"user": [], "seq": [], "mark0_ns": []})
    assert join_marks(units(("turn", 1, 1, 1, 1, 1)), {"live": (log, ["rx"])})["live.rx"].tolist() == [0]


def span_sum(name, plus, minus, minus_ms=0.0, check="", check_ms=0.0, role="", durations=()):
    return SimpleNamespace(name=name, plus=plus, minus=minus, minus_ms=minus_ms, check=check, check_ms=check_ms,
                           role=role, durations=durations)  # fmt: skip


STAGE = SimpleNamespace(name="up", from_="start", to="gw_rx_last", owner="other", inside="")
ADDED = span_sum("added", ["first", "live.end_detected", "live.tool_rx", "codegen.rx"],
                 ["start", "live.first_tx", "live.tool_tx", "codegen.tx"], 300, "own", 2.0)  # fmt: skip
ADDED.optional = ("codegen.rx", "codegen.tx")
OWN = span_sum("own", ["up_tx_last", "gw_tx_first"], ["gw_rx_last", "up_rx_first"])


def turn(rx, end_detected, tool, codegen, first_tx, first):
    """One turn; all times in ms after its start, 0 = did not happen; `tool` and `codegen` are (begin, end)."""
    base = 10**15
    names = ["gw_rx_last", "up_tx_last", "live.end_detected", "live.tool_tx", "live.tool_rx", "codegen.rx",
             "codegen.tx", "live.first_tx", "up_rx_first", "gw_tx_first", "first_ns"]  # fmt: skip
    values = [rx, rx + 2 if rx else 0, end_detected, *tool, *codegen, first_tx, first - 3, first - 1, first]
    row = {name: base + round(v * MS) if v else 0 for name, v in zip(names, values, strict=True)}
    return {"kind": "turn", "start_ns": base, **row}


TURNS = pd.DataFrame([
    turn(1, 304, (0, 0), (0, 0), 700, 704),  # no tool: 304 up to the end of turn, 4 down, 300 of silence
    turn(1, 304, (400, 900), (402, 897), 1200, 1204),  # a tool of 500 ms, 495 of them in the code generator
    turn(1, 304, (400, 0), (402, 897), 700, 704),  # tool response lost
    turn(1, 0, (0, 0), (0, 0), 0, 704),  # the stand-in's row is lost
    turn(0, 304, (0, 0), (0, 0), 700, 704),  # a gateway mark is missing
])  # fmt: skip
SPANS = SimpleNamespace(stage=[STAGE], sum=[ADDED, OWN])


def test_stage_is_nan_where_a_mark_is_missing():
    times = stage_times(TURNS, SPANS)["up"]
    assert times.tolist()[:4] == [1.0] * 4 and np.isnan(times[4])


def test_sum_takes_tools_where_they_happened_and_nothing_where_not():
    added = sum_times(TURNS, SPANS)["added"]
    assert added[:2].tolist() == [8.0, 13.0] and added[4] == 8.0
    assert added[2:4].isna().all()


def test_two_clocks_are_reconciled_unit_by_unit():
    spans = SimpleNamespace(stage=[], sum=[ADDED, OWN])
    (found,) = reconcile(TURNS, spans)  # own: 4 in each turn, against 8 and 13
    assert (found.name, found.against, found.n) == ("added", "own", 2)
    assert found.median_ms == pytest.approx(6.5) and not found.holds
    assert reconcile(TURNS[3:4], spans)[0].holds is False  # nothing to compare is no agreement


LATE = span_sum("late", ["live.first_tx", "live.tool_tx"], ["live.end_detected", "live.tool_rx"], check_ms=20.0,
                role="world", durations=["live.think"])  # fmt: skip
TOOL_LATE = span_sum("tool_late", ["codegen.tool_tx"], ["codegen.tool_rx"], check_ms=20.0, role="world",
                     durations=["codegen.think"])  # fmt: skip
WORLD = SimpleNamespace(stage=[], sum=[ADDED, LATE, TOOL_LATE])


def answered(late_ms, tool_ms=0.0, think_ms=None):
    """One row for each lateness: heard at 304 ms, a tool call of `tool_ms`, 1 ms of it later than it was drawn."""
    n, base = len(late_ms), 10**15
    think = np.round((300.0 + np.arange(n) if think_ms is None else np.full(n, think_ms)) * MS).astype(np.int64)
    called = base + 304 * MS + think + np.round(np.array(late_ms) * MS).astype(np.int64)
    used = round(tool_ms * MS)
    return pd.DataFrame({
        "kind": "turn", "start_ns": base, "first_ns": called + used + 2 * MS, "live.end_detected": base + 304 * MS,
        "live.tool_tx": called if used else 0, "live.tool_rx": called + used if used else 0,
        "live.first_tx": called + used, "live.think": think,
        "codegen.tool_rx": called + MS if used else 0, "codegen.tool_tx": called + used - MS if used else 0,
        "codegen.think": max(used - 3 * MS, 0), "codegen.rx": called, "codegen.tx": called,
    })  # fmt: skip


def test_the_world_is_late_by_what_it_took_beyond_its_draw_and_its_wait_for_a_tool():
    late = np.linspace(0.0, 9.9, 100)
    (seen,) = lateness(answered(late), WORLD)  # no turn called a tool: nothing is known of that stand-in
    assert (seen.name, seen.n, seen.limit_ms) == ("late", 100, 20.0)
    assert seen.p99_ms == pytest.approx(np.quantile(late, 0.99), abs=1e-5)
    own, tool = lateness(answered(late, tool_ms=120.0), WORLD)
    assert own.p99_ms == pytest.approx(seen.p99_ms, abs=1e-5)  # the tool's time is not the stand-in's
    assert (tool.name, tool.n) == ("tool_late", 100) and tool.p99_ms == pytest.approx(1.0)


def test_the_distance_of_distributions_is_that_of_the_same_turns():
    (on_time,) = lateness(answered(np.zeros(200)), WORLD)
    (late,) = lateness(answered(np.full(200, 10.5)), WORLD)  # drawn a millisecond apart: eleven of 200 change places
    assert on_time.ks == 0.0 and late.ks == pytest.approx(11 / 200)
    (same,) = lateness(answered(np.full(200, 10.5), think_ms=0.0), WORLD)
    assert np.isnan(same.ks) and same.p99_ms == pytest.approx(10.5)  # a think time of zero is one


def test_a_world_whose_rows_are_lost_is_not_known_to_be_on_time():
    gone = answered(np.zeros(10)).assign(**{"live.first_tx": 0})
    (seen,) = lateness(gone, WORLD)
    assert seen.n == 0 and np.isnan(seen.p99_ms)


def test_a_sum_of_tool_marks_alone_is_nothing_in_a_turn_without_a_tool():
    both = pd.concat([answered([1.0]), answered([1.0], tool_ms=120.0)], ignore_index=True)
    assert np.isnan(sum_times(both, WORLD)["tool_late"][0]) and sum_times(both, WORLD)["tool_late"][1] == 1.0


def test_wrong_spans_are_named():
    for broken, message in [
        (SimpleNamespace(stage=[], sum=[span_sum("s", ["first"], [])]), "adds 1 marks"),
        (SimpleNamespace(stage=[], sum=[span_sum("s", ["first"], ["nowhere"])]), "'nowhere'"),
        (SimpleNamespace(stage=[], sum=[span_sum("s", ["first"], ["start"], check="gone")]), "'gone'"),
    ]:
        with pytest.raises(UsageError, match=message):
            reconcile(TURNS, broken) if "gone" in message else sum_times(TURNS, broken)
