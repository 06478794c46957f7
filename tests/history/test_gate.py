"""The gate's decision on planted blocks, its sizes, its checkout: everything but the measuring itself."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from perflab.cli.gate import _no_suspect, _series, _suspects, columns_of, parse_sizes
from perflab.errors import SystemFileError, UsageError
from perflab.experiments.blocks import ArmFigures, BlockResult
from perflab.experiments.gate import SUSPECT, check_blocks, conclude, figure_line
from perflab.experiments.null_arm import NULL
from perflab.findings.finding import TrustCheck
from perflab.history.store import HistoryStore
from perflab.system.checkout import at_ref, with_world_of
from perflab.system.load_file import load_system
from perflab.system.tables.processes import Process, Ready
from tests.history import notes_repository
from tests.history.runs import comparison, make_run

JUDGED = ("cpu_ms_per_unit", "p50_ms", "memory_mb")
READY = Ready(tcp="127.0.0.1:1")


def blocks(n: int = 10, null: float = 1.0, noise: float = 0.01, **suspect: float) -> BlockResult:
    """Return blocks in which the suspect's figures are multiples of the last good's."""
    rng = np.random.default_rng(5)
    usual = {"cpu_ms_per_unit": 10.0, "p50_ms": 100.0, "p95_ms": 200.0, "memory_mb": 80.0}
    rows = []
    for block in range(n):
        for arm in ("baseline", NULL, SUSPECT):
            factor = dict.fromkeys(usual, null if arm == NULL else 1.0) | (suspect if arm == SUSPECT else {})
            values = {name: float(v * factor[name] * np.exp(rng.normal(0, noise))) for name, v in usual.items()}
            rows.append(ArmFigures(arm=arm, block=block, added_p50_ms=float("nan"), units=20, failed=0, late_p99_ms=1.0,
                                   run_delay=0.0, **values))  # fmt: skip
    return BlockResult(tuple(rows), (), {SUSPECT: (20, 20)})


def test_a_planted_slowdown_is_confirmed_and_named():
    found = conclude(blocks(cpu_ms_per_unit=1.2), (), JUDGED, None)
    assert (found.outcome, found.exit_code) == ("regression", 1)
    assert [f.column for f in found.figures if f.confirmed] == ["cpu_ms_per_unit"]
    line = figure_line(found.figures[0], "turn")
    assert line.startswith("CPU per turn: 9.97 to 12.0 ms") and "+20 %" in line and "10 pairs: worse" in line


def test_equal_arms_and_an_improvement_pass():
    assert conclude(blocks(), (), JUDGED, None).exit_code == 0
    assert conclude(blocks(cpu_ms_per_unit=0.7), (), JUDGED, None).exit_code == 0


def test_a_change_inside_the_margin_passes_unless_the_margin_is_smaller():
    slower = blocks(n=20, noise=0.003, cpu_ms_per_unit=1.03)
    assert conclude(slower, (), JUDGED, None).exit_code == 0
    assert conclude(slower, (), JUDGED, 0.02).exit_code == 1


def test_what_is_not_judged_is_shown_and_does_not_decide():
    found = conclude(blocks(p95_ms=2.0), (), JUDGED, None)
    assert found.outcome == "no regression"
    assert any(f.column == "p95_ms" and not f.decides and not f.confirmed for f in found.figures)


@pytest.mark.parametrize("seed", range(3))
def test_a_failed_null_arm_refuses_and_says_no_better_or_worse(seed):
    found = conclude(blocks(n=10 + seed, null=1.3, cpu_ms_per_unit=1.5, p50_ms=0.5), (), JUDGED, None)
    assert (found.outcome, found.exit_code) == ("refused", 3)
    assert "identical arms" in found.refusal and not any(f.confirmed for f in found.figures)
    lines = " ".join(figure_line(f, "turn") for f in found.figures)
    assert "better" not in lines and "worse" not in lines


def test_a_late_generator_voids_response_times_and_not_cpu():
    late = TrustCheck(name="load generator on time", passed=False, observed="p99 60 ms", limit="5 ms")
    slow = blocks(cpu_ms_per_unit=1.2, p50_ms=1.2)
    assert conclude(slow, (late,), ("p50_ms",), None).exit_code == 3
    assert conclude(slow, (late,), ("cpu_ms_per_unit",), None).exit_code == 1


def test_figures_without_spread_cannot_be_computed_and_refuse():
    found = conclude(blocks(noise=0.0, cpu_ms_per_unit=1.2), (), ("cpu_ms_per_unit",), None)
    assert found.exit_code == 3 and "cannot be computed, because" in found.refusal


def test_few_blocks_that_could_confirm_nothing_are_refused_before_they_are_measured():
    check_blocks(6, ("p50_ms",))
    check_blocks(7, JUDGED)
    with pytest.raises(UsageError, match="at least 7"):
        check_blocks(6, JUDGED)


def failing(suspect: int, good: int = 0) -> BlockResult:
    """Return blocks of 20 units in which as many units of an arm fail in every block."""
    failed = {SUSPECT: suspect, "baseline": good, NULL: good}
    result = blocks()
    rows = tuple(ArmFigures(**{**asdict(f), "failed": failed[f.arm]}) for f in result.figures)
    return BlockResult(rows, (), {SUSPECT: (20, 20)})


def test_failing_more_often_is_a_regression_by_itself_and_failing_alike_is_none():
    found = conclude(failing(2), (), JUDGED, None)
    assert (found.outcome, found.exit_code) == ("regression", 1) and not any(f.confirmed for f in found.figures)
    assert "fails more often: 20 of 200 units failed against 0 of 200" in found.fails_more
    assert any("20 of the suspect" in text for text in found.warnings)
    for result in (failing(2, 2), failing(0, 2)):
        assert conclude(result, (), JUDGED, None).outcome == "no regression"


def test_unequal_answers_are_refused_where_the_class_is_exact_and_noted_elsewhere():
    result = BlockResult(blocks(cpu_ms_per_unit=1.5).figures, (), {SUSPECT: (0, 40)})
    found = conclude(result, (), JUDGED, None)
    assert (found.outcome, found.refusal) == ("refused", "the answers changed: 0 of 40 equal the last good's")
    assert "worse" not in str(found.as_dict())
    loss = conclude(result, (), JUDGED, None, exact=False)
    assert loss.exit_code == 1 and any("0 of 40" in text for text in loss.warnings)


def shifted(column: str, factor: float, n: int = 20, **suspect: float) -> BlockResult:
    """Return quiet blocks whose null arm differs in one figure."""
    result = blocks(n=n, noise=0.002, **suspect)
    rows = [
        replace(f, **{column: getattr(f, column) * factor}) if f.arm == NULL else f  # type: ignore[arg-type]
        for f in result.figures
    ]
    return BlockResult(tuple(rows), (), result.equivalence)


@pytest.mark.parametrize("margin", [0.01, 0.02])
@pytest.mark.parametrize("column", ["p50_ms", "cpu_ms_per_unit"])
def test_the_null_arm_is_held_to_the_users_margin_and_voids_every_figure(column, margin):
    found = conclude(shifted(column, 1.03, cpu_ms_per_unit=1.2, p95_ms=1.5), (), JUDGED, margin)
    assert found.outcome == "refused" and "identical arms" in found.refusal
    assert {f.comparison.verdict for f in found.figures if f.comparison} == {"untrusted"}
    said = " ".join([*(figure_line(f, "turn") for f in found.figures), found.refusal, str(found.as_dict())])
    assert "worse" not in said and "better" not in said
    assert conclude(shifted(column, 1.03, cpu_ms_per_unit=1.2), (), JUDGED, None).outcome == "regression"


def test_a_wide_margin_of_the_user_does_not_loosen_the_null_arm():
    assert conclude(shifted("p50_ms", 1.08), (), JUDGED, 0.25).outcome == "refused"


def test_what_chance_explains_of_the_null_arms_five_figures_refuses_no_gate():
    """Alone the median's null arm is told apart (p = 0.02); of four figures that were looked at it is chance."""
    steps = (1.09, 1.07, 1.06, 1.08, 1.05, 1.04, 1.061, 1.03, 0.975, 0.95)
    result = blocks(cpu_ms_per_unit=1.5)
    first = {f.block: f.p50_ms for f in result.figures if f.arm == "baseline"}
    rows = tuple(replace(f, p50_ms=first[f.block] * steps[f.block]) if f.arm == NULL else f for f in result.figures)
    found = conclude(BlockResult(rows, (), result.equivalence), (), JUDGED, None)
    assert (found.outcome, found.refusal) == ("regression", "")
    assert [f.column for f in found.figures if f.confirmed] == ["cpu_ms_per_unit"]


def test_a_constant_step_of_the_null_arm_voids_every_figure_too():
    result = blocks(cpu_ms_per_unit=1.5)
    first = {f.block: f.memory_mb for f in result.figures if f.arm == "baseline"}
    rows = tuple(replace(f, memory_mb=first[f.block] * 1.2) if f.arm == NULL else f for f in result.figures)
    found = conclude(BlockResult(rows, (), {}), (), ("cpu_ms_per_unit",), None)
    assert found.outcome == "refused" and "peak memory" in found.refusal


def test_what_is_only_shown_has_no_verdict_in_text_and_json():
    found = conclude(blocks(p95_ms=2.0), (), JUDGED, None)
    shown = next(f for f in found.figures if f.column == "p95_ms")
    assert figure_line(shown, "turn").endswith("pairs: shown only")
    body = next(f for f in found.as_dict()["figures"] if f["column"] == "p95_ms")
    assert body["comparison"]["verdict"] is None and "worse" not in str(body)


def test_a_figure_that_the_correction_rejects_is_inconclusive():
    result = blocks(n=7, noise=0.001)  # one pair of seven against it: p = 0.031 alone, 0.094 among three
    rows = [replace(f, cpu_ms_per_unit=f.cpu_ms_per_unit * (1.07 + 0.01 * f.block if f.block else 0.98))
            if f.arm == SUSPECT else f for f in result.figures]  # fmt: skip
    found = conclude(BlockResult(tuple(rows), (), {}), (), JUDGED, None)
    cpu = next(f for f in found.figures if f.column == "cpu_ms_per_unit")
    assert cpu.comparison is not None and cpu.comparison.p_value <= 0.05 < (cpu.adjusted_p or 0)
    assert found.outcome == "undecided" and figure_line(cpu, "turn").endswith("inconclusive")
    assert found.exit_code == 0 and found.not_excluded[0].startswith("CPU +")
    assert "not passed by the correction" in cpu.comparison.explanation and "worse" not in cpu.comparison.explanation


def test_a_judged_figure_that_cannot_be_computed_counts_in_the_correction_and_is_named():
    alone = conclude(blocks(n=7, cpu_ms_per_unit=1.2), (), ("cpu_ms_per_unit",), None)
    beside = conclude(blocks(n=7, cpu_ms_per_unit=1.2), (), ("cpu_ms_per_unit", "added_p50_ms"), None)
    ps = [next(f.adjusted_p for f in r.figures if f.column == "cpu_ms_per_unit") for r in (alone, beside)]
    assert ps[1] == 2 * (ps[0] or 1) and beside.exit_code == 1
    assert any("time added was not judged: cannot be computed" in text for text in beside.warnings)


def test_the_json_of_a_figure_that_this_system_lacks_is_strict():
    found = conclude(blocks(), (), (*JUDGED, "added_p50_ms"), None)
    body = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert next(f["before"] for f in body["figures"] if f["column"] == "added_p50_ms") is None


def test_sizes_after_the_dashes():
    assert parse_sizes(["--users", "10", "--blocks", "6", "--margin", "0.1"]) == {
        "users": 10,
        "blocks": 6,
        "margin": 0.1,
    }
    for words in (
        ["--blok", "3"],
        ["--users", "many"],
        ["--users", "0"],
        ["--margin", "nan"],
        ["--margin", "5"],
        ["--margin", "1"],
        ["stray"],
    ):
        with pytest.raises(UsageError, match="After --"):
            parse_sizes(words)


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        ("CPU per turn", ("cpu_ms_per_unit",)), ("memory", ("memory_mb",)), ("response p95", ("p95_ms",)),
        ("response p50", ("p50_ms",)),
        ("api_latency_simple", ("p50_ms", "p95_ms")), ("voice_response_time", ("p50_ms", "p95_ms")),
        ("response p99 of all units, against baseline", ("p95_ms",)),
        ("time added by the system, p50", ("added_p50_ms",)),
        ("api_request_rate", ("cpu_ms_per_unit", "p50_ms")),
    ],
)  # fmt: skip
def test_metrics_of_the_history_lead_to_figures_of_the_gate(metric, columns):
    assert columns_of(metric) == columns


def test_what_the_gate_cannot_measure_again_is_said():
    with pytest.raises(UsageError, match="cannot measure 'error_rate' again"):
        columns_of("error_rate")


def test_a_ref_is_checked_out_and_removed_and_the_tree_is_left_alone(tmp_path):
    toml = notes_repository.make(tmp_path / "repo")
    notes_repository.slow_down(toml, 0.004)
    (toml.parent / "service.py").write_text("changed by hand", encoding="utf-8")
    system = load_system(toml)
    with at_ref(system, "good") as (old, commit):
        tree = old.path.parents[1]
        assert commit == notes_repository.git(tmp_path / "repo", "rev-parse", "good")
        assert "_burn" not in (old.path.parent / "service.py").read_text(encoding="utf-8")
        assert [p.env.get("PYTHONPATH", "").split(":")[0] for p in old.process] == [str(tree)]
        world = Process(name="world", role="standin", command=("{python}", "{system_dir}/world.py"), ready=READY)
        stale = world.model_copy(update={"command": ("{python}", "{system_dir}/old_world.py")})
        durable = system.server[0].model_copy(update={"settings": {"appendonly": True}})
        suspect = system.model_copy(update={"process": (world, *system.process), "server": (durable,)})
        both = with_world_of(old.model_copy(update={"process": (stale, *old.process)}), suspect)
        assert Path(both.load.file) == toml.parent / "locustfile.py"
        assert str(toml.parent / "world.py") in both.process[0].command
        assert both.server == (durable,)
        assert "{system_dir}/service.py" in both.process[1].command
    assert not tree.exists()
    assert (toml.parent / "service.py").read_text(encoding="utf-8") == "changed by hand"
    assert len(notes_repository.git(tmp_path / "repo", "worktree", "list").splitlines()) == 1


def test_what_cannot_be_checked_out_says_why(tmp_path, root):
    toml = notes_repository.make(tmp_path / "repo")
    system = load_system(toml)
    for ref in ("nope", "--help", ""):
        with pytest.raises(UsageError, match="is no commit"), at_ref(system, ref):
            pass
    notes_repository.git(tmp_path / "repo", "checkout", "--quiet", "--orphan", "empty")
    notes_repository.git(tmp_path / "repo", "rm", "-rq", "--cached", ".")
    notes_repository.git(tmp_path / "repo", "commit", "--quiet", "--allow-empty", "-m", "nothing")
    with pytest.raises(SystemFileError, match=r"has no service/notes\.toml"), at_ref(system, "empty"):
        pass
    bare = tmp_path / "alone"
    bare.mkdir()
    alone = system.model_copy(update={"path": bare / "notes.toml"})
    with pytest.raises(UsageError, match="lies in no git repository"), at_ref(alone, "good"):
        pass


def test_the_history_of_this_machine_alone_names_suspects(tmp_path, root):
    from perflab.environment import fingerprint

    system = load_system(root / "tests/systems/notes/notes.toml")
    for folder, facts in (("here", fingerprint()), ("elsewhere", {**fingerprint(), "cores": 999})):
        for number in range(20):
            make_run(
                tmp_path / folder, number, cpu=50.0 if number < 17 else 60.0, system_name="notes", fingerprint=facts
            )
        HistoryStore(tmp_path / folder).rebuild()
    found = _suspects(_series(system, tmp_path / "here"))
    assert {named.metric for named in found} == {"CPU per turn"}
    assert "CPU per turn [baseline]: +2" in str(found[0]) and "since commit 0000000000" in str(found[0])
    assert _series(system, tmp_path / "elsewhere") == []


def test_a_suspect_of_another_variant_is_never_cleared_by_measuring_this_one(tmp_path, root, monkeypatch, capsys):
    from perflab.cli.gate import Named, _of_variant, run_gate
    from perflab.environment import fingerprint
    from perflab.history.timeline import Suspect

    here = fingerprint()
    for number in range(12):  # the baseline alone becomes slower
        before = [50.0 if number < 9 else 60.0] * 6
        noise = np.exp(np.random.default_rng(number).normal(0, 0.01, (2, 6)))
        blocks = comparison((before * noise[0]).tolist(), (12.0 * noise[1]).tolist())
        make_run(tmp_path, number, [blocks], system_name="notes", fingerprint=here)
    HistoryStore(tmp_path).rebuild()
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    file, toml = tmp_path / "gate.json", str(root / "tests/systems/notes/notes.toml")
    assert run_gate("variant:baseline", [], toml, "optimised", "", False, str(file)) == 3
    said = "CPU per turn [baseline] (pass --variant baseline)"
    assert f"the history suspects other variants alone: {said}." in capsys.readouterr().out
    body = json.loads(file.read_text(encoding="utf-8"))
    assert (body["outcome"], body["exit_code"], body["not_measured"]) == ("refused", 3, [said])
    there = Named("CPU", "CPU", Suspect("r", "c", "c", 0.2, "+20 %", ""), "baseline")
    anywhere = replace(there, variant="")
    assert _of_variant([there, anywhere], "baseline") == ([there, anywhere], [])
    assert _of_variant([there, anywhere], "optimised") == ([anywhere], [there])
    nobody_ships = [
        replace(there, variant=name) for name in ("baseline+store=redis", "orjson", "DROP of the partition")
    ]
    assert _of_variant(nobody_ships, "optimised") == ([], [])


def test_without_a_suspect_the_series_that_cannot_be_judged_are_counted(tmp_path, root, capsys):
    from perflab.environment import fingerprint

    system = load_system(root / "tests/systems/notes/notes.toml")
    for number in range(5):
        make_run(tmp_path, number, system_name="notes", fingerprint=fingerprint())
    HistoryStore(tmp_path).rebuild()
    assert _no_suspect(_series(system, tmp_path), str(tmp_path / "gate.json")) == 0
    said = "3 of 3 series cannot be judged yet, because they have fewer than 9 runs (3)."
    assert said in capsys.readouterr().out
    assert json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))["unjudged"] == said
