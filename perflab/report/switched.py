"""What the optimised variant switches, read from the system's file and its source: the code that an adoption brings."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.report.described import description
from perflab.runs import Manifest


@dataclass(frozen=True)
class Switch:
    """One flag that the optimised variant sets otherwise than the baseline.

    `file` and `does` (the first line of its docstring) are empty where the value has no file of its own below the
    source; `lines` and `lines_before` count the lines, blank ones left out, of the files of either value.
    """

    flag: str
    before: str
    after: str
    strategy: str
    equivalence: str
    file: str = ""
    does: str = ""
    lines_before: int = 0
    lines: int = 0


def switched(manifest: Manifest) -> tuple[Switch, ...]:
    """Return what the optimised variant switches, in the order of the system's file; empty where it has no flags.

    A value's files are `flags/<flag>/<value>.py` below the source, and the private modules beside it that it imports:
    these come and go with it. Weakness: what other code must know of a value is not counted.
    """
    body = description(manifest)
    source = str(body.get("source", ""))
    root = (Path(manifest.system).parent / source).resolve() if source else None
    shown = "/".join(part for part in source.split("/") if part not in ("..", "."))
    return tuple(_switch(flag, root, shown) for flag in body.get("flag", []) if _values(flag) and _changes(flag))


def _values(flag: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [value for value in flag.get("values", []) if isinstance(value, Mapping)]


def _changes(flag: Mapping[str, Any]) -> bool:
    return str(flag.get("optimised", "")) not in ("", str(_values(flag)[0].get("value")))


def _switch(flag: Mapping[str, Any], root: Path | None, shown: str) -> Switch:
    name, after = str(flag.get("name")), str(flag.get("optimised"))
    before = str(_values(flag)[0].get("value"))
    chosen = next((value for value in _values(flag) if str(value.get("value")) == after), {})
    folder = root / "flags" / name if root else None
    old, new = (list(_files(folder, value)) if folder else [] for value in (before, after))
    return Switch(
        name, before, after, str(chosen.get("strategy", "")), str(chosen.get("equivalence", "")),
        f"{shown}/flags/{name}/{after}.py" if new else "", _first_line(new[0]) if new else "",
        sum(map(_lines, old)), sum(map(_lines, new)),
    )  # fmt: skip


def _files(folder: Path, value: str) -> Iterator[Path]:
    """Yield the file of a value and the private modules beside it that it needs, each once."""
    waiting, seen = [folder / f"{value}.py"], set[Path]()
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        yield path
        waiting += [folder / f"{name}.py" for name in _private_imports(path)]


def _private_imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom):
            names += [(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name.rpartition(".")[2] for alias in node.names]
    return [name for name in names if name.startswith("_") and not name.startswith("__")]


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ast.Module([], [])


def _first_line(path: Path) -> str:
    return (ast.get_docstring(_tree(path)) or "").partition("\n")[0]


def _lines(path: Path) -> int:
    return sum(bool(line.strip()) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
