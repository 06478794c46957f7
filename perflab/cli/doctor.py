"""`perflab doctor`: what this machine can and cannot measure."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from perflab.errors import EXIT_OK

_WHEN = {
    "before": "cannot start (found before the measurement)",
    "after": "yielded nothing usable (found after it)",
    "gate": "measured, but not to be believed as it stands",
    "notebook": "notebooks",
}


def show_capabilities(as_json: bool) -> int:
    """Print one line for each capability, with the line that mends what is missing."""
    from perflab.instrument.machine import capabilities

    found = capabilities()
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in found]))
        return EXIT_OK
    for item in found:
        typer.echo(f"{'yes' if item.available else 'NO ':3}  {item.name:24} {item.detail}")
        if not item.available and item.remedy:
            typer.echo(f"     {'':24} mend: {item.remedy}")
    return EXIT_OK


def show_codes(as_json: bool) -> int:
    """Print every failure code with its cause and its remedy, by when it is found."""
    from perflab.instrument.codes import REGISTRY

    if as_json:
        typer.echo(json.dumps([code._asdict() for code in REGISTRY.values()]))
        return EXIT_OK
    shown = ""
    for code in REGISTRY.values():
        if code.when != shown:
            typer.echo(f"\n{_WHEN[code.when]}")
            shown = code.when
        typer.echo(f"  {code.code}  {code.cause}\n        mend: {code.remedy}")
    return EXIT_OK
