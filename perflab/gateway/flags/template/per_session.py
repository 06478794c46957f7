"""Read and compile the template's file for every session, as in Jinja's introduction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Template

from perflab.gateway.flags.template import template_path


class PerSessionPrompts:
    """Always sees the file as it is now, and pays for compiling it each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def render(self, name: str, values: dict[str, Any]) -> str:
        """Return the rendered template."""
        source = template_path(self._folder, name).read_text(encoding="utf-8")
        return str(Template(source).render(values))


def build(folder: Path) -> PerSessionPrompts:
    """Return the renderer."""
    return PerSessionPrompts(folder)
