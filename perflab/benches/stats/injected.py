"""Runs and gates with a planted null arm, and everything that the product would print of them (material, no part)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from perflab.benches.stats.injected_elsewhere import (
    calibration,
    gate_says,
    reports_of,
    runs_say,
    save_calibration,
    sibling,
)
from perflab.experiments.blocks import ArmFigures, BlockResult
from perflab.experiments.confirm import Confirmation, confirmed_figures
from perflab.experiments.gate import SUSPECT
from perflab.experiments.null_arm import CPU_MARGIN, FIGURES, NULL
from perflab.experiments.screen import Screening, flag_effect
from perflab.experiments.self_calibration import SelfCalibration
from perflab.experiments.study import Study, create_run
from perflab.runs import Run, list_runs
from perflab.stats.compare import compare_paired
from perflab.stats.selection import screen
from perflab.system.cores import Cores
from perflab.system.load_file import load_system

SETS = ("blocks", "screening", "confirmation")
MACHINE, GATE = "00_machine", "gate"  # the other places in which identical arms are measured
VERDICTS = re.compile(r"\b(better|worse)\b", re.IGNORECASE)
SYSTEM = "data/systems/voice_gateway.toml"
LEVELS = {"cpu_ms_per_unit": 12.0, "p50_ms": 900.0, "p95_ms": 1400.0, "added_p50_ms": 20.0, "memory_mb": 150.0}


@dataclass(frozen=True)
class Planted:
    """Where a null arm is made to fail: a block set, the machine, a gate, and in which figure; "" = nowhere."""

    where: str = ""
    column: str = "cpu_ms_per_unit"
    sign: int = 1


@dataclass(frozen=True)
class Case:
    """One run's calibration of the machine and the three block sets of 30_prototype, or the blocks of a gate."""

    blocks: BlockResult
    screening: Screening
    confirmation: Confirmation | None
    machine: SelfCalibration
    gate: BlockResult
    gate_margin: float | None


@contextmanager
def studied() -> Iterator[Study]:
    """Yield a study of the reference system in a folder that vanishes: nothing is started, only concluded."""
    root = Path(__file__).resolve().parents[3]
    system = load_system(root / SYSTEM)
    with TemporaryDirectory(prefix="perflab-injected-") as folder:
        run = create_run(system, SYSTEM, "full", 7, Path(folder))
        run.update(status="done")
        yield Study(run, system, "30_prototype", "full", 7, Cores((0,), (0,)))


def make_case(study: Study, rng: np.random.Generator, planted: Planted) -> Case:
    """Return block sets in which some flags truly pay, some cost, and the null arm fails where it is planted."""
    judged = study.system.judge
    blocks = block_set(rng, {judged: float(rng.uniform(0.3, 0.8))}, planted if planted.where == "blocks" else None)
    screening = _screening(study, rng, planted if planted.where == "screening" else None)
    arms = [f"{e.flag}={e.value}" for e in screening.effects][:3]
    chosen = tuple(e for e in screening.effects if e.arm in arms)
    fresh = block_set(rng, {arm: float(rng.choice([0.7, 0.9, 1.2])) for arm in arms},
                       planted if planted.where == "confirmation" else None)  # fmt: skip
    machine = calibration(rng, 1.0 + 0.06 * planted.sign if planted.where == MACHINE else 1.0)
    gate = block_set(rng, {SUSPECT: float(rng.choice([0.6, 1.3]))}, planted if planted.where == GATE else None)
    margin = float(rng.choice([0.02, 0.05, 0.25])) if rng.random() < 0.5 else None
    return Case(blocks, screening, confirmed_figures(chosen, fresh), machine, gate, margin)


def printed_by_gate(study: Study, case: Case) -> list[str]:
    """Return every "better" or "worse" that `perflab gate` prints and writes of a case."""
    return _verdicts(gate_says(study, case.gate, case.gate_margin))


def printed(study: Study, case: Case) -> list[str]:
    """Return every "better" or "worse" that a run with this case says, wherever it says something.

    That is in the cells of 00_machine and 30_prototype, in findings, page and deliverables, in `perflab compare` with a
    run whose null arms hold, and in `perflab history`. The glossary and the definitions of the success criteria, which
    explain the words, are left out.
    """
    from perflab.experiments import prototype, tables
    from perflab.experiments.conclude.flags import forest_rows
    from perflab.experiments.conclude.prototype import conclude, null_checks
    from perflab.report.deliverables.build import build_deliverables
    from perflab.report.run_page import build_run_page

    blocks, screening, confirmation = case.blocks, case.screening, case.confirmation
    cells = save_calibration(study, case.machine)
    study.save_findings(conclude(study, blocks, screening, [], [], {}, confirmation))
    pages = [build_run_page(study.run), *build_deliverables(study.run), *study.run.folder("findings").glob("*.json")]
    texts = [_plain(path.read_text(encoding="utf-8")) for path in pages]
    for definition in _definitions():
        texts = [text.replace(definition, "") for text in texts]
    texts += [
        tables.block_table(study, blocks).to_string(),
        tables.screening_table(screening).to_string(),
        prototype.comparison_sentence(study, blocks),
        prototype.confirmation_sentence(study, screening, confirmation),
        str(forest_rows(screening, confirmation, null_checks(blocks, screening, confirmation, study.run))),
        *cells,
        *runs_say(study, _sound_sibling(study)),
    ]
    return _verdicts(texts)


def _verdicts(texts: list[str]) -> list[str]:
    return [found.group(0) for text in texts for found in VERDICTS.finditer(text)]


def _sound_sibling(study: Study) -> Run:
    """Return the run to compare with: it holds the same figures, all trusted; made once for a study."""
    known = [run for run in list_runs(reports_of(study))[0] if run.id != study.run.id]
    if known:
        return known[0]
    other = replace(study, run=sibling(study))
    case = make_case(other, np.random.default_rng(1), Planted())
    from perflab.experiments.conclude.prototype import conclude

    other.save_findings(conclude(other, case.blocks, case.screening, [], [], {}, case.confirmation))
    return other.run


def _plain(text: str) -> str:
    """Return a page without its styles, its tags and its glossary."""
    text = re.sub(r"<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'<h2 id="glossary".*?</dl>', "", text, flags=re.S)
    return unescape(re.sub(r"<[^>]+>", " ", text))


def _definitions() -> list[str]:
    from perflab.report.deliverables.criteria import FILE

    return [str(item["check"]) for item in tomllib.loads(FILE.read_text(encoding="utf-8"))["criterion"]]


def block_set(rng: np.random.Generator, effects: dict[str, float], planted: Planted | None) -> BlockResult:
    """Return 8 to 20 blocks of baseline, null arm and `effects` (arm to ratio) with half a per cent of noise."""
    figures = [
        _figures(rng, arm, block, effect, shared, planted)
        for block in range(int(rng.integers(8, 21)))
        for shared in (float(np.exp(rng.normal(0, 0.1))),)
        for arm, effect in {"baseline": 1.0, NULL: 1.0, **effects}.items()
    ]
    return BlockResult(tuple(figures), (), {arm: (40, 40) for arm in effects})


def _figures(
    rng: np.random.Generator, arm: str, block: int, effect: float, shared: float, planted: Planted | None
) -> ArmFigures:
    values = {name: level * shared * effect * float(np.exp(rng.normal(0, 0.005))) for name, level in LEVELS.items()}
    values["added_p50_ms"] = LEVELS["added_p50_ms"] * effect + float(rng.normal(0, 0.1))
    if planted and arm == NULL:
        values[planted.column] = _shifted(values[planted.column], planted)
    return ArmFigures(arm=arm, block=block, units=40, failed=0, late_p99_ms=0.5, run_delay=0.02, **values)


def _shifted(value: float, planted: Planted) -> float:
    """Move a null arm's figure to twice its margin, which its noise cannot hide."""
    figure = next(f for f in FIGURES if f.column == planted.column)
    if figure.unit:
        return value + 2 * planted.sign * figure.margin
    return float(value * np.exp(2 * planted.sign * np.log1p(figure.margin)))


def _screening(study: Study, rng: np.random.Generator, planted: Planted | None) -> Screening:
    n, flags = 10, [f for f in study.system.flag if f.optimised != f.baseline]
    base = 12 * np.exp(rng.normal(0, 0.05, n))

    def arm(effect: float) -> np.ndarray:
        return np.asarray(base * effect * np.exp(rng.normal(0, 0.005, n)))

    null = arm(float(np.exp(2 * planted.sign * np.log1p(CPU_MARGIN))) if planted else 1.0)
    arms = {f"{f.name}={f.optimised}": arm(float(rng.choice([0.7, 0.9, 1.0, 1.2]))) for f in flags}
    found = screen(base, arms, lower_is_better=True, margin=CPU_MARGIN, null_arm=null)
    effects = tuple(flag_effect(study, item, (40, 40)) for item in found)
    return Screening(effects, compare_paired(base, null, lower_is_better=True, margin=CPU_MARGIN), n, 5, ())
