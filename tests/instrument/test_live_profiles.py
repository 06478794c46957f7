"""The three profilers on a living program whose shares are known."""

import json
import os
import signal
import subprocess

import pytest
from kettle_workload import WORKLOAD, gone, kettle

from perflab.instrument.command import profile_command
from perflab.instrument.leak import find_growth
from perflab.instrument.memray import Memray
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.series import Subject, callable_subject, profile_series

ROOT = WORKLOAD / "kettle"
HOT = ("work.py", "mix")


@pytest.fixture(scope="module")
def truth() -> dict[str, float]:
    """CPU shares by thread time, without a profiler."""
    done = subprocess.run(kettle("--truth", "300"), cwd=WORKLOAD, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_pyspy_attached_finds_the_hot_function_with_its_share(start, tmp_path, truth):
    target = start(kettle("--rate", "5000"))  # saturated: a share is not bent by when the sampler wakes
    capture = PySpy("gil", rate_hz=400).capture(target, 6, tmp_path)
    table = PySpy("gil").parse(capture, ROOT)
    shares = table.by_function(attribution="own")
    worked = sum(shares[("work.py", name)] for name in truth)
    assert next(iter(shares)) == HOT
    assert abs(shares[HOT] / worked - truth["mix"]) < 0.05
    [picture] = PySpy("gil").render(capture, tmp_path)
    assert "mix" in picture.read_text()


@pytest.mark.slow
def test_scalene_wrapped_finds_the_hot_function_and_leaves_nothing(start, tmp_path):
    scalene = Scalene(min_samples=100)
    argv, env = scalene.wrap(kettle("--rate", "5000"), dict(os.environ), tmp_path, ROOT)
    target = start(argv, env)
    capture = scalene.capture(target, 8, tmp_path)
    table = scalene.parse(capture, ROOT)
    assert next(iter(table.by_function(view="cpu"))) == HOT
    assert table.health.header_share < 0.05
    own = {kind: sum(row.value for row in table.select(function="mix") if row.granularity == kind)
           for kind in ("modelled", "measured")}  # fmt: skip
    assert own["modelled"] > 20 * own["measured"]  # a sample may fall on the line that calls, once in a while
    assert gone(target.pid)
    [page] = scalene.render(capture, tmp_path)
    assert page.stat().st_size > 500_000


@pytest.mark.slow
def test_scalene_with_memory_starts_no_child_of_its_own(start, tmp_path):
    scalene = Scalene(memory=True, min_samples=20)
    argv, env = scalene.wrap(kettle("--rate", "5000", "--leak", "30000000"), dict(os.environ), tmp_path, ROOT)
    target = start(argv, env)
    table = scalene.parse(scalene.capture(target, 3, tmp_path), ROOT)
    assert ("scalene", "alloc") in table.views()
    assert gone(target.pid)


@pytest.mark.slow
def test_memray_launched_and_stopped_by_sigterm(tmp_path):
    table, capture = profile_command(kettle("--rate", "200", "--leak", "1000000"), Memray(), ROOT, tmp_path, window_s=4,
                                     cwd=WORKLOAD)  # fmt: skip
    assert next(iter(table.by_function(view="leak", metric="bytes", attribution="own"))) == ("work.py", "keep")
    assert capture.codes == () and gone(capture.pid)
    page, graph = Memray().render(capture, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert (
        'src="http' not in text and "<link" not in text.split("<body")[0].replace('rel="icon"', "")
    ) or "http" not in text[:2000]
    assert "keep" in graph.read_text()


@pytest.mark.slow
def test_two_windows_find_the_leak_at_its_line_with_its_rate(start, tmp_path):
    target = start(kettle("--rate", "100", "--leak", "1000000"))
    tables = [Memray("attach", label=label).parse(Memray("attach", label=label).capture(target, s, tmp_path), ROOT)
              for label, s in (("t", 3), ("2t", 6))]  # fmt: skip
    grown = find_growth(*tables)
    line = 1 + (ROOT / "work.py").read_text().splitlines().index("    KEPT.append(bytearray(size))")
    assert (grown[0].file, grown[0].function, grown[0].line, grown[0].verdict) == ("work.py", "keep", line, "leak")
    assert grown[0].rate == pytest.approx(1_000_000, rel=0.15)
    assert len([g for g in grown if g.verdict == "leak"]) == 1


@pytest.mark.slow
def test_a_plain_command_is_profiled_until_it_ends(tmp_path, truth):
    table, _ = profile_command(kettle("--truth", "900"), Memray(), ROOT, tmp_path, cwd=WORKLOAD)
    assert table.select(view="alloc", attribution="own", metric="bytes")


@pytest.mark.slow
def test_a_killed_process_under_memray_is_usable_and_flagged(start, tmp_path):
    memray = Memray()
    argv, env = memray.wrap(kettle("--rate", "100", "--leak", "30000000"), dict(os.environ), tmp_path, ROOT)
    target = start(argv, env)
    from perflab.instrument.window import Watch, hold

    watch = Watch(target.pid)
    assert hold(watch, 1.5)
    os.kill(target.pid, signal.SIGKILL)
    assert gone(target.pid)
    capture = memray.collect(target, tmp_path, watch)
    assert capture.codes == ("P204",)
    assert memray.parse(capture, ROOT).health.clean_end is False


@pytest.mark.slow
def test_a_callable_is_profiled_in_a_fresh_process_with_its_cost_per_call(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(WORKLOAD), *filter(None, [os.environ.get("PYTHONPATH")])]))
    subject = callable_subject("kettle.work:unit", tmp_path, '{"seed": 3}', ROOT)
    series = profile_series(subject, [PySpy("gil")], 2.0)
    [(table, capture)] = series.captures
    assert next(iter(table.by_function(attribution="own"))) == HOT
    assert capture.unit == "call" and capture.work_units > 20
    assert capture.schedstat_after > capture.schedstat_before
    assert series.overheads is not None and series.overheads.rows[0].instrument == "pyspy-gil"
    assert gone(capture.pid)


@pytest.mark.slow
def test_a_command_that_ends_by_itself_is_profiled_to_its_end(tmp_path):
    subject = Subject(tuple(kettle("--truth", "1500")), ROOT, tmp_path, cwd=WORKLOAD)
    series = profile_series(subject, [PySpy("gil")], 30.0)
    assert series.unit == "run" and next(iter(series.tables[0].by_function(attribution="own"))) == HOT
