"""What a run's folder holds for a reader: profiles, notebooks, samples, deliverables, with their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from perflab.findings.finding import Finding

_FINDINGS = TypeAdapter(list[Finding])
READABLE = {".html", ".svg", ".json", ".md", ".txt", ".yml", ".yaml", ".parquet", ".ipynb", ".bin", ".speedscope"}


@dataclass(frozen=True)
class RunFile:
    """A file below the run: `path` relative to it."""

    path: str
    size_bytes: int


def files_in(run_path: Path, folder: str, suffixes: set[str] | None = None) -> list[RunFile]:
    """Return the files below a folder of the run, in order of name."""
    wanted = suffixes or READABLE
    found = sorted(p for p in (run_path / folder).rglob("*") if p.is_file() and p.suffix in wanted)
    return [RunFile(str(p.relative_to(run_path)), p.stat().st_size) for p in found]


def readable_findings(folder: Path) -> tuple[list[Finding], list[str]]:
    """Return every finding that can be read, in order of id, and one line for each file that cannot.

    A page must still be built from a run with a broken file, so this is lenient where `load_findings` is strict.
    """
    found: list[Finding] = []
    problems = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.extend(_FINDINGS.validate_json(file.read_bytes()))
        except (ValidationError, OSError) as error:
            problems.append(f"{file.name} holds no valid findings ({str(error).splitlines()[0]})")
    return sorted(found, key=lambda finding: finding.order), problems
