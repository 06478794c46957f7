"""What perflab can see on this machine: the self-calibration that stands beside the results of every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perflab.environment import short_fingerprint
from perflab.runs import Manifest, Run, list_runs

NOTE = "calibration"  # the note in which a run keeps the table of its self-calibration
BRIEF = ("identical work called different", "smallest effect found")
NONE_YET = "This machine was not calibrated in this environment. Calibrate it with: perflab notebook 00_machine"


@dataclass(frozen=True)
class Calibration:
    """The rows of a calibration (empty where there is none), and where they come from if not from the run itself."""

    rows: list[Mapping[str, Any]]
    origin: str = ""

    def lines(self) -> list[str]:
        """Return the calibration for a terminal: false alarms on identical work, the smallest effect, where from."""
        if not self.rows:
            return [self.origin]
        told = [f"{row['what']}: {row['measured here'] or row['simulated']}" for row in self.rows if _brief(row)]
        return [f"This machine, timing known work within one process: {'; '.join(told)}. {self.origin}".rstrip()]

    def as_dict(self) -> dict[str, Any]:
        """Return the whole table and its origin as JSON."""
        return {"rows": [dict(row) for row in self.rows], "origin": self.origin}


def calibration_of(run: Run) -> Calibration:
    """Return the run's own calibration, else the newest one of a run with the same environment fingerprint."""
    own = rows_of(run.manifest.notes)
    if own:
        return Calibration(own)
    key = short_fingerprint(run.manifest.fingerprint)
    for other in list_runs(run.path.parent.parent)[0]:
        found = rows_of(other.manifest.notes)
        if found and short_fingerprint(other.manifest.fingerprint) == key:
            return Calibration(found, f"From run {other.id}, {age(other.manifest, run.manifest)}, same environment.")
    return Calibration([], NONE_YET)


def _brief(row: Mapping[str, Any]) -> bool:
    """Whether a row belongs in one line: the rate of false alarms, and the smallest effect."""
    return {"what", "measured here", "simulated"} <= row.keys() and str(row["what"]).startswith(BRIEF)


def rows_of(notes: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the table in a run's notes, empty where none was made."""
    rows = notes.get(NOTE)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def age(other: Manifest, run: Manifest) -> str:
    """Say how long before (or after) the run the other one was made."""
    try:
        hours = (datetime.fromisoformat(run.created) - datetime.fromisoformat(other.created)).total_seconds() / 3600
    except (ValueError, TypeError):
        return "of unknown age"
    return f"{abs(hours):.1f} hours {'before' if hours >= 0 else 'after'} this one"
