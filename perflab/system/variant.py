"""Variants: one setting of a system's flags, named `baseline`, `optimised` or `baseline+flag=value`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from perflab.errors import UsageError
from perflab.system.needs import needed_settings
from perflab.system.spec import System
from perflab.system.tables.settings import Equivalence

BASELINE = "baseline"


@dataclass(frozen=True)
class Variant:
    """A named setting of every flag."""

    name: str
    flags: dict[str, str]

    @property
    def arm(self) -> str:
        """What it changes of its base, as arms of blocks are called: ``flag=value``, several joined by ``+``."""
        return self.name.partition("+")[2] or self.name


@dataclass(frozen=True)
class FlagPair:
    """Two variants that differ in one flag alone; both have what that flag's value needs to do anything."""

    flag: str
    value: str
    base: Variant
    changed: Variant

    @property
    def label(self) -> str:
        """The change in words: ``flag=value``, and what stands on both sides."""
        own = f"{self.flag}={self.value}"
        return own if self.base.name == BASELINE else f"{own} (both with {self.base.arm.replace('+', ', ')})"


def variant(system: System, name: str) -> Variant:
    """Return the variant of that name: a base, then `+flag=value` for each change; raises UsageError."""
    base, *changes = name.split("+")
    if base not in (BASELINE, "optimised"):
        raise UsageError(f"Unknown variant {name!r}", "a variant starts with baseline or optimised, then +flag=value")
    flags = {flag.name: flag.baseline if base == BASELINE else flag.optimised for flag in system.flag}
    for change in changes:
        flag, _, value = change.partition("=")
        flags[flag] = _checked(system, flag, value)
    return Variant(name, flags)


def same_program(system: System, one: str, other: str) -> bool:
    """Return whether two variants set every flag alike: nothing can be compared between them."""
    return variant(system, one).flags == variant(system, other).flags


def flag_pair(system: System, flag: str, value: str) -> FlagPair:
    """Return the baseline, with what the value needs, against the same with the value; raises UsageError."""
    _checked(system, flag, value)
    needs = [f"{name}={needed}" for name, needed in needed_settings(system, flag, value).items()]
    base = "+".join([BASELINE, *needs])
    return FlagPair(flag, value, variant(system, base), variant(system, f"{base}+{flag}={value}"))


def single_flag_pairs(system: System) -> list[FlagPair]:
    """Return a pair for the optimised value of each flag that has one."""
    return [flag_pair(system, f.name, f.optimised) for f in system.flag if f.optimised != f.baseline]


def every_value_pairs(system: System) -> list[FlagPair]:
    """Return a pair for every value of every flag but the baseline's, the optimised one or not."""
    return [flag_pair(system, f.name, value) for f in system.flag for value in f.names[1:]]


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
