"""The contract of a committed notebook, checked without running it: the cells, their order, parameters and hygiene."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from perflab.errors import UsageError
from perflab.report.notebook.parameters import TAG, parse_cell, read_notebook

BEFORE = ("question", "vocabulary", "parameters", "setup", "method", "control")
AFTER = ("threats", "verdict", "next")
COMMON = {"system": "str", "effort": "str", "domain": "str", "rng_seed": "int", "run_dir": "str"}
LONGEST_CELL = 25  # lines: beyond that it is logic, and logic lives in perflab where it is tested
_EVIDENCE = re.compile(r"evidence-(\d+)$")


def check_notebook(path: Path) -> list[str]:
    """Return one line per breach of the contract; empty when the notebook keeps it."""
    try:
        notebook = read_notebook(path)
    except UsageError as error:
        return [str(error)]
    cells = {cell.get("id", ""): cell for cell in notebook.cells}
    problems = [
        *_order([cell.get("id", "") for cell in notebook.cells]),
        *_question(cells.get("question")),
        *_parameters(cells.get("parameters"), path.name),
        *_hygiene(notebook),
        *_metadata(notebook),
    ]
    for name, cell in cells.items():
        problems += _thin(name, cell) if cell.cell_type == "code" else []
    return problems


def _order(ids: list[str]) -> list[str]:
    """Check the cell ids: the fixed ones in order, evidence-1..n between, each with an optional reading."""
    evidence = [i for i in ids if _EVIDENCE.match(i)]
    wanted = list(BEFORE)
    for number, name in enumerate(evidence, start=1):
        wanted += [f"evidence-{number}"] + ([f"reading-{number}"] if f"reading-{name.split('-')[1]}" in ids else [])
    wanted += (["surprise"] if "surprise" in ids else []) + list(AFTER)
    problems = [] if evidence else ["no evidence cell: at least `evidence-1` is required"]
    missing, extra = [i for i in wanted if i not in ids], [i for i in ids if i not in wanted]
    problems += [f"cell `{name}` is missing" for name in missing]
    problems += [f"cell `{name}` is not part of the contract" for name in extra]
    if not missing and not extra and ids != wanted:
        problems.append(f"cells stand in the order {', '.join(ids)}; the contract asks {', '.join(wanted)}")
    return problems


def _question(cell: Any) -> list[str]:
    """The title must be a question, and one bold sentence must stand below it."""
    if cell is None or cell.cell_type != "markdown":
        return ["cell `question` must be Markdown"]
    title = next((line for line in cell.source.splitlines() if line.startswith("# ")), "")
    problems = [] if title.rstrip().endswith("?") else ["the title in `question` must be a question (`# ...?`)"]
    return problems + ([] if re.search(r"\*\*[^*]+\*\*", cell.source) else ["`question` has no bold sentence"])


def _parameters(cell: Any, where: str) -> list[str]:
    """The cell must be tagged, well-formed, explained line by line, and hold the common parameters."""
    if cell is None or cell.cell_type != "code":
        return ["cell `parameters` must be code"]
    problems = [] if TAG in cell.metadata.get("tags", []) else [f"cell `parameters` lacks the tag `{TAG}`"]
    try:
        declared = parse_cell(cell.source, where)
    except UsageError as error:
        return [*problems, str(error)]
    problems += [f"parameter `{p.name}` has no help comment" for p in declared.values() if not p.help]
    for name, kind in COMMON.items():
        if name not in declared or declared[name].type != kind:
            problems.append(f"common parameter `{name}: {kind}` is missing")
    return problems


def _hygiene(notebook: Any) -> list[str]:
    """No outputs, counts or traces of an execution may be committed."""
    problems = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            problems.append(f"cell `{cell.get('id', '')}` is committed with outputs or an execution count")
        if "papermill" in cell.metadata or "raises-exception" in cell.metadata.get("tags", []):
            problems.append(f"cell `{cell.get('id', '')}` carries papermill metadata or allows exceptions")
    return problems + (["the notebook carries papermill metadata"] if "papermill" in notebook.metadata else [])


def _metadata(notebook: Any) -> list[str]:
    """`metadata.perflab.needs` must list notebooks by name, even if none."""
    needs = notebook.metadata.get("perflab", {}).get("needs")
    if not isinstance(needs, list) or not all(isinstance(name, str) for name in needs):
        return ["metadata.perflab.needs must be a list of notebook names (possibly empty)"]
    return []


def _thin(name: str, cell: Any) -> list[str]:
    """Logic belongs in perflab: no definitions, no long cells."""
    lines = len(cell.source.splitlines())
    problems = [f"cell `{name}` has {lines} lines; at most {LONGEST_CELL}"] if lines > LONGEST_CELL else []
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        return [*problems, f"cell `{name}` is no Python ({error.msg}, line {error.lineno})"]
    if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.walk(tree)):
        problems.append(f"cell `{name}` defines a function or class; it belongs in perflab")
    return problems


def needs_of(path: Path) -> list[str]:
    """Return the names of the notebooks whose samples this one reads (`metadata.perflab.needs`)."""
    needs = read_notebook(path).metadata.get("perflab", {}).get("needs", [])
    return [str(name) for name in needs] if isinstance(needs, list) else []
