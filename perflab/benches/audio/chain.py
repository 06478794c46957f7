"""Bar 13: the whole chain of a voice session, 64 sessions per tick, published with the machine's ceiling."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.audio.codecs.libopus import libopus
from perflab.audio.codecs.opus_batch import PACKET_BYTES, OpusBatch
from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.ceiling import measure_ceiling
from perflab.audio.kernels.denoiser import Denoiser
from perflab.audio.kernels.level import level
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.kernels.resampler import Resampler
from perflab.benches.audio.chain_voice import VoiceDetector
from perflab.benches.audio.contest import circumstances
from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals

ORDER = 70
SESSIONS, TICKS, WARM_TICKS, TICK_MS = 64, 600, 40, 20.0
FEWEST = {5: 180, 0: 400}  # sessions per core by Opus's complexity
MOST_P99_MS = 10.0
BIT_RATE, NOISE_RMS = 16_000, 60.0
STAGES = ("resample", "level", "denoise", "voice activity", "encode")
BLOCK = 40  # ticks whose mean is one observation: as many as the detector's 32 ms need to come round five times


class Chain:
    """48 kHz in, Opus packets out: resampler, level, denoiser, Silero and encoder over all sessions, one thread."""

    def __init__(self, sessions: int, complexity: int) -> None:
        self.resampler, self.denoiser = Resampler(48_000, 16_000, sessions), Denoiser(sessions)
        self.detector, self.opus = VoiceDetector(sessions), OpusBatch(sessions, BIT_RATE, complexity)
        self.pcm, self.clean = np.zeros((2, sessions, 320), np.int16)
        self.levels = np.zeros((sessions, 2), np.float32)
        self.packets, self.sizes = np.zeros((sessions, PACKET_BYTES), np.uint8), np.zeros(sessions, np.int32)

    def tick(self, sound: Pcm) -> list[int]:
        """Take one frame int16 [sessions, 960] of every session; return thread CPU time in ns before and after each
        stage.
        """  # fmt: skip
        marks = [time.thread_time_ns()]
        self.resampler.process(sound, self.pcm)
        marks.append(time.thread_time_ns())
        level(self.pcm, self.levels)
        marks.append(time.thread_time_ns())
        self.denoiser.process(self.pcm, self.clean)
        marks.append(time.thread_time_ns())
        self.detector.hear(self.clean)
        marks.append(time.thread_time_ns())
        self.opus.encode(self.clean, self.packets, self.sizes)
        marks.append(time.thread_time_ns())
        return marks


@dataclass(frozen=True)
class Run:
    """What one run of the chain took: `ns` int64 [ticks, stages]."""

    complexity: int
    ns: NDArray[np.int64]
    sent_bytes: int

    @property
    def sessions_per_core(self) -> Interval:
        """How many sessions one core holds at 100 %: the median over blocks of ticks, with its 95 % interval."""
        blocks = self.ns.sum(axis=1)[: self.ns.shape[0] // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
        return order_statistic_intervals(SESSIONS * TICK_MS * 1e6 / blocks, (0.5,))[0]

    @property
    def opus_alone(self) -> float:
        """How many sessions a core would hold if all but libopus cost nothing: no chain can have more."""
        return 1e3 * TICK_MS / self.stage_us["encode"]

    @property
    def p99_ms(self) -> float:
        """CPU time of the slowest tick in a hundred."""
        return float(np.quantile(self.ns.sum(axis=1), 0.99)) / 1e6

    @property
    def stage_us(self) -> dict[str, float]:
        """Mean CPU time per session and tick of each stage."""
        means = self.ns.mean(axis=0) / 1e3 / SESSIONS
        return dict(zip(STAGES, (float(mean) for mean in means), strict=True))


def bars(say: Say) -> list[Bar]:
    """Run the chain at complexity 5 and 0 on recorded speech, and publish it with the ceiling of this machine."""
    ceiling = measure_ceiling()
    told = {"gmacs_per_s": ceiling.macs_per_s / 1e9, "clock_ghz": ceiling.clock_hz / 1e9,
            "libopus": libopus().version, **circumstances()}  # fmt: skip
    say(f"  {ceiling.macs_per_s / 1e9:.1f} G multiply-adds/s at {ceiling.clock_hz / 1e9:.2f} GHz")
    return [bar for complexity in FEWEST for bar in _bars(run_chain(complexity), told, say)]


def _bars(run: Run, told: dict[str, object], say: Say) -> list[Bar]:
    say("  us per session and tick: " + ", ".join(f"{stage} {us:.1f}" for stage, us in run.stage_us.items()))
    held, id_ = run.sessions_per_core, f"chain-c{run.complexity}"
    say(f"  libopus alone would leave room for {run.opus_alone:.0f} sessions; the chain reaches "
        f"{100 * held.value / run.opus_alone:.0f} % of that")  # fmt: skip
    detail = {"stage_us": run.stage_us, "ticks": run.ns.shape[0], "opus_alone": run.opus_alone, **told}
    return [
        measured(id_, f"sessions per core of the whole chain, {SESSIONS} at once, Opus at complexity {run.complexity}",
                 held, ">=", FEWEST[run.complexity], "sessions", detail),
        Bar(f"{id_}-p99", "CPU time of its slowest tick in a hundred", run.p99_ms, "<", MOST_P99_MS, "ms",
            run.ns.shape[0], detail=detail),
    ]  # fmt: skip


def run_chain(complexity: int, ticks: int = TICKS) -> Run:
    """Run the chain over recorded speech at 48 kHz with a hiss below it, every session at another place of it."""
    chain, sound, sent, taken = Chain(SESSIONS, complexity), speech_at_48k(), 0, []
    step = sound.size // SESSIONS
    for tick in range(WARM_TICKS + ticks):
        at = (np.arange(SESSIONS) * step + 960 * tick)[:, None] + np.arange(960)
        marks = chain.tick(sound[at % sound.size])
        if tick >= WARM_TICKS:
            taken.append(np.diff(marks))
            sent += int(chain.sizes.sum())
    return Run(complexity, np.array(taken), sent)


def speech_at_48k(seed: int = 7) -> NDArray[np.int16]:
    """Return all recordings one after another at 48 kHz, with the hiss of a room."""
    pcm = np.concatenate([np.asarray(one.pcm) for one in load_corpus().utterances])
    pcm = pcm[: pcm.size // 320 * 320].reshape(-1, 1, 320)
    kernel = Resampler(16_000, 48_000, 1)
    loud = np.concatenate([kernel.process(part, np.zeros((1, 960), np.int16))[0] for part in pcm]).astype(np.float64)
    loud += np.random.default_rng(seed).normal(0, NOISE_RMS, loud.size)
    return np.clip(np.rint(loud), -32768, 32767).astype(np.int16)
