"""What a lossy link costs, what concealment and FEC bring back, and what silence costs with and without DTX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.registry import codec_named
from perflab.audio.codecs.stream import encode_stream
from perflab.benches.audio.codecs_judged import Judged, Speech, Treatment, judge
from perflab.experiments.codecs import heard_difference, quality
from perflab.experiments.study import Study

LOSSES = {"quick": (0.1, 0.2), "full": (0.02, 0.05, 0.1, 0.2, 0.3)}
WAYS: dict[str, tuple[Settings, bool, bool]] = {  # settings, concealed, with FEC
    "16k, silence in gaps": (Settings(16_000, 5), False, False),
    "16k, concealed": (Settings(16_000, 5), True, False),
    "16k, FEC asked for": (Settings(16_000, 5, None, True, 10), True, True),
    "24k, concealed": (Settings(24_000, 5), True, False),
    "24k with FEC": (Settings(24_000, 5, None, True, 10), True, True),
}
SPOKEN_SHARE, ROOM = 0.4, 10.0  # share of the time that one side talks; RMS of its room otherwise, in units of int16


@dataclass(frozen=True)
class Losses:
    """Each way at each loss; `clean` is each way's speech without loss (the first entry of its row)."""

    judged: dict[str, tuple[Judged, ...]]
    axis: str

    def rows(self) -> list[dict[str, Any]]:
        """Return the points of the figure: panels for quality and for words wrong."""
        return [
            {"panel": panel, "series": way, "x": 100 * one.treatment.loss, "value": value}
            for way, row in self.judged.items()
            for one in row
            for panel, value in ((self.axis, quality(one)), ("words wrong (%)", 100 * one.word_error))
        ]

    @property
    def sentence(self) -> str:
        """What it shows at the loss that is nearest to 20 %, with its figures."""
        silent, plain, asked, without, fec = (
            min(row, key=lambda one: abs(one.treatment.loss - 0.2)) for row in self.judged.values()
        )
        axis = self.axis.split()[0]
        return (
            f"At {plain.treatment.loss:.0%} loss {100 * silent.word_error:.1f} % of words are wrong with silence in "
            f"the gaps and {100 * plain.word_error:.1f} % concealed. FEC at 16 kbit/s takes {axis} "
            f"from {quality(plain):.2f} to {quality(asked):.2f}; at 24 kbit/s from {quality(without):.2f} to "
            f"{quality(fec):.2f}: {_concealment(silent, plain)}, {_fec({16: (plain, asked), 24: (without, fec)})}."
        )


def _concealment(silent: Judged, plain: Judged) -> str:
    """Say for whom concealment is, by the words that it surely brings back and the quality that people hear."""
    heard = quality(plain) - quality(silent) > heard_difference(plain)
    words = plain.worse_than(silent)
    if words.excludes(0.0) and words.value < 0:
        return f"concealment is for {'everyone' if heard else 'machines alone'}"
    if words.excludes(0.0):
        return f"concealment {'is for people alone' if heard else 'brings nothing back'}"
    said = sum(errors.words for errors in plain.errors)
    for_people = "is for people" if heard else "brings people too little to hear"
    return (
        f"concealment {for_people}; whether it brings words back is open on {said} words "
        f"({words.value:+.1f} points of wrong ones, 95 % interval {words.low:+.1f} to {words.high:+.1f})"
    )


def _fec(pairs: dict[int, tuple[Judged, Judged]]) -> str:
    """Say at which rates FEC gains people more than a difference that they hear; pairs without and with it, by rate."""
    gained = [rate for rate, (without, fec) in pairs.items() if quality(fec) - quality(without) > heard_difference(fec)]
    if not gained:
        return f"FEC gains people too little to hear at {' or '.join(map(str, pairs))} kbit/s"
    not_at = "".join(f", not at {rate}" for rate in pairs if rate not in gained)
    return f"FEC is for people, at {' and '.join(map(str, gained))} kbit/s{not_at}"


def under_loss(study: Study, speech: Speech, axis: str) -> Losses:
    """Judge every way at every loss of this effort, the same packets lost for all."""
    losses = LOSSES[study.effort]
    found = {}
    for number, (way, (settings, conceal, fec)) in enumerate(WAYS.items(), 1):
        treatments = [Treatment("opus", settings, loss, 0.0, conceal, fec) for loss in losses]
        found[way] = tuple(judge(treatment, speech, seed=study.seed) for treatment in treatments)
        study.progress("loss", number, len(WAYS), way)
    return Losses(found, axis)


def silence_rows(speech: Speech, seed: int) -> list[dict[str, Any]]:
    """Encode one side of a conversation, which talks 40 % of the time, with and without DTX."""
    spoken = np.concatenate([np.asarray(one.pcm) for one in speech.utterances[:4]])
    room = np.random.default_rng(seed).normal(0, ROOM, int(spoken.size * (1 / SPOKEN_SHARE - 1)))
    side = np.concatenate([part for pair in zip(np.array_split(spoken, 4), np.array_split(room, 4), strict=True)
                           for part in pair])  # fmt: skip
    opus, rows = codec_named("opus"), []
    for dtx in (False, True):
        coded = encode_stream(opus, np.rint(side).astype(np.int16), 16_000, Settings(16_000, 5, dtx))
        tiny = sum(len(packet) <= 2 for packet in coded.packets) / len(coded.packets)
        rows.append({"DTX": "on" if dtx else "off", "kbit/s": round(coded.kbit_s, 1),
                     "packets of at most 2 bytes (%)": round(100 * tiny)})  # fmt: skip
    return rows


def silence_sentence(rows: list[dict[str, Any]]) -> str:
    """Say what DTX saves."""
    off, on = (row["kbit/s"] for row in rows)
    share = rows[1]["packets of at most 2 bytes (%)"]
    return (
        f"Where one side talks 40 % of the time, DTX takes Opus from {off} to {on} kbit/s, and {share} % of the "
        "packets need not be sent at all: headers are saved as well."
    )
