"""Compile each template once; compile again when its file has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from perflab.gateway.flags.template import template_path


class CachedPrompts:
    """Jinja's own cache, which compares the file's time of change at each use: a stat instead of a compilation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = Environment(loader=FileSystemLoader(folder), auto_reload=True)

    def render(self, name: str, values: dict[str, Any]) -> str:
        """Return the rendered template."""
        template = self._environment.get_template(template_path(self._folder, name).name)
        return str(template.render(values))


def build(folder: Path) -> CachedPrompts:
    """Return the renderer."""
    return CachedPrompts(folder)
