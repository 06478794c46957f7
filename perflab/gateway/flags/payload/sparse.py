"""Only what is asked for: `fields=id,text` names the fields, `after=ID` leaves out the records that the client has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

LONGEST = 300  # characters of a list of fields


class SparsePayload:
    """Works on records and pages of records; anything else passes whole."""

    def cut(self, value: Any, query: Mapping[str, str]) -> Any:
        """Return the chosen fields of the chosen records."""
        wanted, after = query.get("fields"), query.get("after")
        if isinstance(value, list):
            kept = _newer(value, after) if after is not None else value
            return [_chosen(row, wanted) for row in kept] if wanted is not None else kept
        return _chosen(value, wanted) if wanted is not None else value


def _newer(rows: list[Any], after: str) -> list[Any]:
    if not (after.isascii() and after.isdigit() and len(after) < 20):
        raise ValueError("after must be the id of the newest record that you have, a whole number")
    if not all(hasattr(row, "id") for row in rows):
        raise ValueError("after: these records have no id")
    return [row for row in rows if row.id > int(after)]


def _chosen(row: Any, wanted: str) -> Any:
    if not is_dataclass(row):
        return row
    known = [field.name for field in fields(row)]
    names = wanted[:LONGEST].split(",")
    unknown = [name for name in names if name not in known]
    if unknown or len(wanted) > LONGEST:
        raise ValueError(f"fields are {', '.join(known)}, with commas between; {unknown[:1]} is none of them")
    return {name: getattr(row, name) for name in names}


def build() -> SparsePayload:
    """Return the payload."""
    return SparsePayload()
