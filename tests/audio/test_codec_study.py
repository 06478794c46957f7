"""The study of codecs: figures, tables and sentences on planted measurements, its arithmetic, and a real small run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.registry import codec_named
from perflab.audio.kernels.ceiling import Ceiling
from perflab.audio.kernels.resampler import Resampler
from perflab.audio.quality.word_error import WordErrors, words_of
from perflab.audio.utterance import Utterance
from perflab.benches.audio import codecs_judged
from perflab.benches.audio.chain import SESSIONS, STAGES, Run
from perflab.benches.audio.codecs_judged import Judged, Speech, Treatment, through
from perflab.experiments import codecs, codecs_link, codecs_loss
from perflab.experiments.codecs_chain import ChainCost
from perflab.experiments.conclude.codecs import conclude
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.report.figures.codec_front import codec_front
from perflab.report.figures.curves import curves
from tests.audio.codecs.material import likeness, voice

SPEECH = Speech(tuple(Utterance(f"u{k}", "one two three four five", voice(0.4)) for k in range(30)), None, "planted")
PLANTED = {"pcm": (256.0, 4.6, 20.0), "flac": (150.0, 4.6, 20.0), "g711-mu": (64.0, 3.0, 29.2),
           "g722": (64.0, 4.3, 21.4), "aac": (16.0, 2.4, 192.0)}  # fmt: skip


def judged(codec: str, settings: Settings = Settings(), wrong: int = 0, loss: float = 0.0) -> Judged:  # noqa: B008
    rate, score, delay = PLANTED.get(codec, (0.0, 0.0, 26.5))
    if codec == "opus":
        rate = (settings.bit_rate or 0) / 1e3
        score = min(3.0 + rate / 40 + 0.05 * (settings.complexity or 0), 4.5)
    errors = tuple(WordErrors(int(k < wrong), 5) for k in range(30))
    encode_us = 30.0 + 9 * (settings.complexity or 0)
    return Judged(Treatment(codec, settings, loss), rate, encode_us, 5.0, delay, score, 0.98, errors)


def front() -> codecs.Front:
    made = [
        judged(codec, settings, wrong=3 if settings.bit_rate == 8_000 else 1) for codec, settings in codecs.SETTINGS
    ]
    return codecs.Front(tuple(made), SPEECH, seed=7)


def test_the_front_holds_what_nothing_beats() -> None:
    rows = {row["label"]: row for row in front().rows()}
    assert rows["opus 16k c10"]["front"] and rows["opus 8k c5"]["front"] and rows["flac"]["front"]
    assert not rows["pcm"]["front"]  # FLAC gives the same for fewer bits
    assert not rows["aac 16k"]["front"] and not rows["g711-mu"]["front"] and not rows["opus 16k c0"]["front"]
    drawn = codec_front(list(rows.values()), "Codecs", front().quality)
    assert "opus 8k c5 8 kbit/s" in drawn.alt and "words wrong (%)" in drawn.svg and "PESQ (1 to 4.6)" in drawn.svg
    assert drawn == codec_front(list(rows.values()), "Codecs", front().quality)


def test_the_sentences_carry_the_figures() -> None:
    said = front().sentence
    assert "(9.7 and 8.5 times with the 40 bytes of IPv4, UDP and RTP" in said  # 272 kbit/s over 28 and 32
    assert "21 and 16 times fewer bits" in said and "+0.0 points" in said and "192 ms of delay against 26.5" in said
    chosen = codecs.complexity_sentence(front())
    assert "complexity 0 may suffice: 150 words leave up to 2.0 points more of wrong ones open (30 us" in chosen
    assert "for people 5 (75 us" in chosen  # the first within 0.25 of the best, which 10 has
    assert "of at most 3.90, which 10 buys for 120 us" in chosen


def test_a_complexity_suffices_for_machines_where_the_words_can_tell() -> None:
    def longer(one: Judged) -> Judged:
        return replace(one, errors=tuple(replace(errors, words=20) for errors in one.errors))

    planted = replace(front(), judged=tuple(map(longer, front().judged)))
    assert "machine listeners complexity 0 suffices (30 us per frame" in codecs.complexity_sentence(planted)


def test_the_best_quality_is_credited_to_the_complexity_that_has_it() -> None:
    def score(one: Judged) -> Judged:
        settings = one.treatment.settings
        return replace(one, pesq=4.4) if (settings.bit_rate, settings.complexity) == (16_000, 8) else one

    planted = replace(front(), judged=tuple(map(score, front().judged)))
    assert "of at most 4.40, which 8 buys for 102 us" in codecs.complexity_sentence(planted)


@pytest.mark.parametrize(
    ("delay_ms", "pesq", "place"),
    [(192, 2.4, "it is for storage"), (30, 2.4, "nothing speaks for it"), (30, 4.5, "each has its place"),
     (20, 2.4, "each has its place")],
)  # fmt: skip
def test_the_place_of_aac_follows_from_its_delay_and_quality(delay_ms: float, pesq: float, place: str) -> None:
    made = tuple(replace(one, delay_ms=delay_ms, pesq=pesq) if one.treatment.codec == "aac" else one
                 for one in front().judged)  # fmt: skip
    assert replace(front(), judged=made).sentence.endswith(f"{place}.")


def test_claim_and_effect_of_the_words_are_of_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    worse_than = Judged.worse_than

    def seen(one: Judged, other: Judged, seed: int = -1) -> Any:
        drawn.append(seed)
        return worse_than(one, other, seed)

    monkeypatch.setattr(Judged, "worse_than", seen)
    concluded(replace(front(), seed=4_711))
    assert drawn == [4_711] * 6  # two in each claim on Opus, one in the effect, one for the complexity


def concluded(planted: codecs.Front, *checks: TrustCheck) -> list[Finding]:
    study: Any = SimpleNamespace(notebook="21_codecs", level="measured-full", quick=False, time_scale=1.0, seed=7)
    figures = [Evidence(kind="figure", path="x.svg", title="x", alt="x")] * 3
    losses, links = SimpleNamespace(sentence="lost"), codecs_link.uploads(planted)
    ns = np.full((200, len(STAGES)), 200_000) + np.arange(200)[:, None]
    chain = ChainCost((Run(0, ns, 1), Run(5, ns, 1)), Ceiling(1e11, 3e9, 16))
    return conclude(study, planted, losses, "quiet", links, "follows", chain, checks, figures)  # type: ignore[arg-type]


def test_what_was_measured_of_a_strategy_names_it_so_that_its_card_shows_it() -> None:
    check = TrustCheck(name=codecs.CORRUPT, passed=True, observed="0", limit="0")
    by = {f.strategy: f for f in concluded(front(), check) if f.strategy}
    assert set(by) == {f"ST-AUDIO-0{n}" for n in (1, 2, 3, 4, 5)} | {"ST-NET-15", "ST-RES-14"}
    assert {f.kind for f in by.values()} == {"observation"}  # none was compared: none can be adopted
    assert "16 times fewer bits" in by["ST-AUDIO-01"].claim and "machine listeners" in by["ST-AUDIO-01"].claim
    assert "AAC" in by["ST-AUDIO-02"].claim and by["ST-NET-15"].claim == "quiet"
    light = by["ST-AUDIO-03"].claim
    assert "flac 1.7 times (PESQ 4.60, 0.7 % of words wrong, 20 ms of delay, 35 us of CPU for 20 ms of sound)" in light
    assert "35 us of CPU for 20 ms of sound, both changes of rate counted); g722" in light
    assert "g711-mu 4.0 times" in light and "Opus at 16 kbit/s: 16 times" in light
    assert "Of 64 sessions" in by["ST-RES-14"].claim and f"0 {codecs.CORRUPT}." in by["ST-RES-14"].claim
    assert "ST-RES-14" not in {f.strategy for f in concluded(front())}  # not checked: nothing to say


def test_the_sessions_of_a_core_are_told_with_the_blocks_that_they_were_judged_by() -> None:
    effect = next(f.effect for f in concluded(front()) if f.question == "How many sessions does a core hold?")
    assert effect is not None and (effect.n, effect.n_unit) == (200 // 40, "blocks of 40 ticks")


def test_differences_of_words_have_an_interval_that_holds_the_truth() -> None:
    worse = judged("opus", Settings(8_000), wrong=9).worse_than(judged("pcm", wrong=0))
    assert worse.value == pytest.approx(100 * 9 / 150)
    assert worse.low is not None and worse.high is not None and 2 < worse.low < 6 < worse.high < 11
    same = judged("pcm", wrong=4).worse_than(judged("pcm", wrong=4))
    assert (same.value, same.low, same.high) == (0, -2, 2)  # three of 150 words


def test_upload_latency_is_that_of_the_arithmetic() -> None:
    found = codecs_link.uploads(front())
    pcm, opus = front().of("pcm"), front().of("opus", bit_rate=16_000, complexity=5)
    assert found.pcm_needs_kbit_s == pytest.approx(272)
    fixed = 20 + 0.035
    assert codecs_link.after_turn_ms(pcm, 1_000) == pytest.approx(fixed + 8 * 680 / 1_000)
    assert codecs_link.after_turn_ms(pcm, 136) == pytest.approx(fixed + 8 * 680 / 136 + 5_000)
    assert "at half of that it is 5 s late after a turn of 5 s" in found.sentence
    assert codecs_link.after_turn_ms(pcm, 250) < 500  # a little below what it needs it is not late by seconds
    edge = found.break_even_kbit_s
    assert 600 < edge < 800
    assert codecs_link.after_turn_ms(opus, 0.95 * edge) < codecs_link.after_turn_ms(pcm, 0.95 * edge)
    assert codecs_link.after_turn_ms(opus, 1.05 * edge) > codecs_link.after_turn_ms(pcm, 1.05 * edge)
    drawn = curves(found.rows, "Links", "link (kbit/s)", log_x=True, log_y=True)
    assert "opus 16k c5" in drawn.alt and "last word to last sample decoded (ms)" in drawn.svg


def test_a_rate_that_follows_the_link_misses_least_of_the_rich_ones() -> None:
    rows = codecs_link.adaptive_rows(SPEECH, 7)
    missed = {row["sent as"]: row["lost (%)"] + row[codecs_link.LATE] for row in rows}
    assert missed[codecs_link.ADAPTIVE] < 5 < 20 < missed["Opus 32k"] < missed["PCM"]
    assert 16 < rows[-1]["mean kbit/s"] < 32
    said = codecs_link.adaptive_sentence(rows)
    assert "narrows to 35 kbit/s" in said and "A fixed 16 kbit/s" in said
    assert "needs no adapting" in said
    worse = [{**row, codecs_link.LATE: 40.0} if row["sent as"] == "Opus 16k" else row for row in rows]
    assert "needs no adapting" not in codecs_link.adaptive_sentence(worse)
    assert "misses less than knowing" in codecs_link.adaptive_sentence(worse)
    assert rows == codecs_link.adaptive_rows(SPEECH, 7)


def test_losses_are_told_at_a_fifth() -> None:
    def row(settings: Settings, wrongs: tuple[int, int]) -> tuple[Judged, ...]:
        return tuple(judged("opus", settings, wrong, loss) for wrong, loss in zip(wrongs, (0.1, 0.2), strict=True))

    ways = dict(zip(codecs_loss.WAYS, [row(settings, (5, 20 if k == 0 else 6)) for k, (settings, _, _)
                                       in enumerate(codecs_loss.WAYS.values())], strict=True))  # fmt: skip
    losses = codecs_loss.Losses(ways, "PESQ (1 to 4.6)")
    assert "At 20% loss 13.3 % of words are wrong with silence in the gaps and 4.0 % concealed" in losses.sentence
    rows = losses.rows()
    assert len(rows) == 5 * 2 * 2 and {point["x"] for point in rows} == {10.0, 20.0}
    assert "24k with FEC" in curves(rows, "Loss", "packets lost (%)").alt


@pytest.mark.parametrize(
    ("scores", "said"),
    [((2.0, 2.6, 2.62, 2.7, 3.1), "concealment is for everyone, FEC is for people, at 24 kbit/s, not at 16"),
     ((2.0, 2.6, 2.9, 2.7, 2.8), "concealment is for everyone, FEC is for people, at 16 kbit/s, not at 24"),
     ((2.0, 2.6, 2.9, 2.7, 3.1), "FEC is for people, at 16 and 24 kbit/s."),
     ((2.0, 2.6, 2.8, 2.7, 2.6), "FEC gains people too little to hear at 16 or 24 kbit/s"),
     ((2.7, 2.6, 2.8, 2.7, 2.6), "concealment is for machines alone")],
)  # fmt: skip
def test_what_fec_and_concealment_are_for_follows_from_the_figures(scores: tuple[float, ...], said: str) -> None:
    assert said in planted_losses(scores, (20, 6)).sentence


def test_concealment_that_loses_words_is_not_for_machines() -> None:
    assert "concealment is for people alone" in planted_losses((2.0, 2.6, 2.6, 2.6, 2.6), (6, 20)).sentence
    assert "concealment brings nothing back" in planted_losses((2.6, 2.6, 2.6, 2.6, 2.6), (6, 20)).sentence


def test_words_that_a_few_more_errors_would_take_back_are_open() -> None:
    said = planted_losses((2.0, 2.6, 2.6, 2.6, 2.6), (6, 5)).sentence
    assert "concealment is for people; whether it brings words back is open on 150 words (-0.7 points" in said
    equal = planted_losses((2.6, 2.7, 2.7, 2.7, 2.7), (6, 6)).sentence
    assert "concealment brings people too little to hear; whether it brings words back is open on 150 words" in equal


def test_fec_is_judged_on_the_scale_of_stoi_where_pesq_is_missing() -> None:
    losses = planted_losses((2.0, 2.6, 2.6, 2.6, 2.6), (20, 6))
    stoi = dict(zip(losses.judged, (0.8, 0.85, 0.855, 0.85, 0.87), strict=True))
    plain = {way: tuple(replace(one, pesq=None, stoi=stoi[way]) for one in row) for way, row in losses.judged.items()}
    assert "at 24 kbit/s, not at 16" in codecs_loss.Losses(plain, "STOI (0 to 1)").sentence


def planted_losses(scores: tuple[float, ...], wrongs: tuple[int, int]) -> codecs_loss.Losses:
    """Plant a quality for each way, and words wrong with silence in the gaps and otherwise."""
    ways = zip(codecs_loss.WAYS.items(), scores, strict=True)
    made = {
        way: (replace(judged("opus", settings, wrongs[k > 0], 0.2), pesq=score),)
        for k, ((way, (settings, _, _)), score) in enumerate(ways)
    }
    return codecs_loss.Losses(made, "PESQ (1 to 4.6)")


def test_silence_costs_less_with_dtx() -> None:
    rows = codecs_loss.silence_rows(SPEECH, 7)
    assert rows[1]["kbit/s"] < 0.8 * rows[0]["kbit/s"]
    assert rows[0]["packets of at most 2 bytes (%)"] == 0
    assert "DTX takes Opus from" in codecs_loss.silence_sentence(rows)


def test_the_chain_is_told_with_its_ceiling() -> None:
    ns = np.full((200, len(STAGES)), 200_000)
    ns[-4:] *= 5
    cost = ChainCost((Run(0, ns, 1), Run(5, 2 * ns, 1)), Ceiling(1e11, 3e9, 16))
    assert cost.runs[0].sessions_per_core.value == pytest.approx(SESSIONS * 20 / 1.0, rel=0.01)
    assert cost.runs[0].p99_ms == pytest.approx(5.0)
    assert sum(cost.runs[1].stage_us.values()) > 1.9 * sum(cost.runs[0].stage_us.values())
    assert "100 G multiply-adds" in cost.sentence and "20 % of it is Opus" in cost.sentence
    assert cost.rows()[0]["sessions per core"] == 1_280


def test_every_check_of_a_run_passes() -> None:
    assert [check.name for check in codecs.check_codecs() if not check.passed] == []


class Clock:
    """A CPU clock that goes on only where it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def spend(self, seconds: float) -> None:
        self.now += seconds


def test_what_a_codec_costs_at_its_first_use_in_a_process_is_no_cost_of_its_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, plain = Clock(), codec_named("g711-mu")

    def late(settings: Any) -> Any:
        clock.spend(1.0)  # what is imported, loaded and set up: once a session
        return plain.make_encoder(settings)

    def designed(*given: Any) -> Resampler:
        clock.spend(1.0)  # the filters between 8 and 16 kHz
        return Resampler(*given)

    monkeypatch.setattr(codecs_judged, "time", SimpleNamespace(thread_time=lambda: clock.now))
    monkeypatch.setattr(codecs_judged, "codec_named", lambda name: replace(plain, make_encoder=late))
    monkeypatch.setattr(codecs_judged, "Resampler", designed)
    codecs_judged._rates.cache_clear()
    heard = SimpleNamespace(errors=lambda said, sounds: WordErrors(0, 5))
    found = codecs_judged.judge(Treatment("g711-mu"), replace(SPEECH, recogniser=heard), quality=False)
    codecs_judged._rates.cache_clear()
    assert (found.encode_us, found.decode_us) == (0.0, 0.0) and clock.now == 2.0 + 1 + len(SPEECH.utterances)
    assert found.kbit_s == pytest.approx(64)


def test_words_are_counted_as_the_word_error_counts_them() -> None:
    spoken = Speech((Utterance("u", "Room 12, well-known", voice(0.4)),), None, "planted")
    assert spoken.words == 5 == len(words_of("room one two well known"))


@pytest.mark.parametrize("name", ["opus", "g711-mu", "aac"])
def test_what_is_heard_is_aligned_with_what_was_said(name: str) -> None:
    said, none = voice(1.0), np.zeros(1_000, np.bool_)
    heard, (kbit_s, encode_us, decode_us) = through(codec_named(name), Treatment(name), said, none)
    assert heard.shape == said.shape and kbit_s > 10 and encode_us > 0 and decode_us > 0
    shifts = {shift: likeness(np.roll(heard, -shift)[2_000:-2_000], said[2_000:-2_000]) for shift in range(-40, 41)}
    assert abs(max(shifts, key=lambda shift: shifts[shift])) <= 3


def test_notebook_asks_the_question_of_the_design() -> None:
    file = Path(__file__).resolve().parents[2] / "notebooks" / "21_codecs.ipynb"
    cells: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cells"]
    assert "".join(cells[0]["source"]).startswith("# Which codec, at which rate, at what cost?")


@pytest.mark.parametrize("part", ["opus", "codecs", "chain"])
def test_part_is_found_by_the_family(part: str) -> None:
    from importlib import import_module

    module = import_module(f"perflab.benches.audio.{part}")
    assert callable(module.bars) and module.ORDER > 0


def test_the_detector_hears_every_sample_once() -> None:
    from perflab.audio.kernels.silero import SileroBatch
    from perflab.audio.kernels.silero_weights import load_weights
    from perflab.benches.audio.chain_voice import VoiceDetector

    sound = np.stack([voice(0.32, pitch_hz=pitch) for pitch in (110, 190)])[:, :5_120]
    detector, plain, given = VoiceDetector(2), SileroBatch(load_weights(), 2), []
    for frame in np.split(sound, 16, axis=1):
        before = detector.probability.copy()
        detector.hear(np.ascontiguousarray(frame))
        if not np.array_equal(before, detector.probability):
            given.append(detector.probability.copy())
    wanted = [plain.process(np.ascontiguousarray(part) / np.float32(32768)) for part in np.split(sound, 10, axis=1)]
    assert np.allclose(given, wanted, atol=1e-6)


def test_the_chain_turns_speech_into_packets() -> None:
    from perflab.benches.audio.chain import run_chain

    run = run_chain(0, ticks=4)
    assert run.ns.shape == (4, len(STAGES)) and (run.ns > 0).all()
    assert 4 * SESSIONS * 2 < run.sent_bytes < 4 * SESSIONS * 100
