"""What the gate, the machine's calibration and the comparison of runs say where a null arm was planted (material)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from perflab.experiments.blocks import BlockResult
from perflab.experiments.self_calibration import PAIRS, PLANTED, SelfCalibration, judge
from perflab.experiments.study import Study, create_run
from perflab.instrument.noise import Canary, NoiseReading
from perflab.instrument.paired_times import PairedTimes
from perflab.instrument.paired_timing import NULL

COMPARISONS, REPEATS, SPREAD = 12, 500, 0.005
QUIET = NoiseReading(0.01, 0.0, 0.0, 0.1, 0.0, 0.0, Canary(1.0, 1.0), Canary(1.0, 1.0))
GENERATOR = {"sessions": 100.0, "achieved_frame_rate": 5000.0, "cpu_percent": 30.0, "late_p99_ms": 1.0}
JUDGED = ("cpu_ms_per_unit", "p50_ms", "memory_mb")


def calibration(rng: np.random.Generator, twin: float) -> SelfCalibration:
    """Return the judgement of timed work whose twin takes `twin` times as long (1 = identical, as it should be)."""
    blocks = COMPARISONS * PAIRS
    level = 1e6 * np.array([1.0, *(twin if name == NULL else 1 + effect for name, effect in PLANTED.items())])
    noise = np.exp(SPREAD * rng.standard_t(4, (blocks, level.size, 1)))
    wall = np.round(level[None, :, None] * noise).astype(np.int64)
    place = np.tile(np.arange(level.size), (blocks, 1))
    times = PairedTimes(("A", *PLANTED), 0, wall, wall[:, :, 0], wall[:, :, 0], 0 * place, place, (QUIET,) * blocks)
    return judge(times, REPEATS, (6, PAIRS), 1)


def save_calibration(study: Study, found: SelfCalibration) -> list[str]:
    """Conclude 00_machine as its notebook does: findings and note; return what its cells print."""
    from dataclasses import replace

    from perflab.experiments.conclude.machine import conclude
    from perflab.experiments.self_calibration import note, table, table_rows

    machine, rows = replace(study, notebook="00_machine"), table_rows(found)
    note(machine, rows)
    findings = conclude(machine, found, GENERATOR, [{"name": "cores", "available": True}], None)
    machine.save_findings(findings)
    return [found.floor_sentence, table(rows).to_string(), *(f"{f.verdict}: {f.claim}" for f in findings)]


def gate_says(study: Study, blocks: BlockResult, margin: float | None) -> list[str]:
    """Return the gate's lines, warnings, `--json` and gate.json, as `perflab gate` prints and writes them."""
    from perflab.cli.gate_text import Said
    from perflab.experiments.gate import conclude
    from perflab.report.calibration import calibration_of
    from perflab.strict_json import json_text

    found = conclude(blocks, (), JUDGED, margin)
    said = Said(found, study.system, study.system.judge, "main (0123456789ab)", calibration_of(study.run))
    return [*said.lines, *found.warnings, json_text(said.as_dict()), json_text(found.as_dict())]


def runs_say(study: Study, other: Any) -> list[str]:
    """Return `perflab compare` as text, JSON and Markdown, either way round, and `perflab history` of both runs."""
    from perflab.cli.compare import as_dict, markdown, table
    from perflab.cli.history import as_dict as history_dict
    from perflab.cli.history import plot
    from perflab.history.pair import compare_runs
    from perflab.history.store import HistoryStore
    from perflab.history.timeline import timelines
    from perflab.strict_json import json_text

    store = HistoryStore(reports_of(study))
    for run in (study.run, other):
        store.add(run, again=True)
    pairs = [compare_runs(other, study.run), compare_runs(study.run, other)]
    lines = timelines(store.rows()[0])
    return [
        *(text for pair in pairs for text in (table(pair), markdown(pair), json_text(as_dict(pair)))),
        *(text for line in lines for text in (*plot(line), json_text(history_dict(line)))),
    ]


def sibling(study: Study) -> Any:
    """Return a second finished run of the same system, to compare with."""
    run = create_run(study.system, str(study.run.manifest.system), study.effort, study.seed, reports_of(study))
    run.update(status="done")
    return run


def reports_of(study: Study) -> Path:
    """Return the reports folder that holds a study's run."""
    return study.run.path.parents[1]
