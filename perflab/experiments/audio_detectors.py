"""Which detector of voice hears speech in which room: a fixed level, a followed noise floor, the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.energy_detector import EnergyDetector
from perflab.audio.kernels.level import level
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.phrase import voiced_windows
from perflab.audio.utterance import WINDOW_SAMPLES, Utterance
from perflab.benches.audio.chain_voice import VoiceDetector
from perflab.benches.audio.noisy_speech import LEAD_IN, under_noise
from perflab.experiments.study import Study

MOST_FALSE = 0.15  # of the frames without speech: what a gate or an end of turn bears
CALM, LOUD = "pink noise, 50 dB", "pink noise, 10 dB"
LEVEL_RMS = 100.0  # int16 units, -50 dBFS: the fixed level of the gateway's flag voice_activity=energy
MOST_UTTERANCES, LEAD_FRAMES = {"quick": 12, "full": 60}, LEAD_IN // WINDOW_SAMPLES
ROOMS: tuple[tuple[str, float], ...] = (("pink", 50.0), ("pink", 20.0), ("pink", 10.0), ("pink", 0.0), ("babble", 10.0))
FIXED, FLOOR, NETWORK = "fixed level", "noise floor", "network (Silero)"
Judge = Callable[[Pcm], NDArray[np.bool_]]  # a frame int16 [sessions, 320] to bool [sessions]


@dataclass(frozen=True)
class Hearing:
    """One detector in one room: shares of the voiced frames it heard, and of the others it took for speech."""

    detector: str
    room: str
    heard: float
    false_alarms: float
    us: float  # CPU of a session's frame of 20 ms


def _fixed(sessions: int) -> Judge:
    found = np.zeros((sessions, 2), np.float32)
    return lambda pcm: np.asarray(level(pcm, found)[:, 0] > LEVEL_RMS)


def _floor(sessions: int) -> Judge:
    detector, voiced = EnergyDetector(sessions), np.zeros(sessions, np.bool_)
    return lambda pcm: detector.process(pcm, voiced)


def _network(sessions: int) -> Judge:
    detector = VoiceDetector(sessions)

    def judge(pcm: Pcm) -> NDArray[np.bool_]:
        detector.hear(pcm)
        return detector.probability > 0.5

    return judge


DETECTORS: dict[str, Callable[[int], Judge]] = {FIXED: _fixed, FLOOR: _floor, NETWORK: _network}


def hearings(study: Study) -> list[Hearing]:
    """Let every detector hear the same recordings in every room."""
    utterances = load_corpus().utterances[: MOST_UTTERANCES[study.effort]]
    return [_hearing(name, kind, snr_db, utterances, study.seed) for kind, snr_db in ROOMS for name in DETECTORS]


def _hearing(name: str, kind: str, snr_db: float, utterances: tuple[Utterance, ...], seed: int) -> Hearing:
    """Judge frame by frame; a frame is voiced where the clean recording's is, as a turn's frames are.

    The network's answers come up to 32 ms late: each is held against the frame in which it was given.
    """
    pcm = under_noise(utterances, kind, snr_db, seed).pcm
    frames = [np.ascontiguousarray(part) for part in np.split(pcm, pcm.shape[1] // WINDOW_SAMPLES, axis=1)]
    rehearsed = DETECTORS[name](len(utterances))  # compiled before time is taken: the network hears with the second
    for frame in frames[:2]:
        rehearsed(frame)
    judge = DETECTORS[name](len(utterances))
    began = time.thread_time()
    said = np.array([judge(frame).copy() for frame in frames]).T
    us = 1e6 * (time.thread_time() - began) / said.size
    spoken, quiet = [], []
    for row, one in zip(said, utterances, strict=True):
        voiced = voiced_windows(one.pcm)
        own = row[LEAD_FRAMES : LEAD_FRAMES + voiced.size]
        spoken.append(own[voiced])
        quiet += [row[5:LEAD_FRAMES], own[~voiced]]  # the first 100 ms: a floor that knows nothing yet
    return Hearing(name, f"{kind} noise, {snr_db:g} dB" if kind != "babble" else f"babble, {snr_db:g} dB",
                   float(np.concatenate(spoken).mean()), float(np.concatenate(quiet).mean()), us)  # fmt: skip


def rows(found: list[Hearing]) -> list[dict[str, Any]]:
    """Return one row per detector and room."""
    return [{"room": one.room, "detector": one.detector, "speech heard (%)": round(100 * one.heard, 1),
             "false alarms (%)": round(100 * one.false_alarms, 1), "CPU per frame (us)": round(one.us, 2)}
            for one in found]  # fmt: skip


def sentence(found: list[Hearing]) -> str:
    """Say what each detector hears in the quietest room and in a loud one, and which serves both."""
    at = {(one.detector, one.room): one for one in found}
    told = "; ".join(
        f"the {name} hears {100 * at[name, CALM].heard:.0f} and {100 * at[name, LOUD].heard:.0f} % of the speech with "
        f"{100 * at[name, CALM].false_alarms:.0f} and {100 * at[name, LOUD].false_alarms:.0f} % false alarms, for "
        f"{at[name, LOUD].us:.2f} us a frame" for name in DETECTORS
    )  # fmt: skip
    return f"In pink noise at 50 and 10 dB {told}. {_serving(found, CALM)} {_serving(found, LOUD)}"


def _serving(found: list[Hearing], room: str) -> str:
    """Say which detector hears most speech in a room with false alarms that can be borne."""
    fit = [one for one in found if one.room == room and one.false_alarms <= MOST_FALSE]
    if not fit:
        return f"In {room}, none stays below {100 * MOST_FALSE:.0f} % false alarms."
    best = max(fit, key=lambda one: one.heard)
    return f"In {room}, the {best.detector} hears most of those below {100 * MOST_FALSE:.0f} % false alarms."
