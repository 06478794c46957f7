"""What perflab can see on this machine: the self-calibration that stands beside the results of every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perflab.environment import short_fingerprint
from perflab.runs import Manifest, Run, list_runs

NOTE = "calibration"  # the note in which a run keeps the table of its self-calibration
NONE_YET = "This machine was not calibrated in this environment. Calibrate it with: perflab notebook 00_machine"


@dataclass(frozen=True)
class Calibration:
    """The rows of a calibration (empty where there is none), and where they come from if not from the run itself."""

    rows: list[Mapping[str, Any]]
    origin: str = ""


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
