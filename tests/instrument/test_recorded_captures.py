"""Real captures of every instrument, replayed into the parsers."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from kettle_workload import RECORDED, RECORDED_ROOT, WORKLOAD

from perflab.errors import InstrumentFailure, RunCorrupt
from perflab.instrument.blocking import blocking, blocking_gate
from perflab.instrument.difference import difference, stretch_of
from perflab.instrument.interface import Capture, load_capture
from perflab.instrument.memray import Memray, memory_series
from perflab.instrument.pyspy import PySpy
from perflab.instrument.ranking import rank
from perflab.instrument.scalene import Scalene
from perflab.instrument.source_tree import SourceTree
from perflab.instrument.stacks import parse_raw
from perflab.instrument.table import ProfileTable

ALL = {"pyspy-gil": PySpy("gil"), "pyspy-wall": PySpy("wall"), "memray-launch": Memray()}


def recorded(name: str):
    return load_capture(RECORDED / f"{name}.capture.json")


@pytest.mark.parametrize("name", ALL)
def test_parsing_twice_gives_the_same_bytes(name, tmp_path):
    first, second = (
        ALL[name].parse(recorded(name), RECORDED_ROOT).to_parquet(tmp_path / f"{i}.parquet") for i in (1, 2)
    )
    assert first.read_bytes() == second.read_bytes()
    assert ProfileTable.from_parquet(first) == ALL[name].parse(recorded(name), RECORDED_ROOT)


def test_samples_of_pyspy_are_all_there_once_per_attribution():
    capture = recorded("pyspy-gil")
    total = parse_raw(capture.path("raw").read_text()).total
    table = PySpy("gil").parse(capture, RECORDED_ROOT)
    for kind in ("own", "leaf", "library"):
        rows = table.select(attribution=kind)
        assert sum(row.value for row in rows) == total == capture.ticks
        assert sum(row.share for row in rows) == pytest.approx(1)
    assert next(iter(table.by_function(attribution="own"))) == ("work.py", "mix")


def test_shares_are_of_all_cpu_also_where_the_view_stops_at_the_kernel(tmp_path):
    """A call of the kernel gives the lock away, so that no sample of who holds it shows one; the others do."""
    for name, seen in (("pyspy-gil", 0.8), ("pyspy-wall", 1.0)):
        capture = replace(recorded(name), kernel_share=0.2)
        plain, table = (ALL[name].parse(one, RECORDED_ROOT) for one in (recorded(name), capture))
        assert table.health.kernel_share == 0.2
        for kind in ("own", "leaf", "library"):
            assert sum(row.share for row in table.select(attribution=kind)) == pytest.approx(seen)
        for before, after in zip(plain.rows, table.rows, strict=True):
            assert (after.value, after.share) == pytest.approx((before.value, seen * before.share))
    capture = load_capture(copy(tmp_path, "scalene-cpu"))
    text = capture.path("json").read_text()
    capture.path("json").write_text(text.replace(str(RECORDED_ROOT), str(WORKLOAD / "kettle")))
    table = Scalene().parse(replace(capture, kernel_share=0.2), WORKLOAD / "kettle")
    assert sum(table.by_function(view="cpu").values()) == pytest.approx(0.8)


def test_the_kernels_part_makes_no_call_that_computes_wait():
    """What a place does outside the kernel and within it is work on the wall too: it must not read as waiting."""
    wall = PySpy("wall").parse(recorded("pyspy-wall"), RECORDED_ROOT)
    tables = [
        PySpy("gil").parse(replace(recorded("pyspy-gil"), kernel_share=share), RECORDED_ROOT) for share in (0, 0.2)
    ]
    assert blocking([tables[0], wall]) == pytest.approx(blocking([tables[1], wall]))


def test_the_blocking_call_is_first_on_the_wall_and_absent_from_the_gil():
    wall = PySpy("wall").parse(recorded("pyspy-wall"), RECORDED_ROOT).by_function(attribution="own")
    gil = PySpy("gil").parse(recorded("pyspy-gil"), RECORDED_ROOT).by_function(attribution="own")
    assert wall["work.py", "block"] > 0.10
    assert gil.get(("work.py", "block"), 0.0) < 0.03


def test_memray_names_the_line_that_keeps_memory():
    capture = recorded("memray-launch")
    table = Memray().parse(capture, RECORDED_ROOT)
    top = table.select(view="leak", attribution="own", metric="bytes")[0]
    assert (top.file, top.function, top.unit) == ("work.py", "keep", "bytes")
    assert (top.line, top.share > 0.5) == (35, True)
    series = memory_series(capture)
    assert series[-1][2] > series[0][2]
    assert not (capture.codes or not table.health.clean_end)


def test_scalene_lines_are_summed_by_function_and_the_listed_functions_ignored(tmp_path):
    capture = load_capture(copy(tmp_path, "scalene-cpu"))
    text = capture.path("json").read_text()
    capture.path("json").write_text(text.replace(str(RECORDED_ROOT), str(WORKLOAD / "kettle")))
    table = Scalene().parse(capture, WORKLOAD / "kettle")
    shares = table.by_function(view="cpu")
    assert next(iter(shares)) == ("work.py", "mix")
    assert sum(shares.values()) == pytest.approx(1)
    assert ("<library>", "<event loop>") in shares  # the line of asyncio.run is no function of the system
    assert table.health.n_samples == 252 and {row.unit for row in table.rows} == {"percent"}


def test_scalene_lines_without_their_sources_are_refused(tmp_path):
    with pytest.raises(InstrumentFailure) as error:
        Scalene().parse(without_sources(tmp_path), tmp_path)
    assert error.value.code == "P112"


def without_sources(tmp_path: Path):
    capture = load_capture(copy(tmp_path, "scalene-cpu"))
    text = capture.path("json").read_text()
    capture.path("json").write_text(text.replace(str(RECORDED_ROOT), "/no/such/place"))
    return capture


def test_no_row_holds_none(tmp_path):
    for name, instrument in ALL.items():
        frame = instrument.parse(recorded(name), RECORDED_ROOT).frame()
        assert not frame.isna().any().any()
        assert str(frame["line"].dtype) == "Int32"


def test_units_are_never_added():
    table = Memray().parse(recorded("memray-launch"), RECORDED_ROOT)
    with pytest.raises(ValueError, match="must not be added"):
        table.by_function(view="leak", attribution="own")


def copy(tmp_path: Path, name: str) -> Path:
    for file in RECORDED.glob(f"{name}.*"):
        shutil.copy(file, tmp_path)
    return tmp_path / f"{name}.capture.json"


def test_a_changed_raw_file_is_refused(tmp_path):
    path = copy(tmp_path, "pyspy-gil")
    (tmp_path / "pyspy-gil.raw").write_text("<module> (a.py:1) 5\n")
    with pytest.raises(RunCorrupt, match="not the file that was captured"):
        load_capture(path)


GREENLETS = (
    "<module> (/app/svc.py:9);serve (/app/svc.py:2) {kept}\nhandle (/app/views.py:20);query (/app/db.py:3) {lost}\n"
)


@pytest.mark.parametrize(
    ("kept", "lost", "codes", "verdict"),
    [(500, 4500, ("P318",), "disqualified"), (960, 40, ("P205",), "warned"), (995, 5, (), "votes")],
)
def test_the_rest_of_a_program_that_runs_in_greenlets_is_not_ranked(tmp_path, kept, lost, codes, verdict):
    (tmp_path / "g.raw").write_text(GREENLETS.format(kept=kept, lost=lost))
    capture = Capture("pyspy", "gil", tmp_path, {"raw": "g.raw"}, 20.0, rate_hz=250, cpu_s=(kept + lost) / 250)
    table = PySpy("gil").parse(capture, Path("/app"))
    found = rank([table])
    assert table.health.codes == codes and found.gates[0].verdict == verdict
    assert bool(found.rows) is bool(found.first) is (verdict != "disqualified")
    assert ("greenlets" in found.gates[0].reason) is (verdict == "disqualified")
    stretch = stretch_of(capture, [(2.0, 100.0)])
    said = " ".join(difference([stretch], [stretch], SourceTree(Path("/app"))).caveats)
    assert ("greenlets" in said) is (verdict == "disqualified")


def test_a_wall_view_without_the_stacks_of_greenlets_says_nothing_of_waiting(tmp_path):
    (tmp_path / "w.raw").write_text(GREENLETS.format(kept=500, lost=4500))
    capture = Capture("pyspy", "wall", tmp_path, {"raw": "w.raw"}, 20.0, rate_hz=250, ticks=5000)
    gate = blocking_gate([PySpy("wall").parse(capture, Path("/app"))])
    assert (gate.verdict, gate.codes) == ("disqualified", ("P318",))


def test_native_code_is_told_from_a_difference_of_profiles_too(tmp_path):
    (tmp_path / "g.raw").write_text(GREENLETS.format(kept=200, lost=0))
    capture = Capture("pyspy", "gil", tmp_path, {"raw": "g.raw"}, 20.0, rate_hz=250, cpu_s=8.0)
    stretch = stretch_of(capture, [(8.0, 100.0)])
    assert any("P305" in text for text in difference([stretch], [stretch], SourceTree(Path("/app"))).caveats)


def test_a_cut_off_raw_file_is_p208(tmp_path):
    capture = load_capture(copy(tmp_path, "pyspy-gil"))
    text = capture.path("raw").read_text()
    capture.path("raw").write_text(text[: text.index("work.py") + 4])
    with pytest.raises(InstrumentFailure) as error:
        PySpy("gil").parse(capture, RECORDED_ROOT)
    assert error.value.code == "P208"


def test_a_truncated_memray_file_is_p208(tmp_path):
    capture = load_capture(copy(tmp_path, "memray-launch"))
    capture.path("bin").write_bytes(b"not memray")
    with pytest.raises(InstrumentFailure) as error:
        Memray().parse(capture, RECORDED_ROOT)
    assert error.value.code == "P208"


def test_a_file_that_is_no_table_is_corrupt(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(RunCorrupt, match="no profile table"):
        ProfileTable.from_parquet(tmp_path / "t.parquet")
