"""Whether open arrivals can be sent to a system: only its load file can say what one does."""

from __future__ import annotations

from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial


def why_no_arrivals(study: Study, ladder: Trial) -> str:
    """Return why no open load can be run beside a ladder of this study, "" when one can.

    The load of the ladder has said which of its user classes define `arrive`; one of a time before it did is taken to.
    """
    load = study.system.load
    if not load.arrivals:
        return f"{study.system.path.name} says arrivals = false"
    if load.primary not in ladder.facts.notes.get("arrives", (load.primary,)):
        return f"{load.primary} of {load.file} defines no `arrive`"
    return ""


def arrivals_missing(study: Study, variant: str) -> str:
    """Return `why_no_arrivals` for the ladder of a variant that this run holds."""
    return why_no_arrivals(study, read_trial(study, f"ladder-{variant}"))
