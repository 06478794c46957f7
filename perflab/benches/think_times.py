"""The bars of the world around the reference system: its stand-ins thought as they drew, and as their profiles say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.benches.bar import Bar
from perflab.samples.spans import SpansLike, SumLike, lateness, think_times_ms
from perflab.standins.latency import LatencyProfile, profile_named
from perflab.system.spec import System

if TYPE_CHECKING:
    import pandas as pd

MOST_APART = 0.03  # KS distance between the think times that a stand-in drew and those that it took
OPTION = "--latency"  # of a stand-in's command: the name of its profile, as a setting of the world
CHANCE = 1.36  # over the square root of n: the KS distance that 5 % of samples of the profile itself exceed


def profiles(system: System, chosen: Mapping[str, str]) -> dict[str, LatencyProfile]:
    """Return the profile of each stand-in that is started with one, under chosen settings of the world."""
    values, found = system.conditions(**chosen), {}
    for process in system.process:
        if OPTION in process.command:
            given = process.command[process.command.index(OPTION) + 1]
            name = given.removeprefix("{condition:").removesuffix("}")
            found[process.name] = profile_named(values.get(name, given))
    return found


def upstream_bars(rows: pd.DataFrame, spans: SpansLike, asked: Mapping[str, LatencyProfile]) -> list[Bar]:
    """Return a bar for each stand-in that draws a time for each turn: did it think as it drew?

    Drawn and taken are of the same turns, so that chance has no part in it. The detail says how far both lie from the
    profile in `asked` (by process), beside what chance makes of so few: told and not judged, because a stretch of fixed
    length sees more of the quick turns, and one seed draws the same in each run. That the draws have the profile's
    distribution is shown by 5,000 of them in virtual time (tests/standins).
    """
    world = {entry.name: entry for entry in spans.sum if entry.role == "world"}
    return [
        Bar("1.upstream", f"{one.name}: think times as taken and as drawn, KS distance", one.ks, "<=", MOST_APART, "",
            one.n, detail={"late_p99_ms": one.p99_ms} | _apart(rows, world[one.name], asked))
        for one in lateness(rows, spans)
        if not math.isnan(one.ks)
    ]  # fmt: skip


def _apart(rows: pd.DataFrame, entry: SumLike, asked: Mapping[str, LatencyProfile]) -> dict[str, Any]:
    """Return how far think times lie from their profile, and how far 5 % of samples of the profile itself would."""
    profile = asked.get(entry.durations[0].partition(".")[0])
    if profile is None:
        return {}
    drawn_ms, taken_ms = think_times_ms(rows, entry)
    return {
        "profile": profile.name,
        "drawn_to_profile_ks": ks_to(drawn_ms / 1e3, profile.cdf),
        "taken_to_profile_ks": ks_to(taken_ms / 1e3, profile.cdf),
        "chance_of_so_few_ks": CHANCE / math.sqrt(taken_ms.size),
    }


def ks_to(sample: np.ndarray, cdf: Callable[[float], float]) -> float:
    """Return the largest distance between the distribution of a sample and a continuous one.

    `sample`: (n,), n above 0, in the unit of `cdf`. At an atom of `cdf` (a cap) it is too large: the distance below the
    step is taken from above it.
    """
    asked = np.array([cdf(float(value)) for value in np.sort(sample)])
    steps = np.arange(asked.size + 1) / asked.size
    return float(max((steps[1:] - asked).max(), (asked - steps[:-1]).max()))
