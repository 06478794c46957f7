"""What a run has measured of one experiment already: rows beside what they must have in common with those to come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perflab.errors import RunCorrupt
from perflab.runs import write_atomic
from perflab.strict_json import json_text

Row = dict[str, Any]


def write_rows(path: Path, identity: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write the rows measured so far, and what they are of; what is not finite becomes null."""
    write_atomic(path, json_text({**identity, "rows": list(rows)}, indent=1))


def read_rows(path: Path, name: str, identity: Mapping[str, Any]) -> list[Row]:
    """Return the rows that a file has of this very experiment, none where it is of another or is not there.

    `identity`: what must be equal, the code's commit among it. Raises RunCorrupt on a file that cannot be read, which
    calls the experiment by `name`.
    """
    if not path.exists():
        return []
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return list(body["rows"]) if {key: body.get(key) for key in identity} == identity else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunCorrupt(
            f"The samples of experiment {name} cannot be read ({error})",
            "",
            f"Delete {path} to measure again",
        ) from None
