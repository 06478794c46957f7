"""How long a changed template is not seen: its file is replaced at random moments while a gateway renders it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from perflab.experiments.strategies.caching.staleness import (
    LOOK_S,
    WRITES_FULL,
    WRITES_QUICK,
    Window,
    folded,
    stale_rows,
    write_and_look,
)
from perflab.experiments.strategies.loop_thread import LoopThread
from perflab.experiments.study import Study
from perflab.system.launch import launch

SETTINGS = ("template=cached", "template=cached_ttl")
TTL_S = 1.0  # of template=cached_ttl; a test holds them equal
PAUSE_S = 0.2, 0.8  # between two changes: drawn anew each time, so that no change keeps step with the times to live


def windows(study: Study) -> tuple[Window, ...]:
    """Measure every setting on one gateway that has a folder of templates of its own."""
    changes = WRITES_QUICK if study.quick else WRITES_FULL
    found: list[Window] = []
    for setting in SETTINGS:
        study.progress("staleness of a template", len(found), len(SETTINGS), setting)
        found.append(measured(study, setting, changes))
    return tuple(found)


def measured(study: Study, setting: str, changes: int) -> Window:
    """Change the template so many times under one setting; its windows count from the file's replacement."""
    folder = study.run.folder("trials") / f"stale-{setting.replace('=', '-')}"
    prompts = folder.resolve() / "prompts"
    prompts.mkdir(parents=True, exist_ok=True)
    prompts.joinpath("assistant.j2").write_text("a template that every session names")
    replace_template(prompts, 0)
    pauses = np.random.default_rng(study.seed).uniform(*PAUSE_S, changes)
    with (
        launch(
            study.system, study.variant(f"baseline+{setting}"), folder, seed=study.seed, cores=study.cores,
            wrap={"gateway": partial(_with_templates, prompts)},
        ) as running,
        LoopThread() as loop,
    ):  # fmt: skip
        written, seen = loop.run(_change_and_look(running.endpoints["api"], prompts, pauses.tolist()))
    return folded(setting, written, seen)


def _with_templates(prompts: Path, command: list[str], given: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    return [*command, "--templates", str(prompts)], given


def replace_template(prompts: Path, version: int) -> int:
    """Replace the template of summaries in one step: whoever opens it has the old or the new one, whole."""
    new = prompts / "summary.new"
    new.write_text(str(version))
    os.replace(new, prompts / "summary.j2")
    return version


async def _change_and_look(
    api: str, prompts: Path, pauses: Sequence[float]
) -> tuple[dict[int, float], list[tuple[float, int]]]:
    """Return when each version was on the disk, and which one each rendered summary showed."""
    import aiohttp

    versions = iter(range(1, len(pauses) + 1))

    async def change() -> int:
        return replace_template(prompts, next(versions))

    async with aiohttp.ClientSession(raise_for_status=True) as client:
        async with client.post(f"{api}/api/sessions", json={"user": "Ada"}) as answer:
            session = int((await answer.json())["id"])

        async def look() -> int:
            async with client.post(f"{api}/api/sessions/{session}/summary") as answer:
                return int((await answer.json())["code"])

        return await write_and_look(change, look, pauses)


def changed_sentence(seen: tuple[Window, ...]) -> str:
    """Say how long a gateway renders what the disk does not hold any more."""
    parts = [
        f"{row['setting']} {row['longest window (ms)']:g} ms (median {row['median window (ms)']:g}, "
        f"p95 {row['p95 window (ms)']:g})"
        for row in stale_rows(seen)
    ]
    return (
        f"After a template's file was replaced, what the gateway rendered was the old one for at most "
        f"{', '.join(parts)}; rendered again {1000 * LOOK_S:g} ms after each answer, {seen[0].windows_ms.size} changes "
        "each at random moments."
    )
