"""What a cache holds: a key that names a read, and an entry that knows when its load began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from perflab.gateway.state.records import Artefact, HistoryRow, SessionRow

Value = SessionRow | Artefact | Sequence[HistoryRow] | Sequence[Artefact]
ROW_BYTES = 400  # of a record beside its texts: the object, its numbers and its place in a list


class Key(NamedTuple):
    """One read: its kind (session, history, artefacts or artefact), whose it is, and where its page begins and ends.

    An artefact never changes, so that it hangs on no session: its `owner` is its own id, and no write makes it old.
    """

    kind: str
    owner: int
    before: int = 0
    limit: int = 0

    @property
    def text(self) -> str:
        """The key as Redis holds it."""
        return f"gwc:{self.kind}:{self.owner}:{self.before}:{self.limit}"

    @property
    def changes(self) -> bool:
        """Whether a write can make what is cached old."""
        return self.kind != "artefact"


@dataclass(frozen=True, slots=True)
class Entry:
    """A value, when its load began (Unix seconds), and the version of its owner at that time."""

    value: Any
    began: float
    version: int


def size_of(value: Value) -> int:
    """Return about how many bytes a value takes in this process: its texts, and `ROW_BYTES` for each record.

    Texts outside Latin-1 take two or four bytes a character and are counted as one: too low by up to that.
    """
    rows = value if isinstance(value, Sequence) else (value,)
    return 64 + sum(ROW_BYTES + _texts(row) for row in rows)


def _texts(row: Any) -> int:
    if isinstance(row, Artefact):
        return len(row.prompt) + len(row.code) + len(row.explanation)
    return len(row.text) if isinstance(row, HistoryRow) else len(row.user)
