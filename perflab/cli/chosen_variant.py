"""The variant that a command line names: checked before anything starts, with a note of what in it does nothing."""

from __future__ import annotations

import typer

from perflab.system.needs import idle_settings
from perflab.system.spec import System
from perflab.system.variant import Variant, variant


def chosen_variant(system: System, name: str) -> Variant:
    """Return the variant of that name and note its idle settings on stderr; raises UsageError for an unknown one."""
    found = variant(system, name)
    for line in idle_settings(system, found.flags):
        typer.echo(f"perflab: note: {line}", err=True)
    return found
