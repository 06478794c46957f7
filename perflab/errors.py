"""Every error that perflab raises on purpose, and the exit code that each one means.

    PerflabError              2  the run broke
    |-- UsageError            2  a command, parameter or file was not understood
    |   `-- SystemFileError   2  a system's TOML file is wrong
    |-- SystemFailure         2  the system under test did not start, or died
    |-- LoadFailure           2  the load generator failed
    |-- InstrumentFailure     2  a profiler or sensor yielded nothing; carries a code such as P201
    |-- RunCorrupt            2  a stored run cannot be read
    |-- NotebookFailure       2  a notebook did not finish
    |-- StatisticError        2  a statistic cannot be computed from this input
    `-- NotComparable         3  two results must not be compared

Messages are one line: what was given, what is required, what to do next.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_TARGET_MISSED = 1
EXIT_BROKEN = 2
EXIT_UNTRUSTED = 3


class PerflabError(Exception):
    """An error whose message is meant for the person at the terminal; catch it at the command line."""

    exit_code = EXIT_BROKEN

    def __init__(self, given: str, required: str = "", next_step: str = "") -> None:
        self.given, self.required, self.next_step = given, required, next_step
        parts = [part.strip().rstrip(".") for part in (given, required, next_step) if part.strip()]
        super().__init__(" ".join(". ".join(parts).split()) + ".")


class UsageError(PerflabError):
    """A command, parameter or file was not understood."""


class SystemFileError(UsageError):
    """A system's TOML file is missing or wrong."""


class SystemFailure(PerflabError):
    """The system under test did not get ready, or died."""


class LoadFailure(PerflabError):
    """The load generator did not finish its plan."""


class RunCorrupt(PerflabError):
    """A stored run cannot be read."""


class NotebookFailure(PerflabError):
    """A notebook did not finish, whatever the tool that ran it says."""


class StatisticError(PerflabError):
    """A statistic cannot be computed from this input; this is never a verdict."""


class NotComparable(PerflabError):
    """Two results must not be compared, because they come from unlike environments or units."""

    exit_code = EXIT_UNTRUSTED


class InstrumentFailure(PerflabError):
    """An instrument yielded nothing usable; `code` is stable (P1xx cannot start, P2xx no data, P3xx gated)."""

    def __init__(self, code: str, given: str, required: str = "", next_step: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {given}", required, next_step)
