"""The store: what enters, that it enters once, and that one damaged file costs one run."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from perflab.errors import UsageError
from perflab.findings.finding import Effect
from perflab.history.extract import rows_of
from perflab.history.row import key_of
from perflab.history.store import HistoryStore
from tests.history.runs import FINGERPRINT, comparison, make_run, target


def test_rows_read_back_as_they_were_extracted(tmp_path):
    run, store = make_run(tmp_path, 1), HistoryStore(tmp_path)
    assert store.add(run) == 3
    rows, problems = store.rows()
    assert rows == rows_of(run) and problems == []
    assert {(r.metric, r.variant, r.unit) for r in rows} == {
        ("CPU per turn", "baseline", "ms"), ("CPU per turn", "optimised", "ms"),
        ("CPU per turn, against baseline", "optimised", "ratio"),
    }  # fmt: skip


def test_adding_twice_changes_nothing_and_order_is_that_of_time(tmp_path):
    store = HistoryStore(tmp_path)
    runs = [make_run(tmp_path, number) for number in (3, 1, 2)]
    assert [store.add(run) for run in runs] == [3, 3, 3]
    before = {path.name: path.read_bytes() for path in store.folder.iterdir()}
    assert store.add(runs[0]) == 0
    assert {path.name: path.read_bytes() for path in store.folder.iterdir()} == before
    rows, _ = store.rows("metric = ? AND variant = ?", ("CPU per turn", "baseline"))
    assert [row.time.hour for row in rows] == [1, 2, 3]


def test_rebuild_reads_every_finished_run_and_keeps_what_has_no_run_any_more(tmp_path):
    store = HistoryStore(tmp_path)
    make_run(tmp_path, 1)
    make_run(tmp_path, 2, status="interrupted")
    make_run(tmp_path, 3, planted="late=40")
    store.folder.mkdir(parents=True)
    (store.folder / "20250101T000000Z-quick-0000.parquet").write_bytes(b"of a run that was deleted")
    written, problems = store.rebuild()
    assert written == 1 and len(problems) == 2
    assert len(list(store.folder.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"PAR1 nothing", None])
def test_a_damaged_file_is_one_line_and_the_rest_is_used(tmp_path, damage):
    store = HistoryStore(tmp_path)
    runs = [make_run(tmp_path, number) for number in (1, 2)]
    for run in runs:
        store.add(run)
    path = store.path(runs[0].id)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] if damage is None else damage)
    rows, problems = store.rows()
    assert {row.run_id for row in rows} == {runs[1].id}
    assert len(problems) == 1 and path.name in problems[0] and "--rebuild" in problems[0] and "\n" not in problems[0]


def test_a_foreign_file_never_reaches_a_series_as_something_else(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    store = HistoryStore(tmp_path)
    store.add(make_run(tmp_path, 1))
    good = pq.read_table(next(store.folder.iterdir()))
    words = good.set_column(good.schema.get_field_index("value"), "value", pa.array(["fast"] * len(good)))
    pq.write_table(words, store.folder / "words.parquet")
    pq.write_table(pa.table({"x": [1]}), store.folder / "other.parquet")
    rows, problems = store.rows()
    assert len(rows) == 3 and all(isinstance(row.value, float) for row in rows)
    assert sorted(line.split()[0] for line in problems) == ["other.parquet", "words.parquet"]


def test_a_file_beyond_all_reason_is_not_opened(tmp_path, monkeypatch):
    store = HistoryStore(tmp_path)
    store.add(make_run(tmp_path, 1))
    monkeypatch.setattr("perflab.history.store.MOST_BYTES", 100)
    rows, problems = store.rows()
    assert rows == [] and "larger than" in problems[0]


@pytest.mark.parametrize("run_id", ["../outside", "a/b", "", ".hidden", "x" * 200])
def test_a_run_id_that_is_no_plain_name_is_refused(tmp_path, run_id):
    with pytest.raises(UsageError, match="plain name"):
        HistoryStore(tmp_path).path(run_id)


@pytest.mark.parametrize(
    ("changes", "said"), [({"status": "broken"}, "only a finished run"), ({"planted": "late=40"}, "honest runs")]
)
def test_what_must_not_enter_says_why(tmp_path, changes, said):
    with pytest.raises(UsageError, match=said):
        HistoryStore(tmp_path).add(make_run(tmp_path, 1, **changes))


def test_an_empty_store_has_no_rows(tmp_path):
    assert HistoryStore(tmp_path).rows() == ([], [])


def test_medians_of_blocks_carry_their_order_statistic_interval(tmp_path):
    run = make_run(tmp_path, 1, [comparison([10.0, 11, 12, 13, 14, 15], [5.0, 5, 5, 6, 6, 6])])
    row = next(r for r in rows_of(run) if r.variant == "baseline")
    assert (row.value, row.low, row.high, row.n) == (12.5, 10.0, 15.0, 6)


def test_equal_readings_of_many_targets_are_one_figure_and_unlike_ones_are_named_apart(tmp_path):
    findings = [target("S-1", "latency", 100.0), target("S-2", "latency", 100.0)]
    assert [r.metric for r in rows_of(make_run(tmp_path, 1, findings))] == ["latency"]
    findings.append(target("S-3", "latency", 40.0))
    rows = rows_of(make_run(tmp_path, 2, findings))
    assert [(r.metric, r.value) for r in rows] == [("latency (S-1)", 100.0), ("latency (S-3)", 40.0)]


def test_what_was_confirmed_enters_and_what_was_screened_does_not(tmp_path):
    flag = {"flag": "cache=l1", "base": "4.1 ms", "with it": "2 ms"}
    own = (
        "120 requests/s by Zipf's law for 300 reads, and 5 % writes among them; a miss opens the file anew, every time"
    )
    confirmed = comparison([1.0], [0.5], variant="baseline+cache=l1", details=flag, stage="confirmed", condition=own)
    screened = comparison([1.0], [0.5], variant="baseline+json=fast", details=flag, stage="screened")
    (row,) = rows_of(make_run(tmp_path, 1, [confirmed, screened]))
    assert (row.metric, row.value, row.condition) == ("CPU per turn, against baseline", 0.5, own)
    label = key_of(row).label
    assert label.startswith("CPU per turn, against baseline [baseline+cache=l1, 120 requests/s") and len(label) < 140


def test_direction_comes_from_the_target_file_else_from_the_unit(tmp_path, root):
    findings = [target("N-3", "note_rate", 700.0, "requests/min"), target("X", "held", 50.0, "users")]
    system = str(root / "tests/systems/notes/notes.toml")
    for path in (system, "gone.toml"):
        rows = rows_of(make_run(tmp_path / path.replace("/", "_"), 1, findings, system=path))
        assert {r.metric: r.lower_is_better for r in rows} == {"note_rate": False, "held": False}


@pytest.mark.parametrize(("operator", "lower"), [("<", True), ("<=", True), (">", False), (">=", False)])
def test_direction_comes_from_the_objective_that_was_judged_when_its_file_is_gone(tmp_path, operator, lower):
    objective = target("S-1", "fill", 3.0, "%/h", claim=f"fill {operator} 5 %/h: all of it.")
    late = target("S-2", "lag", 3.0, "s", claim=f"lag p95 {operator} 5 s: all of it.")
    rows = rows_of(make_run(tmp_path, 1, [objective, late], system="gone.toml"))
    assert {row.metric: row.lower_is_better for row in rows} == {"fill": lower, "lag": lower}


@pytest.mark.parametrize(
    ("metric", "unit", "lower"),
    [
        ("video", "frames/s", False), ("capacity", "sessions/core", False), ("done", "queries/min", False),
        ("frames_per_s", "", False), ("audio throughput", "MB", False), ("response p95", "ms", True),
        ("CPU per turn, against baseline", "ratio", True), ("errors", "1/s", True), ("error_rate", "%", True),
        ("start", "s", True), ("write p95, against baseline", "ratio", True),
        ("late turns", "turns", True), ("time until answered", "ms", True),
        ("CPU while nothing happens, against baseline", "ms/s", True), ("idle wakeups_per_s", "1/s", True),
        ("queries per 100 rows, against baseline", "queries", True), ("memory growth", "MB/min", True),
        ("store reads per 100 equal requests, against baseline", "reads", True), ("battery_drain_rate", "%/h", True),
        ("requests answered, against baseline", "share", False), ("cache_hit_ratio", "ratio", False),
        ("users per core within the target", "users", False), ("fill", "%/h", None), ("upload", "MB/min", None),
        ("rating", "rating", None), ("share of answers kept", "%", None), ("cost", "INR", None),
    ],
)  # fmt: skip
def test_a_direction_is_known_or_said_to_be_unknown(tmp_path, metric, unit, lower):
    store = HistoryStore(tmp_path)
    store.add(make_run(tmp_path, 1, [target("X", metric, 5.0, unit)], system="gone.toml"))
    assert [row.lower_is_better for row in store.rows()[0]] == [lower]


def test_a_shortened_run_is_of_another_effort_and_untrusted_figures_are_marked(tmp_path):
    run = make_run(tmp_path, 1, [comparison([1.0] * 5 + [2.0], [1.0] * 5 + [2.0], verdict="untrusted")],
                   notes={"time_scale": 0.3})  # fmt: skip
    assert {(r.effort, r.trusted) for r in rows_of(run)} == {("quick x0.3", False)}


def test_bounds_that_coincide_bound_nothing(tmp_path):
    only = target("S-1", "peak memory", 80.0, "MB")
    assert only.effect is not None
    same = only.model_copy(update={"effect": only.effect.model_copy(update={"low": 80.0, "high": 80.0, "n": 1})})
    row = rows_of(make_run(tmp_path, 1, [same], fingerprint=FINGERPRINT))[0]
    assert (row.low, row.high) == (None, None)


def test_a_bracket_of_two_levels_is_no_interval(tmp_path):
    held = Effect(metric="users per core within the target", value=50.0, low=50.0, high=100.0, unit="users", n=4,
                  n_unit="levels", method="highest level that held")  # fmt: skip
    told = comparison([1.0], [1.0], kind="observation", verdict="reported", effect=held, details={})
    (row,) = rows_of(make_run(tmp_path, 1, [told]))
    assert (row.value, row.low, row.high, row.lower_is_better) == (50.0, None, None, False)


def foreign(store, run):
    """Write a run's file as other code would have left it: a renamed figure, and no or another mark."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(store.path(run.id))
    renamed = pa.array([f"old {metric}" for metric in table["metric"].to_pylist()])
    table = table.set_column(table.schema.get_field_index("metric"), "metric", renamed)
    pq.write_table(table.replace_schema_metadata({"perflab.extracted_by": "000000000000"}), store.path(run.id))


def test_rows_of_another_version_are_read_anew_from_their_run(tmp_path):
    store = HistoryStore(tmp_path)
    runs = [make_run(tmp_path, number) for number in (1, 2, 3)]
    for run in runs:
        store.add(run)
    assert store.renew() == []
    for run in runs[:2]:
        foreign(store, run)
    assert any(row.metric.startswith("old ") for row in store.rows()[0])
    assert store.renew() == ["2 runs of the history came from another version of perflab and were read anew"]
    assert store.rows()[0] == sorted((r for run in runs for r in rows_of(run)), key=lambda r: (r.time, r.metric))
    assert store.renew() == []


def test_rows_of_another_version_whose_run_is_gone_stay_and_are_counted_in_one_line(tmp_path):
    import shutil

    store, run = HistoryStore(tmp_path), make_run(tmp_path, 1)
    store.add(run)
    foreign(store, run)
    shutil.rmtree(run.path)
    said = store.renew()
    assert (
        len(said) == 1 and said[0].startswith("1 run of the history came from another version") and "\n" not in said[0]
    )
    assert len(store.rows()[0]) == 3
    store.path(run.id).write_bytes(b"PAR1 damaged")
    assert store.renew() == []  # `rows` names a damaged file


def test_rows_of_another_version_that_yield_none_any_more_leave_the_series(tmp_path):
    store, run = HistoryStore(tmp_path), make_run(tmp_path, 1)
    store.add(run)
    foreign(store, run)
    (run.folder("findings") / "30_prototype.json").write_bytes(b"[]")
    assert store.renew() == ["1 run of the history came from another version of perflab and was read anew"]
    assert store.rows() == ([], []) and store.renew() == []


def test_a_run_that_cannot_be_read_anew_says_why(tmp_path):
    store, runs = HistoryStore(tmp_path), [make_run(tmp_path, number) for number in (1, 2)]
    for run in runs:
        store.add(run)
        foreign(store, run)
    (runs[0].folder("findings") / "30_prototype.json").write_bytes(b"no findings")
    read, left = store.renew()
    assert read.startswith("1 run") and "cannot be read anew (30_prototype.json holds no valid findings" in left
    assert "no findings any more" not in left and "\n" not in left


def test_the_commands_read_old_rows_anew_and_say_so(tmp_path, monkeypatch, capsys):
    from perflab.cli.history import show_history

    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    store, run = HistoryStore(tmp_path), make_run(tmp_path, 1)
    store.add(run)
    foreign(store, run)
    assert show_history("", "", "", False, False) == 0
    told = capsys.readouterr()
    assert "1 run of the history came from another version of perflab and was read anew" in told.err
    assert "old CPU" not in told.out and "CPU per turn" in told.out


def full_findings():
    """Return every kind of finding that yields rows: blocks, the reason for a difference, targets, a load matrix."""
    blocks = comparison([50.0, 51, 52, 53, 54, 55], [11.0, 11.1, 11.2, 11.3, 11.4, 11.5])
    profiled = Effect(metric="CPU per turn", value=-37.6, low=-40.0, high=-35.0, unit="ms", n=3)  # as older runs say it
    why = comparison([1.0], [1.0], id="F30-why", kind="observation", verdict="reported", details={}, effect=profiled)
    levels = [{"scenario": "normal", "p50_ms": 90.0, "p95_ms": 120.0, "cpu_percent": 40.0, "n": 80}]
    matrix = target("4", "latency", 0.1, "s", details={"scenarios": levels})
    first, other = target("S-1", "latency", 90.0), target("S-1", "latency", 95.0)
    return [blocks, why, matrix, first, other.model_copy(update={"id": "F30-target.2"})]


def test_no_two_figures_of_a_run_stand_in_one_series(tmp_path):
    rows = rows_of(make_run(tmp_path, 1, full_findings()))
    assert [key for key, count in Counter(map(key_of, rows)).items() if count > 1] == []
    cpu = {r.metric: r.value for r in rows if r.metric.startswith("CPU per turn") and r.variant == "optimised"}
    assert cpu["CPU per turn"] == 11.25 and cpu["CPU per turn (F30-why)"] == -37.6
    latency = {r.metric for r in rows if r.metric.startswith("latency") and r.unit == "ms"}
    assert latency == {"latency (S-1)", "latency (F30-target.2)"}


@pytest.mark.parametrize("after", [[5.0] * 6, [1.0, 2.0, 3.0, 4.0]])
def test_an_arm_without_bounds_keeps_its_median_and_the_rest_of_the_run(tmp_path, after):
    before = [10.0, 11, 12, 13, 14, 15][: len(after)]
    rows = rows_of(make_run(tmp_path, 1, [comparison(before, after), target("S-1", "latency", 100.0)]))
    row = next(r for r in rows if r.metric == "CPU per turn" and r.variant == "optimised")
    assert (row.value, row.low, row.high, row.n) == (float(np.median(after)), None, None, len(after))
    assert len(rows) == 4
