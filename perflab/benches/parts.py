"""A family of bars that is split over files: each part of the package adds itself by being there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol

from perflab.benches.bar import Bar
from perflab.errors import PerflabError, UsageError

Say = Callable[[str], None]
Keep = Callable[[list[Bar]], None]  # gets all bars so far after every part, so that a later part cannot lose them


def keep_nothing(_: list[Bar]) -> None:
    """Keep nothing before the end."""


class Part(Protocol):
    """What a part offers: its place in the order, and a function that measures its bars."""

    ORDER: int

    @staticmethod
    def bars(say: Say) -> list[Bar]:
        """Measure and return the bars of this part."""
        ...


def run_parts(package: ModuleType, only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the parts of `package` (those named in `only`, or all) in their order.

    A part is a module of the package with `ORDER` and `bars(say)`; modules without are material that parts share.
    Raises UsageError for a name in `only` that no part has.
    """
    measures = {name: partial(part.bars, say) for name, part in _parts(package).items()}
    return run_named(measures, only, say, keep)


def names_in(family: ModuleType) -> list[str]:
    """Return the names of a family's parts in their order, measuring nothing: a package's, or those it names itself."""
    return list(family.names()) if hasattr(family, "names") else list(_parts(family))


def known_in(family: ModuleType) -> list[str]:
    """Return the same names without importing a part, which would compute beside whoever measures now."""
    if hasattr(family, "names"):
        return list(family.names())
    files = [Path(folder) / f"{found.name}.py" for folder in family.__path__ for found in iter_modules([folder])]
    return [file.stem for file in files if file.is_file() and re.search(r"^ORDER\b", file.read_text("utf-8"), re.M)]


def _parts(package: ModuleType) -> dict[str, ModuleType]:
    names = [found.name for found in iter_modules(package.__path__)]
    modules = {name: import_module(f"{package.__name__}.{name}") for name in names}
    parts = {name: module for name, module in modules.items() if hasattr(module, "ORDER")}
    return dict(sorted(parts.items(), key=lambda each: each[1].ORDER))


def run_named(
    measures: Mapping[str, Callable[[], list[Bar]]], only: set[str], say: Say, keep: Keep = keep_nothing
) -> list[Bar]:
    """Measure the groups of a family that lies in one file (those named in `only`, or all) in their order.

    A group that fails is a bar that was not measured. Raises UsageError for a name in `only` that is no group.
    """
    check_names(only, measures)
    bars: list[Bar] = []
    for name, measure in measures.items():
        if only and name not in only:
            continue
        say(f"{name} ...")
        found = _measured(name, measure)
        for bar in found:
            say(bar.line())
        bars += found
        keep(bars)
    return bars


def _measured(name: str, measure: Callable[[], list[Bar]]) -> list[Bar]:
    try:
        return measure()
    except PerflabError as error:
        return [Bar(name, f"could not be measured ({error})", None, ">=", 1, "bars", detail={"reason": str(error)})]


def check_names(only: set[str], parts: Iterable[str]) -> None:
    """Raise UsageError for a name in `only` that is none of `parts`."""
    known = list(parts)
    if unknown := only - set(known):
        raise UsageError(f"No part {', '.join(sorted(unknown))} in this benchmark", f"parts are {', '.join(known)}")
