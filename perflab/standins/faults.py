"""Faults on purpose: by schedule (a window of time) or by probability (keyed draws, the same in every run).

    handshake_429@5+10          from second 5 for 10 s, every WebSocket handshake is refused with 429
    stall@5+10:400              in that window every reply pauses for 400 ms in its middle
    close_1011@20               at second 20 every open connection is closed with 1011
    rest_503@0.3+0.4/2          from 0.3 s for 0.4 s, and so every 2 s (the code generator's faults only)
    rest_503%0.1                a tenth of the REST requests, chosen by (seed, kind, key)

Seconds count from the moment the stand-in is ready. A file holds one such item per line; `#` starts a comment.
What closes open connections may come at one moment; every other kind needs a time in which it strikes. A draw's key is
the request or turn that it may strike; handshakes have no name of their own yet, so theirs is the order of arrival.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perflab.errors import UsageError
from perflab.standins.draws import uniform

# kind -> (what it does, default argument)
LIVE_FAULTS: dict[str, tuple[str, float]] = {
    "handshake_403": ("the WebSocket handshake is refused with 403", 0.0),
    "handshake_429": ("the WebSocket handshake is refused with 429", 0.0),
    "handshake_503": ("the WebSocket handshake is refused with 503", 0.0),
    "late_setup": ("setupComplete is delayed by arg ms", 500.0),
    "close_1006": ("the connection is cut without a close frame", 0.0),
    "close_1007": ("the connection is closed with 1007, invalid argument", 0.0),
    "close_1008": ("the connection is closed with 1008, policy violation", 0.0),
    "close_1011": ("the connection is closed with 1011, internal error", 0.0),
    "goaway": ("goAway with arg s left, then close 1011", 2.0),
    "resume_refused": ("a resumption handle is refused with 1007", 0.0),
    "stall": ("a reply pauses for arg ms in its middle", 500.0),
    "slow_pong": ("pings are answered after arg ms", 8000.0),
    "malformed_json": ("a reply begins with a message that is not JSON", 0.0),
    "big_message": ("a reply begins with a message of arg bytes", 1_500_000.0),
    "rest_429": ("REST is refused with 429 and RetryInfo of arg s", 1.0),
    "rest_503": ("REST is refused with 503 and RetryInfo of arg s", 1.0),
    "sse_cut": ("a streamed REST answer is cut after its first chunk", 0.0),
}
CODEGEN_FAULTS: dict[str, tuple[str, float]] = {
    "rest_429": ("refused with 429, Retry-After arg s", 1.0),
    "rest_503": ("refused with 503, Retry-After arg s", 1.0),
    "stall": ("the answer, a refusal too, is delayed by arg ms more", 500.0),
    "reset": ("the connection is cut without an answer", 0.0),
    "silent": ("nothing is answered for arg s", 3600.0),
}
AT_ONCE = ("goaway", "close_1006", "close_1007", "close_1008", "close_1011")  # strike what is open at that moment
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_ITEM = re.compile(rf"(\w+)(?:@{_NUMBER}(?:\+{_NUMBER}(?:/{_NUMBER})?)?|%{_NUMBER})(?::{_NUMBER})?")
MAX_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One item: a window [start_s, end_s) of time, or a probability in (0, 1]; `arg` by kind.

    A window with `period_s` above 0 comes again every so many seconds.
    """

    kind: str
    start_s: float
    end_s: float
    probability: float
    arg: float
    period_s: float = 0.0

    def covers(self, now_s: float) -> bool:
        """Say whether a window holds a moment."""
        since = now_s - self.start_s
        return since >= 0 and (since % self.period_s if self.period_s else since) < self.end_s - self.start_s


def _parse_item(text: str, kinds: dict[str, tuple[str, float]]) -> Fault:
    match = _ITEM.fullmatch(text)
    form = "must be kind@start[+duration[/period]][:arg] or kind%probability[:arg]"
    if match is None:
        raise UsageError(f"fault {text!r} is not understood", form)
    kind, start, duration, period, probability, arg = match.groups()
    if kind not in kinds:
        raise UsageError(f"fault {text!r}: kind {kind!r} is unknown", f"must be one of {', '.join(kinds)}")
    chance = float(probability or 0.0)
    if probability is not None and not 0.0 < chance <= 1.0:
        raise UsageError(f"fault {text!r}: probability {chance}", "must be above 0 and at most 1")
    if period is not None and not (kinds is CODEGEN_FAULTS and float(period) > float(duration)):
        raise UsageError(f"fault {text!r}: again every {period} s", "longer than it lasts, code generator only")
    if start is not None and not float(duration or 0.0) and not (kinds is LIVE_FAULTS and kind in AT_ONCE):
        raise UsageError(
            f"fault {text!r} lasts no time, so it would strike nothing",
            f"kind@start+duration; without one only {', '.join(AT_ONCE)}, of the Live service",
        )
    begin, given = float(start or 0.0), float(arg) if arg is not None else kinds[kind][1]
    return Fault(kind, begin, begin + float(duration or 0.0), chance, given, float(period or 0.0))


def parse_faults(spec: str, kinds: dict[str, tuple[str, float]]) -> tuple[Fault, ...]:
    """Return the faults of a specification or of the file that it names; raises UsageError with the item at fault."""
    if spec and "@" not in spec and "%" not in spec:
        try:
            spec = Path(spec).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"fault file {spec!r} cannot be read: {error}") from None
    lines = (line.partition("#")[0] for line in spec.splitlines())
    items = [item.strip() for line in lines for item in line.split(",") if item.strip()]
    if len(items) > MAX_ITEMS:
        raise UsageError(f"{len(items)} faults", f"must be at most {MAX_ITEMS}")
    return tuple(_parse_item(item, kinds) for item in items)


class FaultPlan:
    """Says whether a fault strikes now, and counts those that did."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self.faults, self.seed = faults, seed
        self.struck: Counter[str] = Counter()
        self._kinds = {fault.kind for fault in faults}

    def strike(self, kind: str, now_s: float, *key: int | str) -> Fault | None:
        """Return the fault of this kind that strikes at `now_s` s (and count it), or None.

        `key` names the opportunity (session, turn) and keys the draw of a probability; it must be unique to it.
        """
        return self.strike_window(kind, now_s) or self.strike_chance(kind, *key)

    def strike_window(self, kind: str, now_s: float) -> Fault | None:
        """As `strike`, scheduled windows only."""
        return self._first(kind, lambda fault: not fault.probability and fault.covers(now_s))

    def strike_chance(self, kind: str, *key: int | str) -> Fault | None:
        """As `strike`, probabilities only."""
        return self._first(kind, lambda fault: uniform(self.seed, "fault-" + kind, *key) < fault.probability)

    def _first(self, kind: str, hits: Callable[[Fault], bool]) -> Fault | None:
        if kind not in self._kinds:
            return None
        for fault in self.faults:
            if fault.kind == kind and hits(fault):
                self.struck[kind] += 1
                return fault
        return None

    def scheduled(self, *kinds: str) -> list[Fault]:
        """Return the faults of these kinds that strike at a time, in the order of that time."""
        chosen = [fault for fault in self.faults if fault.kind in kinds and not fault.probability]
        return sorted(chosen, key=lambda fault: fault.start_s)
