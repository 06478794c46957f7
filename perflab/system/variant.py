"""Variants: one setting of a system's flags, named `baseline`, `optimised` or `baseline+flag=value`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from perflab.errors import UsageError
from perflab.system.spec import Equivalence, System


@dataclass(frozen=True)
class Variant:
    """A named setting of every flag."""

    name: str
    flags: dict[str, str]


def variant(system: System, name: str) -> Variant:
    """Return the variant of that name: a base, then `+flag=value` for each change; raises UsageError."""
    base, *changes = name.split("+")
    if base not in ("baseline", "optimised"):
        raise UsageError(f"Unknown variant {name!r}", "a variant starts with baseline or optimised, then +flag=value")
    flags = {flag.name: flag.baseline if base == "baseline" else flag.optimised for flag in system.flag}
    for change in changes:
        flag, _, value = change.partition("=")
        flags[flag] = _checked(system, flag, value)
    return Variant(name, flags)


def single_flag_variants(system: System) -> list[Variant]:
    """Return baseline plus one changed flag, for each flag's optimised value."""
    return [
        variant(system, f"baseline+{flag.name}={flag.optimised}")
        for flag in system.flag
        if flag.optimised != flag.baseline
    ]


def equivalence(system: System, flags: dict[str, str]) -> Equivalence:
    """Return the weakest equivalence class among the flags that differ from the baseline."""
    order: tuple[Equivalence, ...] = ("exact", "tolerance", "loss")
    classes = [f.value_of(flags[f.name]).equivalence for f in system.flag if flags[f.name] != f.baseline]
    return max(classes, key=order.index, default="exact")


def _checked(system: System, name: str, value: str) -> str:
    known = {flag.name: flag for flag in system.flag}
    if name not in known:
        hint = difflib.get_close_matches(name, known, 1)
        raise UsageError(
            f"System {system.name} has no flag {name!r}",
            f"flags are {', '.join(known) or 'none'}",
            f"Did you mean {hint[0]!r}?" if hint else "",
        )
    if value not in known[name].names:
        raise UsageError(f"Flag {name} has no value {value!r}", f"values are {', '.join(known[name].names)}")
    return value
