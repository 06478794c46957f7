"""The load's microphones at 48 kHz, many at once: what the flags ask for is what is sent, resampled and answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perflab.load.collect import read_rows
from perflab.load.plan import LoadPlan
from perflab.load.runner import LoadResult, run_load
from perflab.wire.audio_format import FORMATS, FRAME_MS

from .processes import ROOT, RunningGateway, World, gateway
from .test_audio_pipeline import metric
from .variants import OPTIMISED

LOAD_FILE = ROOT / "data" / "systems" / "voice_gateway" / "locustfile.py"
FLAGS = OPTIMISED | {"client_audio": "pcm48k", "voice_activity": "energy", "pipeline": "batched"}
USERS = 12
WIDE = FORMATS["pcm48k"]


def speak(running: RunningGateway, folder: Path, flags: dict[str, str], **changes: Any) -> LoadResult:
    plan = LoadPlan(
        name="wide", host="", endpoints={"voice": f"ws://127.0.0.1:{running.voice_port}/voice"},
        users={"VoiceUser": 1.0}, primary="VoiceUser", steps=((0.0, USERS),), duration_s=8.0,
        out_dir=str(folder), flags=flags, options={"think_s": 0.2, "phrase_max_s": 1.2, "units_per_user": 1.0},
        drain_s=4.0,
    )  # fmt: skip
    return run_load(replace(plan, **changes), LOAD_FILE)


@pytest.mark.slow
def test_a_dozen_clients_at_48_khz_are_all_answered_and_worked_on_together(outside: World, tmp_path: Path) -> None:
    with gateway(outside, "wide-load", FLAGS) as running:
        rows = read_rows(speak(running, tmp_path / "load", FLAGS).row_logs)
        assert set(rows["outcome"]) == {"ok"}
        assert sorted(rows["user"]) == list(range(USERS))
        assert (rows["digest"] != 0).all()
        _all_of_it_is_wide(rows)
        wide, live = (metric(running, name) for name in ('gateway_client_audio_bytes_total{direction="up"}',
                                                         'gateway_audio_bytes_total{direction="up"}'))  # fmt: skip
        assert 2.9 * live < wide < 3.6 * live  # a third of the samples goes up; a session's last frames may not
        assert metric(running, "gateway_audio_speech_ends_total") >= USERS
        frames, ticks = wide / WIDE.frame_up_bytes, metric(running, "gateway_audio_ticks_total")
        assert 0 < ticks < frames / 2  # several sessions to a tick


def _all_of_it_is_wide(rows: pd.DataFrame) -> None:
    """A turn's bytes up are those of its frames at 48 kHz, and a little for headers."""
    spoken_s = (rows["end_ns"] - rows["intended_ns"]).max() / 1e9 + 0.3  # at least a phrase of 0.3 s before its end
    assert (rows["bytes_up"] > 0.3e3 / FRAME_MS * WIDE.frame_up_bytes).all()
    assert (rows["bytes_up"] < (spoken_s + 4) * 1e3 / FRAME_MS * 1.05 * WIDE.frame_up_bytes).all()


@pytest.mark.slow
def test_a_gateway_that_does_not_offer_48_khz_refuses_such_clients_in_one_line(outside: World, tmp_path: Path) -> None:
    narrow = {**OPTIMISED, "client_audio": "pcm16k"}
    with gateway(outside, "narrow-load", narrow) as running:
        result = speak(running, tmp_path / "load", FLAGS, steps=((0.0, 1),), duration_s=1.5, drain_s=0.5)
    assert set(read_rows(result.row_logs)["outcome"]) == {"error"}
    assert "this gateway takes pcm at 16000 Hz" in str(result.notes["first_refusal"])
