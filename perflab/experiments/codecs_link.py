"""Which link makes a codec pay, by the latency of an upload, and what a bit rate that follows the link avoids."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from perflab.audio.codecs.bit_rate_policy import HEADER_BYTES, BitRatePolicy
from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.link_estimate import LinkEstimator
from perflab.audio.codecs.opus_batch import PACKET_BYTES, OpusBatch
from perflab.benches.audio.codecs_judged import Judged, Speech
from perflab.experiments.codecs import Front, label, packet_bytes, packets_per_s, wire_kbit_s

TURN_S = 5.0
LINKS_KBIT_S = tuple(float(rate) for rate in np.geomspace(20, 20_000, 61).round(1))
SHOWN: tuple[tuple[str, dict[str, int]], ...] = (
    ("pcm", {}), ("g722", {}), ("aac", {"bit_rate": 32_000}), ("opus", {"bit_rate": 16_000, "complexity": 5}),
)  # fmt: skip
# kbit/s of the link and chance of loss, 15 s each: wide, a cell's edge, a narrow and lossy one, wide again
TRACE = ((1_000.0, 0.0), (35.0, 0.0), (60.0, 0.08), (1_000.0, 0.0))
ADAPTIVE = "adaptive, 8 to 32k"
PIECE_S, ONE_WAY_MS, DEADLINE_MS, BUFFER_MS = 15.0, 40.0, 150.0, 2_000.0
FRAME, PCM_BYTES = 320, 640  # of 20 ms at 16 kHz
Sender = Callable[[Settings | None], int]  # settings from now on (None: as before) to the bytes of the next packet
LATE = f"later than {DEADLINE_MS:g} ms (%)"


@dataclass(frozen=True)
class Uploads:
    """Milliseconds from the last word to the last sample decoded, by codec and link; `break_even_kbit_s` of Opus."""

    rows: tuple[dict[str, Any], ...]
    break_even_kbit_s: float
    pcm_needs_kbit_s: float

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        return (
            f"Opus at 16 kbit/s is heard earlier than PCM on any link below {self.break_even_kbit_s:.0f} kbit/s: "
            "above, its lookahead costs more than the bytes it saves. Below "
            f"{self.pcm_needs_kbit_s:.0f} kbit/s PCM cannot keep up: at half of that it is {TURN_S:g} s late after a "
            f"turn of {TURN_S:g} s. By arithmetic from the measured sizes, CPU times and delays."
        )


def uploads(front: Front) -> Uploads:
    """Compute the latency after a turn of 5 s, sent live, on links of 20 kbit/s to 20 Mbit/s."""
    shown = [front.of(codec, **settings) for codec, settings in SHOWN]
    rows = [{"panel": "last word to last sample decoded (ms)", "series": label(j.treatment), "x": rate,
             "value": after_turn_ms(j, rate)} for j in shown for rate in LINKS_KBIT_S]  # fmt: skip
    pcm, opus = shown[0], shown[-1]
    later_ms = _fixed_ms(opus) - _fixed_ms(pcm)
    return Uploads(tuple(rows), 8 * (packet_bytes(pcm) - packet_bytes(opus)) / later_ms, wire_kbit_s(pcm))


def after_turn_ms(judged: Judged, link_kbit_s: float, turn_s: float = TURN_S) -> float:
    """Return ms from the end of a turn to its last sample at the far end, less the link's propagation.

    The codec's delay and CPU, the last packet's bytes on the line, and what a line that is too narrow has piled up.
    """
    piled_ms = max(0.0, wire_kbit_s(judged) / link_kbit_s - 1) * 1e3 * turn_s
    return _fixed_ms(judged) + 8 * packet_bytes(judged) / link_kbit_s + piled_ms


def _fixed_ms(judged: Judged) -> float:
    frames = 50 / packets_per_s(judged)  # of 20 ms in one packet, because CPU is given per 20 ms
    return judged.delay_ms + frames * (judged.encode_us + judged.decode_us) / 1e3


def adaptive_rows(speech: Speech, seed: int) -> list[dict[str, Any]]:
    """Send PCM, Opus at fixed rates and at the one that follows over the same changing link; one row each.

    The link is simulated, the packets are those that an encoder makes of the speech, with the settings decided so far.
    """
    ways: dict[str, tuple[Sender, BitRatePolicy | None]] = {
        "PCM": (lambda settings: PCM_BYTES, None),
        "Opus 32k": (_encoded(speech, 32_000), None),
        "Opus 16k": (_encoded(speech, 16_000), None),
        ADAPTIVE: (_encoded(speech, 16_000), BitRatePolicy(start=16_000)),
    }
    return [{"sent as": name, **_driven(*way, seed)} for name, way in ways.items()]


def _encoded(speech: Speech, bit_rate: int) -> Sender:
    """Return what one encoder makes of the speech, which begins anew when it ends."""
    whole = np.concatenate([np.asarray(one.pcm) for one in speech.utterances])
    batch, frames = OpusBatch(1, bit_rate), cycle(whole[: whole.size // FRAME * FRAME].reshape(-1, 1, FRAME))
    packets, sizes = np.zeros((1, PACKET_BYTES), np.uint8), np.zeros(1, np.int32)

    def send(settings: Settings | None) -> int:
        if settings is not None:
            batch.configure(settings)
        return int(batch.encode(next(frames), packets, sizes)[0])

    return send


def _driven(send: Sender, policy: BitRatePolicy | None, seed: int) -> dict[str, Any]:
    """Drive one sender over TRACE: a queue that drops beyond 2 s, then random loss, then 40 ms of way."""
    estimator, drawn, free_at, waits, sent_bytes = LinkEstimator(), np.random.default_rng(seed), 0.0, [], 0
    under_way: deque[tuple[float, float, float | None, int]] = deque()
    for k in range(int(len(TRACE) * PIECE_S * 50)):
        now, (link, loss) = 20.0 * k, TRACE[int(k / 50 / PIECE_S)]
        while under_way and under_way[0][0] <= now:
            estimator.packet(*under_way.popleft()[1:])
        decided = policy.decide(estimator.estimate(now), now) if policy is not None and k % 5 == 0 else None
        payload = send(decided)
        size, sent_bytes = payload + HEADER_BYTES, sent_bytes + payload
        dropped = free_at - now > BUFFER_MS
        if not dropped:
            free_at = max(free_at, now) + 8 * size / link
        lost = dropped or drawn.random() < loss
        arrived = None if lost else free_at + ONE_WAY_MS
        under_way.append((max(free_at, now) + 2 * ONE_WAY_MS, now, arrived, size))
        waits.append(np.inf if arrived is None else arrived - now)
    late = np.array(waits)
    return {"mean kbit/s": round(8 * sent_bytes / len(waits) * 50 / 1e3, 1),
            "lost (%)": round(100 * float(np.isinf(late).mean()), 1),
            LATE: round(100 * float((late > DEADLINE_MS).mean() - np.isinf(late).mean()), 1),
            "p95 delay (ms)": round(float(np.quantile(late[np.isfinite(late)], 0.95)))}  # fmt: skip


def adaptive_sentence(rows: list[dict[str, Any]]) -> str:
    """Say what adapting avoids."""
    missed = {row["sent as"]: row["lost (%)"] + row[LATE] for row in rows}
    adaptive, mean = missed[ADAPTIVE], rows[-1]["mean kbit/s"]
    knowing = (
        "who knows the narrowest link beforehand needs no adapting"
        if missed["Opus 16k"] <= adaptive
        else "following the link misses less than knowing its narrowest piece"
    )
    return (
        f"On a link that narrows to {min(link for link, _ in TRACE):g} kbit/s, {missed['PCM']:.0f} % of PCM's packets "
        f"are lost or late, {missed['Opus 32k']:.0f} % at a fixed 32 kbit/s, and {adaptive:.0f} % where the rate "
        f"follows the link, at {mean:g} kbit/s on average (a simulated link, real packets). A fixed 16 kbit/s, which "
        f"fits the narrowest piece, misses {missed['Opus 16k']:.0f} %: {knowing}."
    )
