"""`perflab system check`: what is wrong with a system's file."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from perflab.errors import EXIT_BROKEN, EXIT_OK
from perflab.system.load_file import check_system, missing_servers
from perflab.system.study_faults import measured_targets, study_faults


def check(file: Path, as_json: bool) -> int:
    """Print one line for each fault, or what the file describes."""
    system, faults = check_system(file)
    faults += [*missing_servers(system), *study_faults(system)] if system else []
    if as_json:
        typer.echo(json.dumps({"file": str(file), "faults": faults}))
        return EXIT_BROKEN if faults else EXIT_OK
    for fault in faults:
        typer.echo(f"{file}: {fault}", err=True)
    if faults or system is None:
        return EXIT_BROKEN
    flags = ", ".join(f"{f.name} ({' | '.join(f.names)}{'; of clients' if f.client else ''})" for f in system.flag)
    servers = ", ".join(f"{s.name} ({'your own' if s.own_url else 'from a wheel'})" for s in system.server)
    heard = ", ".join(p.name for p in system.system_processes if "{flags}" in p.command)
    told = f", handed to {heard}" if heard and not all(flag.client for flag in system.flag) else ""
    judged, unmeasured = measured_targets(system)
    left = f" (no measure: {', '.join(unmeasured[:6])}{', ...' if len(unmeasured) > 6 else ''})" if unmeasured else ""
    typer.echo(
        f"{file}: {system.title}; flags {flags or 'none'}{told}; judged: "
        f"{system.judge}; scenarios {', '.join(s.name for s in system.scenario)}; {judged} of "
        f"{judged + len(unmeasured)} targets of {system.domain} have a measure{left}"
        f"{f'; servers {servers}' if servers else ''}. No fault found."
    )
    return EXIT_OK
