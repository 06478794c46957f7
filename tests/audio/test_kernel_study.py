"""The race of the kernels: its table, figure and sentences on planted times, and the parts of the bench."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.benches.audio.contest import Contest, Outcome, hold
from perflab.benches.audio.material import speech_like
from perflab.experiments import audio_kernels
from perflab.report.figures.kernel_ratios import kernel_ratios
from perflab.stats.interval import Interval
from perflab.system.cores import Cores


def outcome(title: str, ratio: float, limit: float, low: float | None = None) -> Outcome:
    contest = Contest(title, title, lambda: None, lambda: None, 1, limit)
    return Outcome(contest, Interval(ratio, low or 0.9 * ratio, 1.1 * ratio, 0.95, 11, "planted"), 1.0, ratio)


RACE = audio_kernels.Race((outcome("resampler", 3.0, 2.0), outcome("<mixer>", 4.5, 5.0)), ("soxr (absent)",))


def spin(rounds: int) -> Any:
    return lambda: sum(range(rounds))


def test_a_planted_ratio_is_found() -> None:
    held = hold(Contest("x", "x", spin(20_000), spin(80_000), 10, 1.0), blocks=9)
    assert 2.5 < held.ratio.value < 6  # CPU time, and nothing is claimed about speed
    assert held.ratio.low is not None and held.ratio.low <= held.ratio.value
    bar = held.bar(told="this")
    assert bar.holds and bar.detail["told"] == "this" and bar.detail["lanes"] in (4, 8, 16)
    json.dumps(bar.as_dict())


def test_sentence_names_what_falls_short_and_what_is_left_out() -> None:
    assert "below what was asked: <mixer>" in RACE.sentence
    assert "Left out: soxr (absent)" in RACE.sentence
    assert RACE.slowest.contest.title == "resampler"
    reached = audio_kernels.Race(RACE.outcomes[:1], ())
    assert "all reach what was asked" in reached.sentence


def test_figure_draws_every_contest_and_escapes_its_title() -> None:
    drawn = kernel_ratios(RACE.rows(), "Kernels")
    assert "resampler 3.0 [2.7, 3.3], asked 2" in drawn.alt
    assert "<mixer>" not in drawn.svg
    one_sided = [{**RACE.rows()[0], "low": None, "high": None}]
    assert "resampler 3.0 [3.0, 3.0]" in kernel_ratios(one_sided, "One").alt


def test_threads_are_told_with_their_cpu_time() -> None:
    gain = audio_kernels.ThreadGain(Interval(1.1, 0.9, 1.2, 0.95, 15, "planted"), 1.02)
    study = SimpleNamespace(cores=Cores((0,), (1,)))
    said = audio_kernels.thread_sentence(study, gain)  # type: ignore[arg-type]
    assert "1.10 times" in said and "+2 % of CPU time" in said and "waiting for a core" in said
    alone = SimpleNamespace(cores=Cores((0,), (0,)))
    assert "one core" in audio_kernels.thread_sentence(alone, gain)  # type: ignore[arg-type]


def test_every_check_of_a_run_passes() -> None:
    checks = audio_kernels.check_kernels()
    assert len(checks) >= 12
    assert [check.name for check in checks if not check.passed] == []


def test_notebook_asks_the_question_of_the_design() -> None:
    file = Path(__file__).resolve().parents[2] / "notebooks" / "20_audio_kernels.ipynb"
    first = "".join(json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"])
    assert first.startswith("# What does compiling buy, and is it right?")


def test_a_peer_that_is_missing_leaves_a_bar_that_does_not_hold() -> None:
    from perflab.benches.audio.contest import missing

    bar = missing("rs48", "beside soxr", ">=", 1.2, "soxr is not installed")
    assert not bar.holds
    assert "soxr is not installed" in bar.line()
    assert bar.value is None


@pytest.mark.parametrize("part", ["ceiling", "resampling", "companding", "fourier", "mixing", "tones", "gpu"])
def test_part_is_found_by_the_family(part: str) -> None:
    from importlib import import_module

    module = import_module(f"perflab.benches.audio.{part}")
    assert callable(module.bars) and module.ORDER > 0


def test_the_compiled_filter_of_the_race_finds_the_amplitudes_of_the_detector() -> None:
    from perflab.benches.audio import tones

    assert tones.exactness().holds
    race = tones.contest()
    theirs, ours = np.zeros((tones.SESSIONS, 8), np.float32), np.asarray(race.ours())
    tones.goertzel(speech_like(tones.SESSIONS, tones.SAMPLES), tones._factors(), theirs)
    assert np.abs(ours - theirs).max() <= 1e-3 * np.abs(ours).max()  # the recursion loses a few digits in float32


def test_the_bench_says_what_its_ratios_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from perflab.benches import audio
    from perflab.benches.audio import tones

    monkeypatch.setattr(tones, "bars", lambda say: [tones.exactness()])
    said: list[str] = []
    assert [bar.id for bar in audio.run({"tones"}, said.append)] == ["dtmf-exact"]
    assert said[-1].startswith("CPU features") and "numba" in said[-1] and "lanes of float32" in said[-1]
