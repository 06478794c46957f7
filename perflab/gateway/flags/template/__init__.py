"""Flag `template`: how the system instruction is made from its file. A value offers `build(folder) -> Prompts`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

BASELINE = "per_session"
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class UnknownTemplate(LookupError):
    """No template of that name."""


class Prompts(Protocol):
    """Renders the prompt templates of a folder."""

    def render(self, name: str, values: dict[str, Any]) -> str:
        """Return the rendered template; raises UnknownTemplate."""


def template_path(folder: Path, name: str) -> Path:
    """Return a template's file; a name is lower-case letters, digits and underscores, so it cannot leave the folder."""
    path = folder / f"{name}.j2"
    if not NAME.fullmatch(name) or not path.is_file():
        raise UnknownTemplate(f"no template {name[:40]!r}")
    return path
