"""A run's page and deliverables in a folder of their own, to send or to keep where the rest of the run is not."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

from perflab.errors import UsageError
from perflab.report.compact import compact_figures
from perflab.runs import Run, write_atomic

_ANCHOR = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>', re.S)
_MARKDOWN = re.compile(r"!?\[((?:\\.|[^\]\\])*)\]\(([^)\s]+)\)")


def write_portable(run: Run, folder: Path) -> list[Path]:
    """Write the run's page, its deliverables as Markdown and the figures that these show; return the paths.

    A link to what is not copied (samples, profiles, notebooks) becomes plain text, so that no link leads nowhere.
    Figures are the same in half the bytes. Files of those names are overwritten, others are left alone. Raises
    UsageError for a run without a page and for the run's own folder.
    """
    page = run.path / "index.html"
    if not page.is_file():
        raise UsageError(f"Run {run.id} has no page", "a run whose page was built", f"perflab report {run.id}")
    if folder.resolve().is_relative_to(run.path.resolve()):
        raise UsageError(f"{folder} lies in the run itself", "a folder of its own")
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((run.path / "deliverables").glob("*.md"))}
    shown = {(path.parent / unquote(found[2])).resolve() for path, text in texts.items() for found in _links(text)}
    figures = [path for path in sorted((run.path / "figures").glob("*.svg")) if path.resolve() in shown]
    copies = [(path, folder / path.relative_to(run.path)) for path in (*texts, *figures)]
    for source, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for source, text in texts.items():
        target = folder / source.relative_to(run.path)
        write_atomic(target, plain_markdown(text, target.parent, folder))
    for source in figures:
        write_atomic(folder / source.relative_to(run.path), compact_figures(source.read_text(encoding="utf-8")))
    write_atomic(folder / page.name, compact_figures(plain_html(page.read_text(encoding="utf-8"), folder)))
    return [folder / page.name, *(target for _, target in copies)]


def plain_html(text: str, folder: Path) -> str:
    """Return a page that lies in `folder` without the links to files that are not there; their words stay."""
    return _ANCHOR.sub(lambda found: found[0] if _there(html.unescape(found[1]), folder, folder) else found[2], text)


def plain_markdown(text: str, at: Path, folder: Path) -> str:
    """Return Markdown that lies in `at`, below `folder`, without the links and images of files that are not there."""
    return _MARKDOWN.sub(lambda found: found[0] if _there(found[2], at, folder) else found[1], text)


def dead_links(path: Path, folder: Path) -> list[str]:
    """Return the links of an HTML or Markdown file that lead to nothing, or out of the folder that it was put in."""
    text, found = path.read_text(encoding="utf-8"), []
    if path.suffix == ".html":
        found = [html.unescape(match[1]) for match in _ANCHOR.finditer(text)]
    else:
        found = [match[2] for match in _links(text)]
    return [link for link in found if not _there(link, path.parent, folder)]


def _links(text: str) -> list[re.Match[str]]:
    return list(_MARKDOWN.finditer(text))


def _there(link: str, at: Path, folder: Path) -> bool:
    """Return whether a link of a page in `at` stays on it or leads to a file in `folder`."""
    path = unquote(link.partition("#")[0])
    target = (at / path).resolve()
    return not path or (target.is_file() and target.is_relative_to(folder.resolve()))
