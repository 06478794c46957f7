"""What a load sent, as its file says it: told once, and a caveat where it only stands in for what users send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Material:
    """What the notes of a load say of what was sent, a sentence each; empty where they say nothing.

    `synthetic`: of what stands in for what users send. Of several workers one may have sent the one, one the other.
    """

    material: str = ""
    synthetic: str = ""

    @property
    def told(self) -> str:
        """All that was sent, in words."""
        return "; ".join((*filter(None, (self.material,)), *self.caveats))

    @property
    def caveats(self) -> tuple[str, ...]:
        """That it was no material of users, where that is so."""
        return (f"SYNTHETIC material was sent, none of users: {self.synthetic}",) if self.synthetic else ()

    @property
    def details(self) -> dict[str, str]:
        """Both as details of a finding, from which `material_of` reads them back."""
        return {name: text for name, text in vars(self).items() if text}


def material_of(notes: Mapping[str, Any]) -> Material:
    """Return what a load file wrote into its notes `material` and `synthetic`, or a finding has of it in its details.

    Two notes and no mark beside one, because the notes of several workers are laid over each other: a worker that had
    no recordings is not hidden by one that had.
    """
    return Material(*(str(notes.get(name, "")).strip().rstrip(".") for name in ("material", "synthetic")))
