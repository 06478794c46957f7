"""Experiments on a real service over a real Redis: blocks, random numbers, resuming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.conclude import judge_arms
from perflab.experiments.strategies.experiment import BASE, StrategyExperiment, Target, Work
from perflab.experiments.strategies.run import Sizes, run_experiment
from perflab.experiments.study import Study, create_run
from perflab.experiments.trial import core_readings
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system

NOTES = {"title": "a", "body": "b" * 200, "tags": "c", "author": "d"}


async def fill(target: Target) -> None:
    for i in range(5):
        async with target.client.post(f"{target.endpoints['http']}/notes", json={"id": i, **NOTES}) as answer:
            assert answer.status == 201


async def read(target: Target) -> Work:
    sizes: list[int] = []

    async def send(i: int) -> bool:
        async with target.client.get(f"{target.endpoints['http']}/notes/{i % 5}") as answer:
            sizes.append(len(await answer.read()))
            return answer.status == 200

    seen = await open_arrivals(target.rng, 120.0, target.seconds, send)
    return Work(seen.latency_ms, seen.late_ms, seen.failed, {"bytes": float(np.mean(sizes))}, f"{set(sizes)}")


EXPERIMENT = StrategyExperiment(
    "notes-reads", "ST-API-01", "reads", ("reads=one_trip",), "120 reads/s of 5 notes", read, fill
)  # fmt: skip


@pytest.fixture
def notes(root: Path, tmp_path: Path) -> Iterator[Study]:
    system = load_system(root / "tests/systems/notes/notes.toml")
    run = create_run(system, str(system.path), "quick", 7, tmp_path)
    yield Study(run, system, "23_api_streaming", "quick", 7, default_cores())


def test_side_by_side_blocks_hold_every_arm_on_the_same_work(notes: Study) -> None:
    seen = run_experiment(notes, EXPERIMENT, Sizes(blocks=3, seconds=0.3, fresh=False))
    assert sorted((r["arm"], r["block"]) for r in seen.rows) == sorted(
        (arm, block) for arm in (BASE, NULL, "reads=one_trip") for block in range(3)
    )
    for block in range(3):
        assert len({r["requests"] for r in seen.rows if r["block"] == block}) == 1  # common random numbers
    assert seen.counts("reads=one_trip")[0] == 0 and seen.equal_answers("reads=one_trip") == (3, 3)
    assert (seen.column("reads=one_trip", "cpu_ms_per_request") > 0).all()
    account = np.array([seen.column(BASE, name) for name in ("core_ran_s", "core_own_s", "core_interrupted_s")])
    assert np.isfinite(account).all() == bool(core_readings(notes.cores.system))
    assert (account[~np.isnan(account)] >= 0).all()
    assert (seen.column(BASE, "memory_mb") > 20).all() and (seen.column(BASE, "bytes") > 200).all()

    text = (notes.run.folder("samples") / "strategy.notes-reads.json").read_text()
    again = run_experiment(notes, replace(EXPERIMENT, work=_must_not_run), Sizes(3, 0.3, fresh=False))
    assert again.rows == seen.rows and json.loads(text)["rows"] == list(seen.rows)


async def _must_not_run(target: Target) -> Work:
    raise AssertionError("measured again")


def test_an_interrupted_experiment_of_fresh_processes_goes_on_with_whole_blocks(notes: Study) -> None:
    calls, found = [], []

    async def leaves(target: Target) -> Work:
        folder = target.running.trial_dir
        found.append((folder / "rows").exists())
        (folder / "rows").write_text("left behind")
        return await read(target)

    async def stops(target: Target) -> Work:
        calls.append(target.block)
        if len(calls) == 5:
            raise RuntimeError("interrupted")
        return await leaves(target)

    sizes, short = Sizes(blocks=2, seconds=0.2, fresh=True), replace(EXPERIMENT, first_s=0.0)
    with pytest.raises(RuntimeError, match="interrupted"):
        run_experiment(notes, replace(short, work=stops), sizes)
    path = notes.run.folder("samples") / "strategy.notes-reads.json"
    kept = json.loads(path.read_text())["rows"]
    assert len(kept) == 4
    seen = run_experiment(notes, replace(short, work=leaves), sizes)
    assert list(seen.rows[:3]) == kept[:3] and len(seen.rows) == 6 and seen.rows[3] != kept[3]
    assert found == [False] * 7  # every fresh process begins in an empty folder, also where another was interrupted

    other = json.loads(path.read_text()) | {"commit": "of another day"}
    path.write_text(json.dumps(other))
    with pytest.raises(AssertionError, match="measured again"):
        run_experiment(notes, replace(short, work=_must_not_run), sizes)


def test_a_fresh_process_works_a_little_before_it_is_measured_and_a_small_block_has_no_tail(notes: Study) -> None:
    lengths = []

    async def notes_length(target: Target) -> Work:
        lengths.append(target.seconds)
        return await read(target)

    few = replace(EXPERIMENT, work=notes_length, key="notes-few")
    seen = run_experiment(notes, few, Sizes(1, 0.05, fresh=True))
    assert lengths == [0.5, 0.05] * 3
    assert all("p95_ms" not in row for row in seen.rows) and np.isnan(seen.column(BASE, "p95_ms")).all()
    told = [item for item in judge_arms([seen]) if item.figure.column == "p95_ms"]
    assert told[0].judged is None and "fewer than 20 answers" in told[0].problem


def test_what_the_preparation_found_stands_in_every_block_of_that_start(notes: Study) -> None:
    starts = []

    async def weighed(target: Target) -> dict[str, float]:
        await fill(target)
        starts.append(target.variant.name)
        return {"kb": float(len(starts))}

    shared, fresh = (
        run_experiment(notes, replace(EXPERIMENT, key=f"notes-kb-{how}", prepare=weighed, first_s=0.0), sizes)
        for how, sizes in (("shared", Sizes(2, 0.05, fresh=False)), ("fresh", Sizes(2, 0.05, fresh=True)))
    )
    assert len(starts) == 3 + 6
    assert all(shared.column(arm, "kb")[0] == shared.column(arm, "kb")[1] for arm in (BASE, NULL, "reads=one_trip"))
    assert sorted(row["kb"] for row in fresh.rows) == [4, 5, 6, 7, 8, 9]
