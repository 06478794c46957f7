"""How much CPU each library takes, by who was called and by who really ran."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from perflab.instrument.source_tree import SourceTree
from perflab.instrument.table import ProfileTable


@dataclass(frozen=True)
class LibraryShare:
    """`entered`: share of all CPU below a call into the package from own code or the loop; `ran`: the package's
    own frames were innermost; `callers`: the own functions that entered it, largest first."""

    package: str
    entered: float
    ran: float
    callers: tuple[tuple[str, float], ...]


def by_library(table: ProfileTable, view: str = "gil") -> list[LibraryShare]:
    """Return the packages of one py-spy view, by the share entered; own code is not listed.

    "google.genai 35 %" counts the SDK with all that it calls (pydantic, json, websockets); `ran` splits the same time
    by the package whose frame was innermost. The two columns each sum to at most 1 and are never added.
    """
    tree = SourceTree(Path("/"))
    callers: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    ran: dict[str, float] = defaultdict(float)
    for row in table.select(instrument="pyspy", view=view, attribution="library"):
        if row.file not in ("<own>", "<event loop>"):
            callers[row.file][row.function] += row.share
    for row in table.select(instrument="pyspy", view=view, attribution="leaf"):
        if package := tree.package(row.file):
            ran[package] += row.share
    shares = [
        LibraryShare(
            package,
            sum(callers[package].values()),
            ran.get(package, 0.0),
            tuple(sorted(callers[package].items(), key=lambda item: (-item[1], item[0]))),
        )
        for package in sorted({*callers, *ran})
    ]
    return sorted(shares, key=lambda library: (-library.entered, -library.ran, library.package))
