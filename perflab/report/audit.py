"""Check a page on its own: nothing fetched from elsewhere, small, readable without eyes, every heading linkable."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

MOST_BYTES = 500_000
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_FETCHING = {"src", "srcset", "poster", "data", "background", "action", "formaction", "xlink:href"}
_OUTSIDE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//|^\s*(?:https?|ftp|file|javascript):", re.I)
_CSS_FETCH = re.compile(r"@import|url\((?!\s*['\"]?(?:#|data:))([^)]*)", re.I)


class _Auditor(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.lang = self.viewport = self.titled = self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.lang |= tag == "html" and bool(given.get("lang"))
        self.viewport |= tag == "meta" and given.get("name") == "viewport"
        self.titled |= tag == "title"
        self.in_style = tag == "style"
        if "id" in given:
            self.ids.append(given["id"])
        self._references(tag, given)
        self._for_readers(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self.in_style = False

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self._css(data)

    def _references(self, tag: str, given: dict[str, str]) -> None:
        for name, value in given.items():
            if (name in _FETCHING or name == "href") and _OUTSIDE.match(value):
                self.problems.append(f"<{tag}> refers to {value[:80]}")
            if name == "style":
                self._css(value)
            if name.startswith("on"):
                self.problems.append(f"<{tag}> has a script in {name}")
        if tag in ("script", "iframe", "object", "embed", "base") or (tag == "link" and given.get("rel") != "icon"):
            self.problems.append(f"<{tag}> is not allowed")
        if tag == "a" and given.get("href", "").startswith("#"):
            self.anchors.append(given["href"][1:])

    def _for_readers(self, tag: str, given: dict[str, str]) -> None:
        if tag == "img" and not given.get("alt"):
            self.problems.append(f"image without alternative text: {given.get('src', '')[:60]}")
        if tag == "svg" and not (given.get("aria-label") or given.get("aria-hidden") == "true"):
            self.problems.append("an SVG has no aria-label")
        if tag in _HEADINGS and tag != "h1" and not given.get("id"):
            self.problems.append(f"a <{tag}> has no id")

    def _css(self, text: str) -> None:
        for found in _CSS_FETCH.finditer(text):
            self.problems.append(f"CSS fetches {found[0][:80]}")


def audit_page(path: Path, most_bytes: int = MOST_BYTES) -> list[str]:
    """Return one line per fault of an HTML page; empty when it is self-contained, accessible and small enough.

    External references of any kind are faults, plain links included: a report is read where there is no network.
    """
    text = path.read_text(encoding="utf-8")
    auditor = _Auditor()
    auditor.feed(text)
    problems = list(dict.fromkeys(auditor.problems))
    size = len(text.encode("utf-8"))
    if size > most_bytes:
        problems.append(f"the page has {size:,} bytes, at most {most_bytes:,}")
    for fact, fault in (
        (auditor.lang, "<html> has no lang"),
        (auditor.viewport, "no viewport"),
        (auditor.titled, "no <title>"),
    ):
        problems += [] if fact else [fault]
    problems += [f"id `{name}` is used twice" for name in sorted({i for i in auditor.ids if auditor.ids.count(i) > 1})]
    problems += [f"link to #{name}, which does not exist" for name in sorted(set(auditor.anchors) - set(auditor.ids))]
    return problems
