"""A problem that an instrument found: a code of the registry, what was seen, and the line that mends it."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.errors import InstrumentFailure
from perflab.instrument.codes import REGISTRY

CODES: dict[str, tuple[str, str]] = {code.code: (code.cause, code.remedy) for code in REGISTRY.values()}
"""Cause and remedy by code."""


@dataclass(frozen=True)
class Problem:
    """One failed check: a stable code, what was seen, and the line that mends it."""

    code: str
    given: str
    remedy: str = ""

    @property
    def cause(self) -> str:
        """Why this happens, in the words of the table."""
        return CODES[self.code][0]

    @property
    def mend(self) -> str:
        """What to do, the specific remedy before the general one."""
        return self.remedy or CODES[self.code][1]

    def __str__(self) -> str:
        return f"{self.code}: {self.given} ({self.cause}). {self.mend}."

    def failure(self) -> InstrumentFailure:
        """Return the error to raise for it."""
        return InstrumentFailure(self.code, self.given, self.cause, self.mend)


def failure(code: str, given: str, remedy: str = "") -> InstrumentFailure:
    """Return an InstrumentFailure with the cause and remedy of `code`."""
    return Problem(code, given, remedy).failure()


def refuse(problems: list[Problem]) -> None:
    """Raise the first problem, if any: what a capture does with what its preflight found."""
    if problems:
        raise problems[0].failure()
