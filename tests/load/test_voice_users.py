"""The voice gateway's users against a server that follows the wire module to the letter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perflab.load.collect import read_rows
from perflab.load.plan import LoadPlan
from perflab.load.runner import LoadResult, run_load
from perflab.wire.frame import Flag, Frame, FrameType, decode_binary, decode_json64

from .conftest import server
from .test_websocket import unmask

MakePlan = Callable[..., LoadPlan]
FOLDER = Path(__file__).resolve().parents[2] / "data" / "systems" / "voice_gateway"


def drive(make_plan: MakePlan, form: str, *arguments: str, **changes: Any) -> tuple[LoadResult, pd.DataFrame]:
    with server("voice_server.py", form, *arguments) as (port, _):
        values: dict[str, Any] = {
            "users": {"VoiceUser": 1.0}, "primary": "VoiceUser", "steps": ((0.0, 3),), "duration_s": 3.5,
            "endpoints": {"voice": f"ws://127.0.0.1:{port}/voice"}, "flags": {"frames": form}, "drain_s": 4.0,
        }  # fmt: skip
        values |= changes
        # Phrases of 0.8 to 1.2 s instead of up to 2.5: speech is sent in real time, and more turns fit into a second.
        values["options"] = {"think_s": 0.2, "phrase_max_s": 1.2, **values.get("options", {})}
        result = run_load(make_plan(**values), FOLDER / "locustfile.py")
    return result, read_rows(result.row_logs)


@pytest.mark.slow
def test_both_forms_say_the_same_and_hear_the_same(make_plan: MakePlan) -> None:
    answers = []
    for form in ("binary", "json64"):
        result, rows = drive(make_plan, form)
        assert set(rows["outcome"]) == {"ok"} and set(rows["user"]) == {0, 1, 2} and len(rows) >= 3
        assert (rows["digest"] != 0).all() and (rows["bytes_up"] > 640 * 40).all()
        assert (rows["intended_ns"] <= rows["start_ns"]).all() and (rows["start_ns"] < rows["first_ns"]).all()
        assert (rows["first_ns"] < rows["end_ns"]).all() and (rows["mark7_ns"] <= rows["end_ns"]).all()
        assert (rows["mark7_ns"] > rows["first_ns"]).all()  # marks are those of the reply's last frame
        spoken = rows.groupby("user")["seq"].apply(list)
        assert all(list(seqs) == list(range(1, len(seqs) + 1)) for seqs in spoken)
        assert result.generator.lost_frames == 0
        assert " phrases, " in result.notes.get("material", "") + result.notes.get("synthetic", "")
        assert "sessions_cut_off" not in result.notes
        answers.append({(u, s): d for u, s, d in zip(rows["user"], rows["seq"], rows["digest"], strict=True)})
    common = answers[0].keys() & answers[1].keys()
    assert len(common) >= 3 and all(answers[0][key] == answers[1][key] for key in common)


@pytest.mark.slow
def test_barge_in_interrupts_the_reply(make_plan: MakePlan) -> None:
    _, rows = drive(make_plan, "binary", "--reply-ms", "4000", options={"barge_in": 1.0}, duration_s=6.0,
                    drain_s=1.0)  # fmt: skip
    outcomes = rows["outcome"].value_counts()
    assert outcomes["interrupted"] >= 3 and set(outcomes.index) <= {"interrupted", "ok", "unfinished"}


@pytest.mark.slow
def test_a_session_that_is_cut_off_goes_on_as_a_new_one(make_plan: MakePlan) -> None:
    result, rows = drive(make_plan, "binary", "--cut-off", "2", steps=((0.0, 1),), duration_s=8.0)
    first = rows[rows["user"] == 0].set_index("seq")["outcome"]
    assert first[1] == "ok" and first[2] == "lost"
    assert result.notes["sessions_cut_off"] >= 1 and (rows["user"] >= 2_000_000).any()


@pytest.mark.parametrize(
    ("arguments", "options", "outcome"),
    [
        (["--refuse"], {}, "error"),
        (["--turn-away", "503"], {}, "shed"),
        (["--close", "1013"], {}, "shed"),
        (["--wrong-turn"], {}, "error"),
        (["--silent"], {"turn_timeout_s": 0.5}, "timeout"),
        (["--silent"], {}, "unfinished"),
    ],
)
def test_bad_servers_are_outcomes(
    make_plan: MakePlan, arguments: list[str], options: dict[str, float], outcome: str
) -> None:
    _, rows = drive(make_plan, "binary", *arguments, options=options, steps=((0.0, 1),), duration_s=3.0, drain_s=1.0)
    assert len(rows) and set(rows["outcome"]) == {outcome}


@pytest.mark.slow
def test_an_arrival_counts_the_time_to_connect(make_plan: MakePlan) -> None:
    """Its first phrase is due at the same moment whatever the system does; here every session is ready too late."""
    ready_s, first_word_s = 1.2, 0.5
    _, rows = drive(make_plan, "binary", "--ready-s", str(ready_s), steps=(), arrivals_per_s=3.0, duration_s=3.0)
    due = rows[rows["kind"] == "arrival"].set_index("user")["intended_ns"]
    turns = rows[(rows["kind"] == "turn") & (rows["start_ns"] > 0)].set_index("user")
    assert len(turns) >= 1 and (turns["seq"] == 1).all()
    spoken_ns = turns["intended_ns"] - due[turns.index] - round(first_word_s * 1e9)
    assert (spoken_ns > 0).all() and (spoken_ns < 2.6e9).all() and (spoken_ns % 20_000_000 == 0).all()
    assert (turns["start_ns"] - turns["intended_ns"] > (ready_s - first_word_s - 0.02) * 1e9).all()


def test_nobody_there_is_an_error_for_each_attempt(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline on a new machine the users speak nothing recorded, which the run says in so many words."""
    monkeypatch.setenv("PERFLAB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = make_plan(
        users={"VoiceUser": 1.0}, primary="VoiceUser", steps=((0.0, 1),), endpoints={"voice": "ws://127.0.0.1:9/voice"}
    )
    result = run_load(plan, FOLDER / "locustfile.py")
    rows = read_rows(result.row_logs)
    assert len(rows) and set(rows["outcome"]) == {"error"} and "Refused" in result.notes["first_refusal"]
    assert "material" not in result.notes and " of 12 utterances; synthetic: no recorded" in result.notes["synthetic"]


@pytest.mark.slow
def test_arrivals_take_one_turn_each(make_plan: MakePlan) -> None:
    _, rows = drive(make_plan, "binary", steps=(), arrivals_per_s=3.0, duration_s=4.0)
    arrivals, turns = rows[rows["kind"] == "arrival"], rows[rows["kind"] == "turn"]
    assert len(arrivals) >= 3 and set(arrivals["outcome"]) <= {"ok", "unfinished"}
    assert turns["user"].is_unique and set(turns["user"]) <= set(arrivals["user"])


def test_frames_are_those_of_the_wire_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    try:
        from voice_frames import BinaryForm, Json64Form

        pcm = bytes(range(256)) * 2 + bytes(128)
        expected = Frame(FrameType.AUDIO, 3, 70_000, 1_400_000, pcm, Flag.END_OF_SPEECH)
        for form, decode in ((BinaryForm(), decode_binary), (Json64Form(), decode_json64)):
            wire = form.audio(3, 70_000, 1_400_000, 2, form.prepare(pcm))
            assert decode(unmask(wire)[1]) == expected
            control = decode(unmask(form.control({"op": "start"}))[1])
            assert (control.type, control.payload) == (FrameType.CONTROL, b'{"op": "start"}')
    finally:
        sys.modules.pop("voice_frames", None)
