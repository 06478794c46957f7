"""What a deliverable is made of: titled sections of plain blocks, rendered to HTML and to Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.findings.finding import Evidence

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of short lines."""

    items: tuple[str, ...]
    kind: str = "bullets"


@dataclass(frozen=True)
class Rows:
    """A table: flat dictionaries, columns in order of first appearance; a `verdict` column is shown as a badge."""

    rows: tuple[Row, ...]
    caption: str = ""
    kind: str = "rows"


@dataclass(frozen=True)
class Picture:
    """A figure of the run."""

    evidence: Evidence
    kind: str = "picture"


@dataclass(frozen=True)
class Code:
    """Commands to copy."""

    text: str
    kind: str = "code"


Block = Text | Bullets | Rows | Picture | Code


@dataclass(frozen=True)
class Section:
    """A titled part; `empty` marks one that only says what is missing."""

    title: str
    blocks: tuple[Block, ...]
    empty: bool = False


@dataclass(frozen=True)
class Document:
    """A deliverable: `name` is its file name, `audience` whom it is for."""

    name: str
    title: str
    audience: str
    sections: tuple[Section, ...]

    @property
    def missing(self) -> list[str]:
        """The titles of the sections that have nothing to say yet."""
        return [section.title for section in self.sections if section.empty]


def section(title: str, blocks: Sequence[Block], otherwise: str) -> Section:
    """Return a section with its blocks, or, when there are none, the sentence that says what is missing and why."""
    return Section(title, tuple(blocks)) if blocks else Section(title, (Text(otherwise),), True)
