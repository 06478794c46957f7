"""The parameters of a notebook, read from its tagged cell without running it, and checked before a kernel starts.

papermill only logs a warning for an unknown name and never checks a type, so the check is ours. The cell is read as
a syntax tree: every line must be ``name: type = literal  # help``. The help may end in the values that are allowed,
``[choices: quick, full]`` or ``[1..3600]``.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.errors import UsageError
from perflab.report.notebook.light_imports import nbformat

Value = int | float | str | bool
TAG = "parameters"
TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
_CHOICES = re.compile(r"\[choices:\s*([^\]]+)\]")
_RANGE = re.compile(r"\[\s*(-?[0-9.eE+]+?)\s*\.\.\s*(-?[0-9.eE+]+)\s*\]")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: `choices` and [`low`, `high`] are empty or None when any value is fine."""

    name: str
    type: str
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


def read_notebook(path: Path) -> Any:
    """Return the notebook as nbformat 4; raises UsageError when it is missing or no notebook."""
    if not path.is_file():
        raise UsageError(f"No notebook at {path}", "a path of an .ipynb file", "List them with: ls notebooks")
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        # nbformat raises a dozen unrelated types for a broken file, down to AttributeError: all mean the same thing.
        raise UsageError(f"{path.name} is no readable notebook ({type(error).__name__})", "nbformat 4 JSON") from None


def declared_parameters(path: Path) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, by name; raises UsageError when its cell is malformed."""
    cells = [c for c in read_notebook(path).cells if TAG in c.metadata.get("tags", []) and c.cell_type == "code"]
    return parse_cell(cells[0].source, path.name) if cells else {}


def parse_cell(source: str, where: str) -> dict[str, Parameter]:
    """Parse the source of a parameters cell; `where` names the notebook in messages."""
    try:
        body = ast.parse(source).body
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}
    except (SyntaxError, tokenize.TokenError) as error:
        raise UsageError(f"{where}: the parameters cell is no Python ({error})") from None
    parameters = [_parameter(node, comments.get(node.end_lineno or 0, ""), where) for node in body]
    return {parameter.name: parameter for parameter in parameters}


def _parameter(node: ast.stmt, comment: str, where: str) -> Parameter:
    """Turn one statement into a parameter, or say why it is none."""
    problem = UsageError(
        f"{where}: line {node.lineno} of the parameters cell is not `name: type = literal  # help`",
        f"types are {', '.join(TYPES)}",
    )
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value, annotation = node.targets[0], node.value, None
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        target, value, annotation = node.target, node.value, node.annotation
    else:
        raise problem
    try:
        default = ast.literal_eval(value)
    except ValueError:
        raise problem from None
    kind = type(default).__name__ if annotation is None else ast.unparse(annotation)
    if not isinstance(target, ast.Name) or kind not in TYPES or type(default).__name__ not in TYPES:
        raise problem
    choices, low, high = _limits(comment)
    parameter = Parameter(target.id, kind, default, comment, choices, low, high)
    return Parameter(target.id, kind, checked(parameter, default, where), comment, choices, low, high)


def _limits(comment: str) -> tuple[tuple[str, ...], float | None, float | None]:
    """Read the allowed values at the end of a help comment."""
    if found := _CHOICES.search(comment):
        return tuple(choice.strip() for choice in found[1].split(",")), None, None
    if found := _RANGE.search(comment):
        return (), float(found[1]), float(found[2])
    return (), None, None


def checked(parameter: Parameter, value: object, where: str) -> Value:
    """Return `value` as the parameter's type, or raise UsageError; a whole number is fine where a float is asked."""
    wanted = TYPES[parameter.type]
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:  # not isinstance: True is an int, and that is never what was meant
        raise UsageError(
            f"N102 {where}: parameter `{parameter.name}` was given {value!r} ({type(value).__name__})",
            f"it must be {parameter.type} ({parameter.help or 'no help'})",
        )
    assert isinstance(value, int | float | str | bool)
    if parameter.choices and str(value) not in parameter.choices:
        raise UsageError(
            f"N102 {where}: parameter `{parameter.name}` was given {value!r}",
            f"it must be one of {', '.join(parameter.choices)}",
        )
    low, high = parameter.low, parameter.high
    if low is not None and high is not None and not isinstance(value, str) and not low <= value <= high:
        raise UsageError(
            f"N102 {where}: parameter `{parameter.name}` was given {value!r}",
            f"it must lie in {parameter.low:g}..{parameter.high:g}",
        )
    return value


def check_parameters(path: Path, given: Mapping[str, object]) -> dict[str, Value]:
    """Return the parameters, checked against the notebook's declaration; raises UsageError for the first wrong one."""
    declared = declared_parameters(path)
    for name in given:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean `{close[0]}`? " if close else ""
            names = ", ".join(declared) or "none"
            raise UsageError(f"N101 {path.name}: unknown parameter `{name}`", f"{hint}(declared: {names})")
    return {name: checked(declared[name], value, path.name) for name, value in given.items()}


def parse_text(path: Path, given: Mapping[str, str]) -> dict[str, Value]:
    """Return parameters typed at a command line, converted by the notebook's declaration and checked."""
    declared = declared_parameters(path)
    return check_parameters(path, {n: _convert(declared[n].type, t) if n in declared else t for n, t in given.items()})


def _convert(kind: str, text: str) -> object:
    """Read `text` as the type; what cannot be read stays text, and the check then says so."""
    if kind == "bool":
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    try:
        return TYPES[kind](text)
    except ValueError:
        return text
