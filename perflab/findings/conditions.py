"""Settings of the world under which findings were judged: what all of them share, and what tells one from another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from perflab.findings.finding import Finding

SETTING = re.compile(r"[^\s=,]+(=[^\s,]*)?")  # name=value, or a name alone; anything else is a sentence


@dataclass(frozen=True)
class Conditions:
    """The conditions at hand, split into what is said once and what has to stand beside each figure.

    `common`: the parts (``name=value``) that all share; `names`: the settings of which there are several values.
    """

    common: tuple[str, ...]
    names: frozenset[str]

    def shown(self, condition: str) -> str:
        """Return what of a condition (``a=x,b=y``) tells it from the others at hand; empty where nothing does."""
        return ", ".join(part for part in _parts(condition) if _name(part) in self.names)

    @property
    def shared(self) -> str:
        """What all conditions at hand share, in words of the system's file; empty where there is no condition."""
        return ", ".join(self.common)


def conditions_of(findings: Iterable[Finding]) -> Conditions:
    """Return the conditions of some findings; those that name none take no part, as nothing was set for them."""
    return conditions(finding.condition for finding in findings)


def conditions(given: Iterable[str]) -> Conditions:
    """Split conditions (``a=x,b=y``) into what they share and what differs.

    A setting that one of them leaves out is shared where all that name it agree: to leave it out is to leave it at its
    default, and what two findings do not say cannot tell them apart. A part without a value is a setting of its own.
    A condition in words ("open arrivals, 6,000 requests/min") is told whole; where there is one, a setting that it does
    not name is shared by nobody.
    """
    known = [_parts(condition) for condition in dict.fromkeys(given) if condition]
    values: dict[str, set[str]] = {}
    for parts in known:
        for part in parts:
            values.setdefault(_name(part), set()).add(part)
    bare = {part for parts in known for part in parts if _name(part) == part}
    sentences = {part for part in bare if not SETTING.fullmatch(part)}
    differ = {name for name, seen in values.items() if len(seen) > 1} | sentences
    differ |= {part for part in bare if any(part not in parts for parts in known)}
    if sentences:
        differ |= {name for name in values if any(name not in map(_name, parts) for parts in known)}
    common = dict.fromkeys(part for parts in known for part in parts if _name(part) not in differ)
    return Conditions(tuple(common), frozenset(differ))


def _parts(condition: str) -> list[str]:
    """Return its settings; a condition in words is one part, with the commas of its sentence and of its numbers."""
    parts = [part.strip() for part in condition.split(",") if part.strip()]
    return parts if all(SETTING.fullmatch(part) for part in parts) else [condition.strip()]


def _name(part: str) -> str:
    return part.partition("=")[0] if SETTING.fullmatch(part) else part
