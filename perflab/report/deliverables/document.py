"""What a deliverable is made of: titled sections of plain blocks, rendered to HTML and to Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perflab.findings.finding import Evidence

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Heading:
    """A title below a section's own; `anchor` is what a link on the same page names."""

    text: str
    anchor: str
    kind: str = "heading"


@dataclass(frozen=True)
class Pairs:
    """Terms with what is said of each."""

    items: tuple[tuple[str, str], ...]
    kind: str = "pairs"


@dataclass(frozen=True)
class Bullets:
    """A list of short lines; with `folded` it is opened by a click on that text."""

    items: tuple[str, ...]
    folded: str = ""
    kind: str = "bullets"


@dataclass(frozen=True)
class Rows:
    """A table: flat dictionaries, columns in order of first appearance; a `verdict` column is shown as a badge.

    `anchors`: text of a first cell to the anchor of the heading that tells more of it. `stacked`: on a narrow screen
    each row is shown as a block, its cells below each other with their columns' names.
    """

    rows: tuple[Row, ...]
    caption: str = ""
    anchors: Mapping[str, str] = field(default_factory=dict)
    stacked: bool = False
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


Block = Text | Heading | Pairs | Bullets | Rows | Picture | Code


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


def section(title: str, blocks: Sequence[Block], otherwise: str, *, judged: bool = False) -> Section:
    """Return a section with its blocks, or, when there are none, the sentence that says what is missing and why.

    `judged`: to have nothing to show is the answer (nothing is open, no caveat), so that nothing is missing.
    """
    return Section(title, tuple(blocks)) if blocks else Section(title, (Text(otherwise),), not judged)
