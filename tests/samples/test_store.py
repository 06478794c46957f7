"""Samples on disk: types kept, groups added, damage and a full disk survived."""

import os
import resource
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from perflab.errors import PerflabError, RunCorrupt, UsageError
from perflab.samples.schema import LATENESS, RESOURCES, UNITS
from perflab.samples.store import SampleStore


def unit_rows(n=5, trial="t1", **further):
    text = {"trial": trial, "variant": "baseline", "condition": "aa-fast", "scenario": "normal", "arm": "A",
            "kind": "turn", "name": "VoiceUser", "tag": "", "outcome": "ok"}  # fmt: skip
    whole = {c.name: np.arange(n) for c in UNITS.columns if c.kind == "int64"}
    return pd.DataFrame({**whole, **text, "warmup": False, **further})


def test_rows_come_back_as_they_went_in(tmp_path):
    store = SampleStore(tmp_path)
    rows = unit_rows(3, gw_rx_first=np.array([2**62, 0, 5]), warmup=[True, False, False])
    path = store.write("units", "ab-0", rows)
    assert path.name == "units.ab-0.parquet"
    back = store.read_group("units", "ab-0")
    assert back["gw_rx_first"].tolist() == [2**62, 0, 5] and back["gw_rx_first"].dtype == np.int64
    assert back["warmup"].tolist() == [True, False, False] and back["outcome"].tolist() == ["ok"] * 3
    assert list(back.columns[:3]) == ["trial", "variant", "condition"]


def test_append_adds_and_groups_stack_with_marks_that_did_not_happen(tmp_path):
    store = SampleStore(tmp_path)
    store.append("units", "a", unit_rows(2, trial="t1"))
    store.append("units", "a", unit_rows(3, trial="t2"))
    store.write("units", "b", unit_rows(1, trial="t3", gw_rx_first=2**62 + 1))
    assert store.groups("units") == ["a", "b"]
    frame = store.read("units")
    assert frame["trial"].tolist() == ["t1"] * 2 + ["t2"] * 3 + ["t3"]
    assert frame["gw_rx_first"].tolist() == [0] * 5 + [2**62 + 1]
    assert len(store.read("resources")) == 0 and "cpu_s" in store.read("resources").columns


@pytest.mark.parametrize("table", [LATENESS, RESOURCES])
def test_other_tables_keep_their_types(tmp_path, table):
    rows = pd.DataFrame({c.name: ["x"] if c.kind == "string" else [1] for c in table.columns})
    SampleStore(tmp_path).write(table.name, "g", rows)
    kinds = SampleStore(tmp_path).read(table.name).dtypes
    assert all(kinds[c.name] == c.kind for c in table.columns if c.kind != "string")


def test_further_columns_keep_their_kind(tmp_path):
    SampleStore(tmp_path).write("units", "g", unit_rows(2, level=np.int32(5), at_s=0.5, note="words"))
    back = SampleStore(tmp_path).read("units")
    assert (back["level"].dtype, back["at_s"].dtype, back["note"].tolist()) == (np.int64, np.float64, ["words"] * 2)


def test_empty_group_is_kept_and_does_no_harm(tmp_path):
    store = SampleStore(tmp_path)
    store.write("units", "none", unit_rows(0))
    store.write("resources", "none", pd.DataFrame({c.name: [] for c in RESOURCES.columns}))
    assert store.read("resources")["nivcsw"].dtype == np.int64
    store.write("units", "some", unit_rows(2))
    assert len(store.read("units")) == 2 and store.read("units")["user"].dtype == np.int64


@pytest.mark.parametrize("damage", [b"", b"PAR1 no parquet", None])
def test_damaged_file_is_named_and_the_others_are_read(tmp_path, damage):
    store = SampleStore(tmp_path)
    store.write("units", "good", unit_rows(4))
    bad = store.write("units", "bad", unit_rows(400))
    bad.write_bytes(bad.read_bytes()[:-200] if damage is None else damage)
    with pytest.raises(RunCorrupt, match=r"units\.bad\.parquet"):
        store.read("units")
    frame, problems = store.read_what_can_be("units")
    assert len(frame) == 4 and len(problems) == 1 and "\n" not in problems[0]


def test_parquet_of_something_else_is_no_unit_table(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "units.x.parquet")
    with pytest.raises(RunCorrupt, match="lacks the columns trial"):
        SampleStore(tmp_path).read("units")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (unit_rows(2).drop(columns=["user", "seq"]), "lack user, seq"),
        (unit_rows(2).assign(user=[1.5, 2.0]), "'user'"),
        (unit_rows(2).assign(warmup="no"), "'warmup'"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, rows, message):
    with pytest.raises(UsageError, match=message):
        SampleStore(tmp_path).write("units", "g", rows)
    assert list(tmp_path.iterdir()) == []


def test_unknown_table_group_and_file(tmp_path):
    store = SampleStore(tmp_path)
    for table, group in [("turns", "g"), ("units", "../x"), ("units", ""), ("units", "a/b")]:
        with pytest.raises(UsageError):
            store.write(table, group, unit_rows(1))
    with pytest.raises(UsageError, match="There is no"):
        store.read_group("units", "absent")


WRITER = textwrap.dedent("""
    import resource, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from perflab.errors import PerflabError
    from perflab.samples.store import SampleStore
    from test_store import unit_rows
    import numpy as np
    store = SampleStore(Path(sys.argv[1]))
    store.write("units", "first", unit_rows(50))
    if sys.argv[3] == "limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
    rows = unit_rows(60_000, noise=np.random.default_rng(1).integers(0, 2**60, 60_000))
    for group in ("second", "first"):
        try:
            store.append("units", group, rows)
            print("written")
        except PerflabError as error:
            print(error)
    print(len(store.read("units")), sorted(p.name for p in Path(sys.argv[1]).iterdir()))
""")


def full_disk_run(folder, how, prefix=()):
    command = [*prefix, sys.executable, "-c", WRITER, str(folder), os.path.dirname(__file__), how]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def assert_first_group_survived(done):
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("The disk is full: units.") for line in lines[:2])
    assert "What was measured before is kept" in lines[0]
    assert lines[2] == "50 ['units.first.parquet']"


def test_file_size_limit_while_writing_keeps_what_was_there(tmp_path):
    assert_first_group_survived(full_disk_run(tmp_path, "limit"))


def test_full_disk_while_writing_keeps_what_was_there(tmp_path):
    """A real file system of 64 KiB, in a mount namespace of its own."""
    script = 'mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"'
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(tmp_path)]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no user namespace with mounts here; the file size limit above tests the same path")
    assert_first_group_survived(full_disk_run(tmp_path, "real", prefix))


def test_folder_that_does_not_exist_is_one_clear_line(tmp_path):
    with pytest.raises(PerflabError, match="Cannot write"):
        SampleStore(tmp_path / "absent").write("units", "g", unit_rows(1))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 30_000
