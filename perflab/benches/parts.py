"""A family of bars that is split over files: each part of the package adds itself by being there."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol

from perflab.benches.bar import Bar
from perflab.errors import UsageError

Say = Callable[[str], None]


class Part(Protocol):
    """What a part offers: its place in the order, and a function that measures its bars."""

    ORDER: int

    @staticmethod
    def bars(say: Say) -> list[Bar]:
        """Measure and return the bars of this part."""
        ...


def run_parts(package: ModuleType, only: set[str], say: Say) -> list[Bar]:
    """Measure the parts of `package` (those named in `only`, or all) in their order.

    A part is a module of the package with `ORDER` and `bars(say)`; modules without are material that parts share.
    Raises UsageError for a name in `only` that no part has.
    """
    names = [found.name for found in iter_modules(package.__path__)]
    modules = {name: import_module(f"{package.__name__}.{name}") for name in names}
    parts = {name: module for name, module in modules.items() if hasattr(module, "ORDER")}
    if unknown := only - parts.keys():
        raise UsageError(f"No part {', '.join(sorted(unknown))} in this benchmark", f"parts are {', '.join(parts)}")
    found: list[Bar] = []
    for name in sorted(only or parts, key=lambda name: parts[name].ORDER):
        say(f"{name} ...")
        measured = parts[name].bars(say)
        for bar in measured:
            say(bar.line())
        found += measured
    return found
