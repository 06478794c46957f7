"""The page of one profile: a story of short sections, self-contained, with the flame graphs in it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from perflab.report.pages import render
from perflab.runs import write_atomic

MOST_BYTES = 8_000_000
PICTURES_BYTES = 5_000_000  # of flame graphs inside the page, encoded; what is beyond is linked


@dataclass(frozen=True)
class Picture:
    """An SVG file as part of a page: data URI, words, and the file's path from the page."""

    data: str
    alt: str
    path: str


@dataclass(frozen=True)
class Section:
    """One step of the story: a title, one sentence, and what it reads: a figure or table of ours, rows, or files.

    `shown` is something that draws itself as HTML with its texts escaped (a Figure, a LineTable). `files`: SVGs are
    shown in the page, pages of other tools are linked.
    """

    title: str
    sentence: str = ""
    shown: Any = None
    rows: Sequence[Mapping[str, Any]] = ()
    files: Sequence[Path] = ()


def build_profile_page(sections: Iterable[Section], out: Path, title: str, lede: str, run: str) -> Path:
    """Write the page and return its path; a flame graph that would make it too large is linked instead."""
    left, told = PICTURES_BYTES, []
    for section in sections:
        pictures, links = [], []
        for path in section.files:
            picture = _picture(path, out.parent)
            if picture and len(picture.data) <= left:
                left -= len(picture.data)
                pictures.append(picture)
            else:
                links.append(_from(path, out.parent))
        told.append(
            {
                "title": section.title,
                "sentence": section.sentence,
                "drawn": Markup(section.shown._repr_html_()) if section.shown is not None else "",
                "rows": list(section.rows),
                "pictures": pictures,
                "links": links,
            }
        )
    write_atomic(out, render("profile.html.j2", sections=told, title=title, lede=lede, run=run))
    return out


def _picture(path: Path, folder: Path) -> Picture | None:
    if path.suffix != ".svg":
        return None
    # as an image the graph's own style sheet stays its own, and nothing in it can run
    data = "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    return Picture(data, f"Flame graph {path.stem}", _from(path, folder))


def _from(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
