"""What a client's Opus, silence that stays below and a denoiser cost in the gateway, each against frames as they come.

Every session is listened to by its level and its stages are compiled, in all arms: what an arm costs is its own work.
The denoiser, whose work sessions can share, is measured once more where all of them are computed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from perflab.experiments.audio_stages import USERS, StageQuestion, Stages, conclude_stages
from perflab.experiments.audio_stages import measured as measured_blocks
from perflab.experiments.null_arm import NULL
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.experiments.units_of_work import ANSWERED
from perflab.findings.finding import Finding

WORLD = f"{USERS} clients at 16 kHz, each listened to by its level, stages compiled frame by frame"
DENOISER = "denoise=wiener"
UPLINK = StageQuestion(
    key="uplink",
    ordinal=9,
    under="pipeline=per_frame_numba+voice_activity=energy",
    arms={
        "client_audio=opus": ("ST-AUDIO-01", "Opus between client and gateway"),
        "silence=suppressed": ("ST-NET-15", "silence that is not sent up"),
        DENOISER: ("ST-AUDIO-06", "a denoiser on what comes up"),
    },
    plain="PCM, every frame sent up as it comes",
    against="PCM of which every frame is sent up as it comes",
    world=WORLD,
    asks="What does {} cost in the gateway?",
    condition=WORLD,
)
AT_ONCE = f"{USERS} clients at 16 kHz, each listened to by its level, stages of all sessions at once every 20 ms"
BATCHED = replace(
    UPLINK,
    key="uplink-batched",
    ordinal=10,
    under="pipeline=batched+voice_activity=energy",
    arms={DENOISER: ("ST-AUDIO-06", "a denoiser on what comes up, all sessions at once")},
    plain="the same, all sessions at once",
    world=AT_ONCE,
    condition=AT_ONCE,
)
BLOCKS, UNITS = 9, 2  # 9: a step that all blocks show passes Holm over three arms, 3 * 2^(1 - 9) <= 0.05
LEFT_OUT = "Opus, suppressed silence and the denoiser are measured in the gateway at full effort only."


def measured(study: Study) -> tuple[Stages, ...]:
    """Measure the arms of both questions in paired blocks of fresh processes; nothing at quick, which has no time."""
    return () if study.quick else tuple(measured_blocks(study, asked, BLOCKS, UNITS) for asked in (UPLINK, BATCHED))


def client_kb_per_unit(units: pd.DataFrame, kind: str) -> float:
    """Return what client and gateway sent each other for an answered unit, both ways together, in kB (10^3 bytes).

    The mean over the units of `kind` that were answered; NaN without any. Bytes of the frames, not of the network
    below them; a turn's begin where its phrase does, so that the silence between turns is left out.
    """
    rows = units[(units["kind"] == kind) & units["outcome"].isin(ANSWERED)]
    return float((rows["bytes_up"] + rows["bytes_down"]).mean()) / 1e3


def sent_kb(study: Study, stages: Stages) -> dict[str, float]:
    """Return the median over the blocks of `client_kb_per_unit`, by arm."""
    import numpy as np

    kind, found = study.system.load.unit_kind, dict[str, list[float]]()
    for name in stages.blocks.trials:
        trial = read_trial(study, name)
        found.setdefault(trial.spec.arm, []).append(client_kb_per_unit(trial.units, kind))
    return {arm: float(np.median(values)) for arm, values in found.items() if arm != NULL}


def rows(study: Study, found: Sequence[Stages]) -> list[dict[str, Any]]:
    """Return one row for each arm: medians, changes, and what client and gateway sent each other for a turn."""
    if not found:
        return [{"stages": "at full effort only"}]
    return [row for stages in found for row in _rows(study, stages)]


def _rows(study: Study, stages: Stages) -> list[dict[str, Any]]:
    sent, told = sent_kb(study, stages), stages.rows()
    arms = ["baseline", *dict.fromkeys(one.arm for one in stages.judged)]  # in the order of `told`
    return [{**row, "client and gateway (kB a turn)": round(sent[arm], 1)} for arm, row in zip(arms, told, strict=True)]


def sentence(found: Sequence[Stages]) -> str:
    """Say what each arm changes, or that quick leaves them out."""
    return " ".join(stages.sentence for stages in found) or LEFT_OUT


def conclude(study: Study, found: Sequence[Stages]) -> list[Finding]:
    """Return one finding for each figure of each arm, with the bytes of a turn beside it; none at quick."""
    return [one for stages in found for one in _concluded(study, stages)]


def _concluded(study: Study, stages: Stages) -> list[Finding]:
    sent = sent_kb(study, stages)
    return [
        one.model_copy(update={"caveats": (*one.caveats, *_lanes(stages.asked, str(one.details["flag"]))),
                       "details": one.details | {"client and gateway, kB a turn":
                       f"{sent['baseline']:.1f} without it, {sent[str(one.details['flag'])]:.1f} with it"}})
        for one in conclude_stages(study, stages, None)
    ]  # fmt: skip


def _lanes(asked: StageQuestion, flag: str) -> tuple[str, ...]:
    """Say how many sessions share what an arm computes: with more or fewer of them its CPU is another figure.

    Opus and silence have no batch to fill: a session's share of theirs is its own.
    """
    from perflab.audio.kernels.lanes import LANES

    if flag != DENOISER:
        return ()
    if asked is BATCHED:
        return (f"{USERS} sessions share what the denoiser computes, {LANES} lanes at a time: fewer of them pay more "
                "each, one alone what it pays frame by frame",)  # fmt: skip
    return (f"frame by frame the denoiser computes {LANES} sessions' lanes and one is used: with pipeline=batched "
            "the sessions of a tick share that CPU",)  # fmt: skip
