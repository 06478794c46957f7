"""Tables that are to be read whole: the hottest lines with their source text, and plain rows; nothing is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

SOURCE, FLAG = "source", "modelled"
NOTE = (
    "~ the instrument spreads its samples evenly over a loop without calls: read the loop, not the line. "
    "An empty cell: the instrument saw nothing of the line."
)


@dataclass(frozen=True)
class LineTable:
    """Rows with a title; drawn as HTML with every text escaped, as plain lines elsewhere."""

    rows: tuple[Mapping[str, Any], ...]
    title: str

    @property
    def columns(self) -> list[str]:
        """Return the columns that are shown."""
        return list(dict.fromkeys(name for row in self.rows for name in row if name != FLAG))

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{escape(self.title)}: nothing to show.</p>"
        head = "".join(f'<th scope="col"{self._side(name)}>{escape(name)}</th>' for name in self.columns)
        body = "".join(f"<tr>{''.join(self._cell(row, name) for name in self.columns)}</tr>" for row in self.rows)
        note = f'<p class="cost">{escape(NOTE)}</p>' if any(row.get(FLAG) for row in self.rows) else ""
        return (
            f'<div class="scroll"><table class="lines"><caption>{escape(self.title)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
        )

    def _side(self, name: str) -> str:
        """Return the class of a column's head: numbers stand at the right, and so does what is above them."""
        held = [row[name] for row in self.rows if row.get(name) is not None]
        return ' class="n"' if held and all(isinstance(value, int | float) for value in held) else ""

    def _cell(self, row: Mapping[str, Any], name: str) -> str:
        value = row.get(name)
        if name == SOURCE:
            return f"<td><code>{escape(str(value))}</code></td>"
        if isinstance(value, int | float):
            mark = "~" if row.get(FLAG) and name.startswith("scalene") else ""
            return f'<td class="n">{mark}{_plain(value)}</td>'
        return f"<td>{escape('' if value is None else str(value))}</td>"

    def __repr__(self) -> str:
        return "\n".join([self.title, *(" | ".join(str(row.get(name)) for name in self.columns) for row in self.rows)])


def _plain(value: float) -> str:
    """Return a number without an exponent where it is large: a reader compares 592 with 1,033,283 rows per second."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:g}"


def line_table(rows: Sequence[Mapping[str, Any]], title: str) -> LineTable:
    """Return a table of lines: columns where, function, source, one share in percent per instrument, memory.

    `modelled` (true or false) is not shown as a column but as a mark beside scalene's value.
    """
    return LineTable(tuple(rows), title)


def rows_table(rows: Sequence[Mapping[str, Any]], title: str) -> LineTable:
    """Return any flat rows as such a table: no row numbers, no text cut off, numbers flush right."""
    return LineTable(tuple(rows), title)
