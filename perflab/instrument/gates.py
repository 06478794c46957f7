"""Which table may vote on what: every known way in which an instrument misleads, as a cheap test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perflab.instrument.failures import CODES
from perflab.instrument.table import ProfileTable

WARN_DELAY, REJECT_DELAY = 0.05, 0.20
REJECT_SAMPLES, WARN_SAMPLES = 100, 400
CPU_VIEWS = {("pyspy", "gil"), ("pyspy", "cpu"), ("scalene", "cpu")}


@dataclass(frozen=True)
class Gate:
    """One gate's answer for one instrument and view: it votes, votes with a warning, or is disqualified."""

    instrument: str
    view: str
    verdict: Literal["votes", "warned", "disqualified"]
    codes: tuple[str, ...]
    n_samples: int

    @property
    def reason(self) -> str:
        """Why, in words; empty for a clean vote."""
        return "; ".join(f"{code}: {CODES[code][0]}" for code in self.codes)


def cpu_gate(table: ProfileTable, view: tuple[str, str]) -> Gate:
    """Judge one CPU view.

    Run-queue delay above 0.20 disqualifies py-spy's default view, whose samples then show the scheduler, and only
    warns the others; scalene is out when more than 5 % of CPU sits on def lines; fewer than 100 samples are none, and
    the rest of which many stacks were dropped is not the whole.
    """
    health, (instrument, name) = table.health, view
    codes = [code for code in health.codes if code in ("P302", "P305", "P318", "P205", "P311", "P204")]
    out = [code for code in codes if code in ("P302", "P318") or (code == "P305" and name == "gil")]
    if health.n_samples < REJECT_SAMPLES:
        out.append("P201")
    elif health.n_samples < WARN_SAMPLES:
        codes.append("P309")
    if health.run_delay > REJECT_DELAY:
        (out if name == "cpu" and instrument == "pyspy" else codes).append("P301")
    elif health.run_delay > WARN_DELAY and instrument == "pyspy" and name == "cpu":
        codes.append("P301")
    merged = tuple(dict.fromkeys([*out, *codes]))
    verdict: Literal["votes", "warned", "disqualified"] = "disqualified" if out else "warned" if merged else "votes"
    return Gate(instrument, name, verdict, merged, health.n_samples)


def voters(tables: list[ProfileTable]) -> list[tuple[Gate, ProfileTable]]:
    """Return every CPU view with its gate; py-spy's default view votes only where its GIL view cannot."""
    judged = [(cpu_gate(table, view), table) for table in tables for view in table.views() if view in CPU_VIEWS]
    gil = any(gate.view == "gil" and gate.verdict != "disqualified" for gate, _ in judged)
    return [(gate, table) for gate, table in judged if not (gil and (gate.instrument, gate.view) == ("pyspy", "cpu"))]
