"""The stages in the gateway on planted blocks, the detectors in real rooms, the jitter buffer, the words on a GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.audio.codecs.codec import Settings
from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.cuda import fft as cuda_fft
from perflab.audio.kernels.silero import SileroBatch
from perflab.benches.audio import gpu
from perflab.benches.audio.codecs_judged import Judged, Speech, Treatment, judge
from perflab.benches.audio.fourier import GROWS, SMALLEST
from perflab.experiments import audio_detectors, audio_stages, audio_uplink, codecs_jitter
from perflab.experiments.blocks import ArmFigures, BlockResult
from perflab.experiments.conclude.audio_kernels import conclude_rooms
from perflab.experiments.null_arm import NULL
from perflab.findings.finding import Evidence, TrustCheck
from perflab.report.figures.curves import curves
from perflab.report.figures.forest import forest
from perflab.system.load_file import load_system
from perflab.system.variant import equivalence, variant

BLOCKS = 10
SPEED = dict(zip(("baseline", NULL, *audio_stages.ARMS), (1.0, 1.0, 0.4, 0.2, 0.25), strict=True))
ADDED = dict(zip(SPEED, (3.0, 3.0, 3.0, 28.0, 9.0), strict=True))
STUDY: Any = SimpleNamespace(
    system=SimpleNamespace(judge="optimised"), notebook="20_audio_kernels", level="measured-full", quick=False,
    time_scale=1.0, seed=7, effort="quick", progress=lambda *told: None,
)  # fmt: skip


def planted(spread: float = 0.01, seed: int = 4) -> BlockResult:
    rng = np.random.default_rng(seed)
    figures = [
        ArmFigures(arm, block, 120 * speed * float(np.exp(rng.normal(0, spread))), 900.0 + rng.normal(0, 3),
                   1_200.0 + rng.normal(0, 5), ADDED[arm] + rng.normal(0, 0.2), 220 + rng.normal(0, 0.5), 12, 0, 0.5,
                   0.02)
        for block in range(BLOCKS) for arm, speed in SPEED.items()
    ]  # fmt: skip
    return BlockResult(tuple(figures), (), {})


def test_what_the_arms_save_and_add_is_found() -> None:
    stages = audio_stages.judge_stages(planted(), tuple(audio_stages.ARMS), ())
    assert stages.problems == ()
    for arm in audio_stages.ARMS:
        cpu = stages.of(arm)
        assert cpu is not None and cpu.said.verdict == "better"
        assert cpu.said.low < SPEED[arm] < cpu.said.high
    slow, fast = (stages.of(arm, "added_p50_ms") for arm in tuple(audio_stages.ARMS)[1:])
    assert slow is not None and slow.said.verdict == "worse" and slow.said.effect == pytest.approx(25, abs=0.5)
    assert fast is not None and "+6." in fast.shown and "ms [" in fast.shown
    assert "CPU per turn -80 % [" in stages.sentence and "time added +25." in stages.sentence
    assert stages.table_sentence.startswith("The gateway adds 3.0 ms") and "28." in stages.table_sentence
    drawn = forest(stages.forest(), "Stages", 0.05)
    assert "compiled, all sessions every 5 ms" in drawn.alt
    rows = stages.rows()
    assert [row["stages"] for row in rows] == [
        audio_stages.PLAIN,
        *(called for _, called in audio_stages.ARMS.values()),
    ]
    assert rows[2]["CPU per turn (ms)"] == pytest.approx(24, rel=0.05)


def test_a_check_that_vetoes_takes_every_verdict_back() -> None:
    veto = TrustCheck(name="null arm", passed=False, observed="+9 %", limit="5 %")
    stages = audio_stages.judge_stages(planted(), tuple(audio_stages.ARMS), (veto,))
    assert {row["verdict"] for row in stages.forest()} == {"untrusted"}
    found = audio_stages.conclude_stages(STUDY, stages, Evidence(kind="figure", path="x.svg", title="x", alt="x"))
    assert {one.verdict for one in found} == {"untrusted"} and "No verdict: null arm: +9 %" in stages.sentence
    sound = audio_stages.conclude_stages(STUDY, audio_stages.judge_stages(planted(), tuple(audio_stages.ARMS), ()),
                                         Evidence(kind="figure", path="x.svg", title="x", alt="x"))  # fmt: skip
    assert len({one.id for one in sound}) == len(sound) == 3 * len(audio_stages.FIGURES)
    assert {one.strategy for one in sound} == {strategy for strategy, _ in audio_stages.ARMS.values()}
    assert {one.condition for one in sound} == {""}  # the series that earlier runs began


def test_the_arms_are_variants_of_the_system() -> None:
    system = load_system("data/systems/voice_gateway.toml")
    base = variant(system, f"{system.judge}+{audio_stages.STAGES}").flags
    assert (base["client_audio"], base["voice_activity"], base["pipeline"]) == ("pcm48k", "silero", "per_frame")
    for arm in audio_stages.ARMS:
        flags = variant(system, f"{system.judge}+{audio_stages.STAGES}+{arm}").flags
        assert {name for name in flags if flags[name] != base[name]} == {part.split("=")[0] for part in arm.split("+")}
        assert equivalence(system, flags) == "loss"  # answers of two ways of resampling are not compared


def test_each_arm_of_the_uplink_is_one_flag_over_the_same_stages() -> None:
    system = load_system("data/systems/voice_gateway.toml")
    declared = {(flag.name, value.value): value.strategy for flag in system.flag for value in flag.values}
    asked = [(one, arm, strategy) for one in (audio_uplink.UPLINK, audio_uplink.BATCHED)
             for arm, (strategy, _) in one.arms.items()]  # fmt: skip
    for question, arm, strategy in asked:
        base = variant(system, f"{system.judge}+{question.under}").flags
        name, _, value = arm.partition("=")
        flags = variant(system, f"{system.judge}+{question.under}+{arm}").flags
        assert {n for n in flags if flags[n] != base[n]} == {name} and declared[name, value] == strategy
    assert 2.0 ** (1 - audio_uplink.BLOCKS) * len(audio_uplink.UPLINK.arms) <= 0.05


def turns(up: int, down: int) -> pd.DataFrame:
    """Return turns of a call; one that failed and a request of another kind, both large, say nothing."""
    return pd.DataFrame({"kind": ["turn", "turn", "turn", "request"], "outcome": ["ok", "ok", "error", "ok"],
                         "bytes_up": [up - 1000, up + 1000, 10**7, 10**7], "bytes_down": [down] * 4})  # fmt: skip


def test_a_cheaper_uplink_is_found_with_the_bytes_of_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = tuple(audio_uplink.UPLINK.arms)
    speed = dict(zip(("baseline", NULL, *arms), (1.0, 1.0, 1.3, 0.8, 1.2), strict=True))
    rng = np.random.default_rng(4)
    figures = tuple(
        ArmFigures(arm, block, 80 * slow * float(np.exp(rng.normal(0, 0.01))), 900.0 + rng.normal(0, 3),
                   1_200.0 + rng.normal(0, 5), 3 + rng.normal(0, 0.2), 220 + rng.normal(0, 0.5), 24, 0, 0.5, 0.02)
        for block in range(audio_uplink.BLOCKS) for arm, slow in speed.items()
    )  # fmt: skip
    names = tuple(f"uplink-b{f.block:02d}-{f.arm}" for f in figures)
    stages = audio_stages.judge_stages(BlockResult(figures, names, {}), arms, (), audio_uplink.UPLINK)
    kept = {arm: turns(60_000 if arm == arms[0] else 640_000, 90_000) for arm in speed}

    def trial(_: Any, name: str) -> Any:
        arm = name.split("-", 2)[2]
        return SimpleNamespace(spec=SimpleNamespace(arm=arm), units=kept[arm])

    monkeypatch.setattr(audio_uplink, "read_trial", trial)
    system = SimpleNamespace(judge="optimised", load=SimpleNamespace(unit_kind="turn"))
    study: Any = SimpleNamespace(**vars(STUDY) | {"system": system})
    sizes = [row["client and gateway (kB a turn)"] for row in audio_uplink.rows(study, [stages])]
    assert sizes == [730.0, 150.0, 730.0, 730.0]
    found = audio_uplink.conclude(study, [stages])
    assert len({one.id for one in found}) == len(found) == 3 * len(audio_stages.FIGURES)
    assert {one.condition for one in found} == {audio_uplink.WORLD}
    cpu = {one.strategy: one for one in found if "CPU" in one.claim}
    assert {strategy: one.verdict for strategy, one in cpu.items()} == {
        "ST-AUDIO-01": "worse", "ST-NET-15": "better", "ST-AUDIO-06": "worse",
    }  # fmt: skip
    assert cpu["ST-AUDIO-01"].details["client and gateway, kB a turn"] == "730.0 without it, 150.0 with it"
    assert cpu["ST-AUDIO-01"].claim.startswith("Opus between client and gateway changes CPU per turn by +3")
    shared = {strategy: "lanes and one is used" in " ".join(one.caveats) for strategy, one in cpu.items()}
    assert shared == {"ST-AUDIO-01": False, "ST-NET-15": False, "ST-AUDIO-06": True}  # its CPU is a whole batch's
    assert "silence that is not sent up: CPU per turn -2" in audio_uplink.sentence([stages])


def test_the_denoiser_is_measured_frame_by_frame_and_for_all_sessions_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocks(study: Any, asked: audio_stages.StageQuestion, count: int, units: int) -> audio_stages.Stages:
        rng = np.random.default_rng(4)
        cost = 1.3 if asked is audio_uplink.UPLINK else 1.12
        arms = {"baseline": 1.0, NULL: 1.0, **dict.fromkeys(asked.arms, cost)}
        figures = tuple(
            ArmFigures(arm, block, 80 * slow * float(np.exp(rng.normal(0, 0.01))), 900.0 + rng.normal(0, 3),
                       1_200.0 + rng.normal(0, 5), 3 + rng.normal(0, 0.2), 220 + rng.normal(0, 0.5), 24, 0, 0.5, 0.02)
            for block in range(count) for arm, slow in arms.items()
        )  # fmt: skip
        return audio_stages.judge_stages(BlockResult(figures, (), {}), tuple(asked.arms), (), asked)

    monkeypatch.setattr(audio_uplink, "measured_blocks", blocks)
    monkeypatch.setattr(
        audio_uplink, "sent_kb", lambda study, stages: dict.fromkeys(("baseline", *stages.asked.arms), 9.0)
    )
    full: Any = STUDY
    found = audio_uplink.conclude(full, audio_uplink.measured(full))
    assert len({one.id for one in found}) == len(found) == 4 * len(audio_stages.FIGURES)
    alone, shared = (one for one in found if one.strategy == "ST-AUDIO-06" and "CPU" in one.claim)
    assert (alone.condition, shared.condition) == (audio_uplink.WORLD, audio_uplink.AT_ONCE)
    assert "pipeline=batched" in str(shared.variant) and "CPU per turn by +1" in shared.claim
    assert "all sessions at once" in shared.claim and "CPU per turn by +3" in alone.claim
    assert "lanes and one is used" in " ".join(alone.caveats) and "12 sessions share" in " ".join(shared.caveats)
    assert len(audio_uplink.rows(full, audio_uplink.measured(full))) == 2 + 4


def test_quick_says_that_the_uplink_is_left_to_full() -> None:
    quick: Any = SimpleNamespace(quick=True)
    assert audio_uplink.measured(quick) == () and audio_uplink.conclude(quick, ()) == []
    assert "full effort only" in audio_uplink.sentence(())
    assert audio_uplink.rows(quick, ()) == [{"stages": "at full effort only"}]


def test_detectors_hear_what_their_figures_say() -> None:
    if not load_corpus().real:
        pytest.skip(load_corpus().source)
    found = audio_detectors.hearings(STUDY)
    assert len(found) == len(audio_detectors.ROOMS) * len(audio_detectors.DETECTORS)
    at = {(one.detector, one.room): one for one in found}
    loud = audio_detectors.LOUD
    assert at[audio_detectors.FIXED, loud].false_alarms > 0.95  # louder than the level: speech without end
    assert at[audio_detectors.FLOOR, loud].false_alarms < 0.05 < at[audio_detectors.FLOOR, loud].heard
    assert at[audio_detectors.NETWORK, loud].heard > at[audio_detectors.FLOOR, loud].heard + 0.1
    said = audio_detectors.sentence(found)
    assert f"In {loud}, the network (Silero) hears most" in said
    assert len(audio_detectors.rows(found)) == len(found)


def test_no_detector_is_compiled_while_its_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network hears its first chunk with the second frame: what is rehearsed with one frame is not rehearsed."""
    done: list[str] = []
    process = SileroBatch.process

    def heard(batch: SileroBatch, *given: Any) -> Any:
        done.append("network")
        return process(batch, *given)

    monkeypatch.setattr(SileroBatch, "process", heard)
    monkeypatch.setattr(audio_detectors, "time", SimpleNamespace(thread_time=lambda: float(done.append("clock") or 0)))
    utterances = load_corpus(offline=True).utterances[:2]
    audio_detectors._hearing(audio_detectors.NETWORK, "pink", 20.0, utterances, 1)
    assert "network" in done[: done.index("clock")]


def test_a_gpu_is_held_to_the_fastest_transform_of_rows_that_the_cpu_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way into lanes and back is no work that anybody with data in rows would do: it must not count for the GPU."""

    def planted(points: int, sessions: int) -> Any:
        return SimpleNamespace(forward=lambda values, out: np.fft.fft(values, axis=1).astype(np.complex64))

    monkeypatch.setattr(cuda_fft, "CudaFFT", planted)
    duel = gpu._fft(64)
    assert duel.apart <= duel.allowed
    monkeypatch.setattr(gpu.BatchFFT, "enter", lambda *given: pytest.fail("data are brought into lanes in the race"))
    assert np.abs(first_of(duel) - np.asarray(duel.gpu())).max() < 1e-3
    assert "scipy" in duel.kernel  # the reader must not take it for the transform of the other tables


def first_of(duel: gpu.Duel) -> np.ndarray:
    """Return the CPU's first result, which is small by what it begins with, in the size of the values."""
    return np.asarray(duel.cpu()).astype(np.complex128) / SMALLEST


def test_neither_side_pays_for_fresh_memory_and_what_is_raced_stays_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_fft, "CudaFFT", lambda points, sessions: SimpleNamespace(forward=lambda values, out: out))
    duel = gpu._fft(8)
    results = [np.asarray(duel.cpu()) for _ in range(3 * GROWS)]
    assert all(np.shares_memory(results[0], one) for one in results)
    values = [float(np.abs(duel.cpu()).max()) for _ in range(2 * GROWS)]
    assert np.isfinite(values).all() and min(values) > 1e-31 and max(values) / min(values) > 1e40


def test_a_wait_that_follows_costs_less_delay_for_the_same_late_packets() -> None:
    played = codecs_jitter.playouts(7)
    assert played.check.passed
    assert played.delay_at(codecs_jitter.ADAPTIVE) < played.delay_at(codecs_jitter.FIXED)
    fixed = {row["x"]: row["value"] for row in played.rows if row["series"] == codecs_jitter.FIXED}
    rough, calm = (100 * np.exp(-(100 - codecs_jitter.ONE_WAY_MS) / mean) for mean in (30.0, 3.0))
    assert fixed[100.0] == pytest.approx((rough + calm) / 2, rel=0.05)  # half of the time each, exponential
    assert "ms less" in played.sentence
    assert codecs_jitter.ADAPTIVE in curves(played.rows, "Late", codecs_jitter.DELAY, log_y=True).alt


def test_the_wait_is_that_of_the_packets_whose_misses_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from perflab.audio.utterance import Utterance

    told = Judged(Treatment("opus"), 16.0, 1.0, 1.0, 26.5, 3.0, 0.9, ())
    monkeypatch.setattr(codecs_jitter, "judge", lambda *given, **lost: told)
    monkeypatch.setattr(Judged, "word_error", 0.0)
    speech = Speech(
        tuple(Utterance(f"u{k}", "one", np.zeros(10 * 16_000, np.int16)) for k in range(40)), None, "planted"
    )
    rows = {row["jitter buffer"]: row for row in codecs_jitter.heard_rows(STUDY, speech)}
    assert rows["fixed 60 ms"]["mean wait (ms)"] == 60
    rough = codecs_jitter.ONE_WAY_MS + (1 + 4 * 2 / np.e) * codecs_jitter.ROUGH_MS  # mean deviation: 2 / e of the mean
    assert rows["adaptive, 4 deviations"]["mean wait (ms)"] == pytest.approx(rough, rel=0.06)


class Ear:
    """A recogniser that counts how many of ten pieces of what it hears are silent."""

    def errors(self, texts: list[str], sounds: list[np.ndarray]) -> Any:
        from perflab.audio.quality.word_error import WordErrors

        return WordErrors(sum(int(not piece.any()) for piece in np.array_split(sounds[0], 10)), 10)


def test_packets_that_a_buffer_misses_are_those_that_are_lost_on_the_way_to_the_ear() -> None:
    one = load_corpus().utterances[0]
    speech = Speech((one,), Ear(), "planted")
    lost = np.zeros((1, 1_000), bool)
    lost[0, 20:400] = True
    treatment = Treatment("g711-mu", Settings(), conceal=False)
    whole, gone = (judge(treatment, speech, quality=False, lost=mask).errors[0].wrong for mask in (lost & False, lost))
    assert whole == 0 and gone >= 6


def test_what_is_said_of_a_gpu_that_is_not_here_and_of_one_that_is() -> None:
    why = "no NVIDIA GPU with its driver and CUDA's libraries was found"
    assert gpu.sentence([], why).endswith(f"{why}.")
    found = [raced("net", 64, "0.50 [0.40, 0.60]"), raced("net", 1_024, "3.00 [2.90, 3.10]"),
             raced("small", 64, "0.10 [0.09, 0.11]")]  # fmt: skip
    said = gpu.sentence(found, None)
    assert "net from 1,024 sessions on" in said and "small at none" in said
    here, missing = (conclude_rooms(STUDY, "heard", text)[1] for text in (said, gpu.sentence([], why)))
    assert (here.verdict, missing.verdict) == ("reported", "not-measurable-here")


def raced(kernel: str, sessions: int, ratio: str, same: str = "yes") -> dict[str, Any]:
    return {"kernel": kernel, "sessions": sessions, gpu.RATIO: ratio, gpu.SAME: same}


@pytest.mark.parametrize(
    ("ratios", "said"),
    [(("0.90 [0.80, 0.95]", "1.20 [0.98, 1.40]", "3.00 [2.90, 3.10]"), "from 8,192 sessions on"),
     (("2.00 [1.80, 2.20]", "3.00 [2.90, 3.10]", "0.90 [0.80, 0.95]"), "at 64 and 1,024 sessions, but not at 8,192"),
     (("2.00 [1.80, 2.20]", "0.90 [0.80, 0.95]", "3.00 [2.90, 3.10]"), "from 8,192 sessions on"),
     (("0.90 [?, 0.95]", "1.10 [0.98, 1.40]", "1.20 [?, 1.40]"), "at none of the sizes")],
)  # fmt: skip
def test_a_gpu_gains_where_the_whole_interval_does_and_every_larger_size_too(
    ratios: tuple[str, ...], said: str
) -> None:
    rows = [raced("net", sessions, ratio) for sessions, ratio in zip(gpu.BATCHES, ratios, strict=True)]
    assert f"counted: net {said}." in gpu.sentence(rows, None)


def test_a_gpu_that_computes_something_else_gains_nothing_and_is_named() -> None:
    rows = [raced("net", 64, "2.00 [1.80, 2.20]"), raced("net", 1_024, "3.00 [2.90, 3.10]", "NO: 0.5 apart")]
    said = gpu.sentence(rows, None)
    assert "net at 64 sessions, but not at 1,024" in said
    assert said.endswith("Not the CPU's result, so no gain: net at 1,024 sessions (0.5 apart).")


def test_the_cpu_transforms_rows_to_rows_as_the_gpu_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class StandIn:
        def __init__(self, points: int, sessions: int) -> None:
            self.given = np.zeros((sessions, points), np.complex64)

        def forward(self, values: np.ndarray, out: np.ndarray) -> np.ndarray:
            self.given[:] = values
            out[:] = np.fft.fft(values, axis=1)
            return out

    monkeypatch.setattr("perflab.audio.kernels.cuda.fft.CudaFFT", StandIn)
    duel = gpu._fft(8)
    assert duel.apart <= duel.allowed
    ours, theirs = first_of(duel), np.asarray(duel.gpu())
    assert ours.shape == theirs.shape == (8, gpu.POINTS) and np.abs(ours - theirs).max() <= 1e-6 * np.abs(theirs).max()
