"""Compile each template once: its file is looked at once a second at most, and compiled again with a new version."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, Template

from perflab.gateway.flags.template import template_path

TTL_S = 1.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template, the version of the file that it came from (time of change and size), and when that was looked at."""

    template: Template
    version: tuple[int, int]
    looked: float


class ExpiringPrompts:
    """Within a second no file is touched; after it one stat decides whether the template is compiled again.

    A changed file is seen within the time to live of one second; one that is gone raises UnknownTemplate after at most
    that second. Rendered texts are not kept: each holds a session's own number or history.
    Weakness: an edit that keeps size and time of change is never seen, as with any build tool.
    """

    def __init__(self, folder: Path, ttl_s: float = TTL_S) -> None:
        self._folder, self._ttl_s = folder, ttl_s
        self._environment = Environment()
        self._compiled: dict[str, Compiled] = {}  # bounded by the files of the folder

    def render(self, name: str, values: dict[str, Any]) -> str:
        """Return the rendered template."""
        return str(self._current(name).template.render(values))

    def _current(self, name: str) -> Compiled:
        now, known = time.monotonic(), self._compiled.get(name)
        if known is not None and now - known.looked < self._ttl_s:
            return known
        self._compiled.pop(name, None)
        path = template_path(self._folder, name)
        stat = path.stat()
        version = stat.st_mtime_ns, stat.st_size
        if known is not None and known.version == version:
            current = Compiled(known.template, version, now)
        else:
            current = Compiled(self._environment.from_string(path.read_text(encoding="utf-8")), version, now)
        self._compiled[name] = current
        return current


def build(folder: Path) -> ExpiringPrompts:
    """Return the renderer."""
    return ExpiringPrompts(folder)
