"""A capture can be parsed again from its folder alone, to the last bit, whatever became of the sources."""

import json
import shutil
from pathlib import Path

import pytest
from kettle_workload import RECORDED, RECORDED_ROOT, WORKLOAD

from perflab.cli.profile import reparse_run
from perflab.errors import RunCorrupt, UsageError
from perflab.instrument.interface import load_capture
from perflab.instrument.kept_tables import SOURCES, instrument_of, keep_table, parse_again, reparse, table_path
from perflab.instrument.source_store import pack, unpack
from perflab.instrument.units import ROW, read_units, units_between


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with kept captures of py-spy and scalene, and the sources that they were made from."""
    app, folder = tmp_path / "app" / "kettle", tmp_path / "run"
    shutil.copytree(WORKLOAD / "kettle", app)
    folder.mkdir()
    for name in ("pyspy-gil", "scalene-cpu"):
        for file in RECORDED.glob(f"{name}.*"):
            text = file.read_text().replace(str(RECORDED_ROOT), str(app))
            (folder / file.name).write_text(text)
        path = folder / f"{name}.capture.json"
        body = json.loads(path.read_text())
        path.write_text(json.dumps({**body, "digests": {}, "source_root": str(app)}))
        capture = load_capture(path)
        keep_table(instrument_of(capture), capture, app)
    return folder


def states(folder: Path) -> dict[str, str]:
    return {found.path.name.split(".")[0]: found.state for found in reparse(folder)}


def test_the_same_bytes_after_the_sources_changed_and_the_run_moved(run: Path, tmp_path: Path) -> None:
    assert states(run) == {"pyspy-gil": "identical", "scalene-cpu": "identical"}
    (tmp_path / "app" / "kettle" / "work.py").write_text("# all functions moved\n\n\ndef other():\n    pass\n")
    shutil.rmtree(tmp_path / "app" / "kettle" / "__pycache__", ignore_errors=True)
    moved = shutil.move(run, tmp_path / "elsewhere")
    assert states(Path(moved)) == {"pyspy-gil": "identical", "scalene-cpu": "identical"}
    assert reparse_run(str(moved), True) == 0


def test_without_kept_sources_a_change_shows(run: Path, tmp_path: Path) -> None:
    path = run / "pyspy-gil.capture.json"
    body = json.loads(path.read_text())
    del body["files"][SOURCES], body["digests"][SOURCES]
    path.write_text(json.dumps(body))
    source = tmp_path / "app" / "kettle" / "work.py"
    source.write_text(source.read_text().replace("def mix(", "def blend("))
    parse_again(load_capture(run / "scalene-cpu.capture.json"))  # another one's sources must not be mixed in
    assert states(run) == {"pyspy-gil": "differs", "scalene-cpu": "identical"}
    assert reparse_run(str(run), True) == 2


def test_what_was_tampered_with_is_unreadable(run: Path) -> None:
    (run / "pyspy-gil.raw").write_text("<module> (a.py:1) 5\n")
    table_path(load_capture(run / "scalene-cpu.capture.json")).unlink()
    assert states(run) == {"pyspy-gil": "unreadable", "scalene-cpu": "no table kept"}


def test_no_capture_and_no_run_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No capture below"):
        list(reparse(tmp_path))
    with pytest.raises(UsageError, match="No run"):
        reparse_run("no-such-run", False)


def test_an_archive_of_sources_is_stable_and_read_into_memory_only(tmp_path: Path) -> None:
    files = {"/a/b.py": b"x = 1\n", "/a/../../c.py": b"y = 2\n"}
    assert pack(files) == pack(dict(reversed(files.items())))
    (tmp_path / "s.zip").write_bytes(pack(files))
    assert unpack(tmp_path / "s.zip") == files
    (tmp_path / "s.zip").write_bytes(b"no archive")
    with pytest.raises(RunCorrupt, match="no archive of sources"):
        unpack(tmp_path / "s.zip")


def test_units_are_interpolated_and_a_cut_off_row_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "units"
    path.write_bytes(b"".join(ROW.pack(at * 100, 10 * at) for at in range(11)) + b"cut")
    rows = read_units(path)
    assert len(rows) == 11
    assert units_between(rows, 150, 650) == pytest.approx(50)
    assert units_between(rows, -100, 2000) == 100
    assert units_between([], 0, 1) == 0 and read_units(None) == []


def test_the_capture_carries_its_circumstances(run: Path) -> None:
    body = json.loads((run / "pyspy-gil.capture.json").read_text())
    asked = "argv rc output schedstat_before schedstat_after work_units digests settings versions source_root"
    assert set(asked.split()) <= set(body)
    assert body["digests"].keys() == body["files"].keys() == {"raw", SOURCES}
