"""What a jitter buffer is to wait for: delay against packets that come too late, and what is heard of it concealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.codecs.codec import Settings
from perflab.audio.kernels.gilbert import lost_packets
from perflab.audio.kernels.jitter import simulate
from perflab.audio.kernels.oracle.network import playout
from perflab.benches.audio.codecs_judged import LONGEST_PACKETS, Judged, Speech, Treatment, judge
from perflab.experiments.codecs import quality
from perflab.experiments.conclude.parts import evidence, finding
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

SESSIONS, PACKETS = 200, 3_000  # a minute of packets of 20 ms each
ONE_WAY_MS = 40.0
CALM_MS, ROUGH_MS, PIECE = 3.0, 30.0, 750  # mean jitter in turns of 15 s: a desk beside the router, a moving train
LOSS, BURST = 0.01, 2.0
MEMORY, SPURT = 0.98, 25  # of the adaptive buffer: follows within a second, adapts twice a second
SPREADS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
WAITS_MS = (50.0, 60.0, 75.0, 100.0, 130.0, 170.0, 220.0, 300.0)
ASKED = 2.0  # percent of packets that may come too late
LATE, DELAY = "too late (% of those that arrive)", "mean delay from mouth to ear, codec left out (ms)"
FIXED, ADAPTIVE = "fixed wait", "adaptive wait"
HEARD: dict[str, Treatment] = {
    "Opus 16k, concealed": Treatment("opus", Settings(16_000, 5), conceal=True),
    "G.711, concealed": Treatment("g711-mu", conceal=True),
    "G.711, silence in the gaps": Treatment("g711-mu", conceal=False),
}
SETTLED = 100  # packets after the link has become rough: what is played there is judged, not the change itself
BUFFERS = {"fixed 60 ms": 60.0, "fixed 170 ms": 170.0, "adaptive, 4 deviations": 4.0}


def link_delays(seed: int, sessions: int = SESSIONS, packets: int = PACKETS) -> NDArray[np.float64]:
    """Return one-way delays in ms, float64 [sessions, packets], NaN where a packet is lost.

    Exponential jitter above 40 ms, its mean 3 and 30 ms in turns of 15 s. Weakness: packets are delayed independently,
    where real queues hold up several in a row; links that reorder much look like this, others better.
    """
    rng = np.random.default_rng(seed)
    rough = np.arange(packets) // PIECE % 2 == 1
    delays = ONE_WAY_MS + rng.exponential(np.where(rough, ROUGH_MS, CALM_MS), (sessions, packets))
    delays[lost_packets(sessions, packets, LOSS, BURST, seed=seed)] = np.nan
    return delays


@dataclass(frozen=True)
class Playouts:
    """Late packets against delay, fixed and adaptive: rows for the figure, and the check against the plain form."""

    rows: tuple[dict[str, Any], ...]
    check: TrustCheck

    def delay_at(self, series: str, late: float = ASKED) -> float:
        """Return the delay in ms at which `late` percent come too late, between two points on a logarithmic scale."""
        points = sorted((row["x"], row["value"]) for row in self.rows if row["series"] == series)
        delays, shares = np.array(points).T
        return float(np.interp(-np.log(late), -np.log(np.maximum(shares, 1e-4)), delays))

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        fixed, adaptive = self.delay_at(FIXED), self.delay_at(ADAPTIVE)
        gain = f"{fixed - adaptive:.0f} ms less" if adaptive < fixed else f"no less ({adaptive - fixed:+.0f} ms)"
        return (
            f"So that {ASKED:g} % come too late, a fixed wait is {fixed:.0f} ms all the time; one that follows the "
            f"jitter averages {adaptive:.0f} ms, {gain} (simulated: {SESSIONS} sessions of {PACKETS / 50:.0f} s, "
            f"jitter of {CALM_MS:g} and {ROUGH_MS:g} ms in turns)."
        )


def playouts(seed: int) -> Playouts:
    """Play the same packets with waits that are fixed and waits that follow, and hold some to the plain form."""
    delays = link_delays(seed)
    arrived = ~np.isnan(delays)
    rows = [_row(FIXED, wait, float((delays[arrived] > wait).mean())) for wait in WAITS_MS]
    for spread in SPREADS:
        played = simulate(delays, memory=MEMORY, spread=spread, spurt=SPURT)
        rows.append(_row(ADAPTIVE, float(np.nanmean(played.delay_ms)), float(played.late.sum() / arrived.sum())))
    return Playouts(tuple(rows), _as_plain(delays[:3]))


def _row(series: str, delay_ms: float, late: float) -> dict[str, Any]:
    return {"panel": LATE, "series": series, "x": delay_ms, "value": 100 * late}


def _as_plain(delays: NDArray[np.float64]) -> TrustCheck:
    made = simulate(delays, memory=MEMORY, spread=4.0, spurt=SPURT).missed
    wrong = sum(set(np.flatnonzero(row)) != set(playout(one.tolist(), MEMORY, 4.0, SPURT)[3])
                for row, one in zip(made, delays, strict=True))  # fmt: skip
    return TrustCheck(name="sessions whose playout differs from the plain form's", passed=wrong == 0,
                      observed=str(wrong), limit="0")  # fmt: skip


def heard_rows(study: Study, speech: Speech) -> list[dict[str, Any]]:
    """Play real speech through each buffer during the rough part of the link: what is missed is concealed, or not."""
    delays = link_delays(study.seed, sessions=len(speech.utterances))
    span = slice(PIECE + SETTLED, PIECE + SETTLED + LONGEST_PACKETS)
    rows: list[dict[str, Any]] = []
    for name, setting in BUFFERS.items():
        everything, waits = _missed(delays, setting)
        missed = everything[:, span]
        for said, treatment in HEARD.items():
            rows.append(_heard(name, said, judge(treatment, speech, lost=missed), missed, waits[:, span], speech))
            study.progress("jitter buffer", len(rows), len(BUFFERS) * len(HEARD), f"{name}, {said}")
    return rows


def _missed(delays: NDArray[np.float64], setting: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return what a buffer does not play, and how long each packet that is played has waited in ms, NaN the others."""
    if setting > max(SPREADS):  # a wait in milliseconds
        missed = ~(delays <= setting)
        return missed, np.where(missed, np.nan, setting)
    played = simulate(delays, memory=MEMORY, spread=setting, spurt=SPURT)
    return played.missed, played.waits_ms


def _heard(
    buffer: str, said: str, judged: Judged, missed: NDArray[np.bool_], waits: NDArray[np.float64], speech: Speech
) -> dict[str, Any]:
    """Return a row on the packets of the speech alone, so that wait, misses and words are of the same time."""
    heard = [slice(round(one.seconds * 50)) for one in speech.utterances]
    gone = [missed[k, packets].mean() for k, packets in enumerate(heard)]
    waited = np.concatenate([waits[k, packets] for k, packets in enumerate(heard)])
    return {"jitter buffer": buffer, "sent as": said, "mean wait (ms)": round(float(np.nanmean(waited))),
            "not played (%)": round(100 * float(np.average(gone, weights=[u.seconds for u in speech.utterances])), 1),
            "PESQ" if judged.pesq is not None else "STOI": round(quality(judged), 2),
            "words wrong (%)": round(100 * judged.word_error, 1)}  # fmt: skip


def heard_sentence(rows: list[dict[str, Any]]) -> str:
    """Say what the wait and concealment are worth while the link is rough."""
    short, adaptive = (next(r for r in rows if r["jitter buffer"].startswith(kind)) for kind in ("fixed 60", "adap"))
    silent = next(r for r in rows if r["jitter buffer"].startswith("fixed 60") and "silence" in r["sent as"])
    concealed = next(
        r for r in rows if r["jitter buffer"].startswith("fixed 60") and r["sent as"].startswith("G.711, c")
    )
    return (
        f"From {SETTLED / 50:g} s after the jitter has become {ROUGH_MS:g} ms on, a wait of 60 ms misses "
        f"{short['not played (%)']:g} % of the packets and Opus, concealed, has {short['words wrong (%)']:g} % of "
        "words wrong; the adaptive wait misses "
        f"{adaptive['not played (%)']:g} % ({adaptive['words wrong (%)']:g} %). With G.711 after the short wait, "
        f"silence in the gaps leaves {silent['words wrong (%)']:g} % wrong, the last pitch period repeated "
        f"{concealed['words wrong (%)']:g} %."
    )


def concluded(study: Study, played: Playouts, heard: list[dict[str, Any]], figure: Evidence) -> Finding:
    """Return what a reader takes away of waiting and of concealing."""
    return finding(
        study, "8", kind="observation", verdict="reported", level="simulated",
        question="How long is a jitter buffer to wait, and what hides the rest?",
        claim=f"{played.sentence} {heard_sentence(heard)}", evidence=evidence(figure), trust=(played.check,),
        details={"heard": heard},
    )  # fmt: skip
