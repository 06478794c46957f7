"""What the text of a load file tells before anything runs: that it parses, and that it holds the users that are named.

Nothing is imported: a load file may patch sockets, fetch what it plays, or need what only the load process has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from perflab.system.spec import System

SET_OTHERWISE = {"globals", "locals", "vars", "setattr", "exec"}  # by which a module's names come without being written


def load_file_faults(system: System) -> list[str]:
    """Return one line for each fault of the load file's text; nothing where the file is missing, which is told already.

    A user class is found where the module's own level defines, imports or assigns its name; a star import or a name
    that is set otherwise is taken on trust. Weakness: what a base class from another file lacks is seen by the load.
    """
    path = system.resolve(system.load.file)
    if not path.is_file():
        return []
    try:
        tree = ast.parse(path.read_bytes(), filename=path.name)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        problem = error.msg if isinstance(error, SyntaxError) else str(error)
        return [f"load.file = {system.load.file!r}{line}: not valid Python: {problem}"]
    names = set(_names(tree.body))
    if "*" in names or any(isinstance(node, ast.Name) and node.id in SET_OTHERWISE for node in ast.walk(tree)):
        return []
    classes = ", ".join(sorted(node.name for node in tree.body if isinstance(node, ast.ClassDef))) or "none"
    return [
        f"load.users names {user!r}, and {system.load.file} holds no such class; it defines {classes}"
        for user, weight in system.load.users.items()
        if weight > 0 and user not in names
    ]


def _names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield each name that the statements of a module bind, those within `if` and `try` too; `*` for a star import."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        else:
            yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            for part in ("body", "orelse", "finalbody"):
                yield from _names(getattr(node, part, []))
            for branch in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
                yield from _names(branch.body)
