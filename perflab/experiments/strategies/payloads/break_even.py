"""The link rate below which a coding pays: coding and decoding take time, the bytes that are saved give time back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perflab.experiments.strategies.payloads.codings import Coded

RATES_MBIT = np.logspace(-1, 4, 121)  # 0.1 Mbit/s, a poor mobile link, to 10 Gbit/s, a rack
STATED = {"rural mobile": 0.25, "3G": 1.6, "4G": 12.0, "home": 100.0, "data centre": 10_000.0}


def seconds_gained(coded: Coded, mbit_s: float) -> float:
    """Return how much sooner an answer is whole at the client, in seconds; negative: later.

    t = 8 (n - m) / r - e - d, with n and m bytes before and after, rate r in bit/s, e and d the times of coding and
    decoding. Assumes that coding, sending and decoding come one after the other, as for answers that are coded whole,
    and that the link's rate is what limits; an answer that fits in the first window of a connection (about 14 kB)
    saves round trips in steps, which this leaves out. Example: 13,000 bytes to 4,000 in 100 us on 10 Mbit/s gain
    7.2 - 0.1 = 7.1 ms.
    """
    saved = 8 * (coded.plain - coded.coded) / (mbit_s * 1e6)
    return saved - 1e-6 * (coded.encode_us.value + coded.decode_us.value)


def crossing_mbit(coded: Coded) -> float:
    """Return the rate in Mbit/s below which the coding gains time; 0 where it saves no byte."""
    return max(8 * (coded.plain - coded.coded), 0) / (coded.encode_us.value + coded.decode_us.value)


def crossing_bounds(coded: Coded) -> tuple[float, float]:
    """Return the crossing with both times at the upper, then at the lower ends of their intervals."""
    bits = max(8 * (coded.plain - coded.coded), 0)
    slow, fast = (
        sum(getattr(times, side) or times.value for times in (coded.encode_us, coded.decode_us))
        for side in ("high", "low")
    )
    return bits / slow, bits / fast


def fastest_at(table: Sequence[Coded], content: str, mbit_s: float) -> Coded | None:
    """Return the coding that makes a class's answer whole soonest at a rate; None: leave it as it is."""
    mine = [coded for coded in table if coded.content == content]
    best = max(mine, key=lambda coded: seconds_gained(coded, mbit_s))
    return best if seconds_gained(best, mbit_s) > 0 else None


def curve_rows(table: Sequence[Coded], content: str, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the points of the break-even figure: gain in ms by rate, with the crossing, one series for each coding."""
    rows = []
    for coded in table:
        if coded.content != content or coded.coding.label not in labels:
            continue
        crossing = crossing_mbit(coded)
        rows += [
            {"series": coded.coding.label, "x": float(rate), "gain": 1e3 * seconds_gained(coded, float(rate)),
             "crossing": crossing}
            for rate in RATES_MBIT
        ]  # fmt: skip
    return rows


def choice_rows(table: Sequence[Coded]) -> list[dict[str, Any]]:
    """Return for each stated link and class the coding that is done soonest, and by how much."""
    rows = []
    for name, rate in STATED.items():
        row: dict[str, Any] = {"link": name, "rate (Mbit/s)": rate}
        for content in dict.fromkeys(coded.content for coded in table):
            best = fastest_at(table, content, rate)
            row[content] = f"{best.coding.label}, {1e3 * seconds_gained(best, rate):.3g} ms sooner" if best else "none"
        rows.append(row)
    return rows


def sentence(table: Sequence[Coded], labels: Sequence[str], content: str = "history") -> str:
    """Say below which rate each coding pays, on one class."""
    mine = [coded for coded in table if coded.content == content and coded.coding.label in labels]
    said = []
    for coded in sorted(mine, key=crossing_mbit, reverse=True):
        low, high = crossing_bounds(coded)
        said.append(f"{coded.coding.label} {crossing_mbit(coded):,.0f} Mbit/s ({low:,.0f} to {high:,.0f})")
    return (
        f"On {mine[0].plain:,} bytes of {content} a coding makes the answer whole sooner below: {', '.join(said)}. "
        "Computed from the measured times and bytes and the stated rate; no link was between."
    )
