"""Read a page's facts with the standard library's parser: tests assert on these, never on markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br", "img", "link", "hr", "input"}


class PageFacts(HTMLParser):
    """Headings, rows of tables, badges, links and raw tags of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.badges: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []
        self.text = ""
        self._open: list[tuple[str, str]] = []
        self.unclosed = 0
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        self.tags.append(tag)
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "svg":
            self.labels.append(given.get("aria-label", ""))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append("")
        if given.get("class", "").startswith("badge"):
            self.badges.append("")
        if tag not in VOID:
            self._open.append((tag, given.get("class", "")))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.unclosed += 1
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self._open]
        if "style" in inside:
            return
        self.text += data + " "
        if "svg" in inside:
            return
        if ("td" in inside or "th" in inside) and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
        if any(tag in ("h1", "h2", "h3", "h4") for tag in inside) and data != "#":
            self.headings[-1] += data
        if any(cls.startswith("badge") for _, cls in self._open):
            self.badges[-1] += data
