"""From (file, line) to the enclosing function, by the line spans of the syntax tree.

Instruments name one function in several ways (`churn.<locals>.<listcomp>`, `<listcomp>`, `churn`), and Python 3.12
inlines comprehensions. Spans do not care: comprehensions and lambdas fold into the function that holds them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from perflab.instrument.source_store import read_source
from perflab.instrument.source_tree import MODULE

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_RUNS_LOOP = frozenset({"run_until_complete", "run_forever", "run_app", "serve_forever"})
_RUNNERS = frozenset({"asyncio", "uvloop", "uvicorn", "anyio", "trio", "server", "runner"})  # x.run(...) runs a loop


@dataclass
class FileSpans:
    """What the syntax tree says about the lines of one file."""

    spans: list[tuple[int, int, str]] = field(default_factory=list)  # outer before inner
    headers: set[int] = field(default_factory=set)  # lines of def statements and decorators
    loop_lines: set[int] = field(default_factory=set)  # lines that run an event loop
    callfree: set[int] = field(default_factory=set)  # lines inside a loop that calls nothing

    def function(self, line: int) -> str:
        """Return the qualified name of the innermost function around `line`, or ``<module>``."""
        inner = [name for low, high, name in self.spans if low <= line <= high]
        return inner[-1] if inner else MODULE


@lru_cache(maxsize=512)
def file_spans(path: Path) -> FileSpans:
    """Read one source file; a file that is gone or does not parse has no spans (callers fall back to given names)."""
    result = FileSpans()
    try:
        tree = ast.parse(read_source(path))
    except (OSError, SyntaxError, ValueError):
        return result
    _collect(tree, "", result)
    return result


def _collect(node: ast.AST, prefix: str, result: FileSpans) -> None:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef)):
            name = f"{prefix}.{child.name}" if prefix else child.name
            first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
            result.headers.update(range(first, child.body[0].lineno))  # nothing for `def f(): return 1`
            if isinstance(child, _FUNCTIONS):
                result.spans.append((child.lineno, child.end_lineno or child.lineno, name))
        if isinstance(child, ast.For | ast.While) and not _calls(child):
            result.callfree.update(range(child.lineno, (child.end_lineno or child.lineno) + 1))
        if isinstance(child, ast.Call) and _runs_loop(child.func):
            result.loop_lines.update(range(child.lineno, (child.end_lineno or child.lineno) + 1))
        _collect(child, name, result)


def _calls(loop: ast.For | ast.While) -> bool:
    return any(isinstance(node, ast.Call | ast.Await) for part in loop.body for node in ast.walk(part))


def _runs_loop(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return function.attr in _RUNS_LOOP or (function.attr == "run" and name in _RUNNERS)


def folded(name: str) -> str:
    """Fold an instrument's own name of a function the way spans do: the last part that is no comprehension."""
    parts = [part for part in name.split(".") if not part.startswith("<") or part == MODULE]
    return parts[-1] if parts else name
