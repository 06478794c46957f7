"""The committed notebooks keep the contract, and the check of the contract can tell when one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from perflab.report.notebook.contract import check_notebook

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARAMETERS = """system: str = "data/systems/voice_gateway.toml"  # system file
effort: str = "quick"  # how long [choices: quick, full]
domain: str = ""  # product context
rng_seed: int = 7  # seed
run_dir: str = ""  # folder of the run"""


@pytest.mark.skipif(not COMMITTED, reason="no notebooks are committed yet")
@pytest.mark.parametrize("path", COMMITTED, ids=lambda p: p.stem)
def test_committed_notebook_keeps_the_contract(path: Path) -> None:
    assert check_notebook(path) == []


def notebook() -> Any:
    """A notebook that keeps the contract."""
    made = nbformat.v4.new_notebook()
    made.metadata["perflab"] = {"needs": []}
    for name in ("question", "vocabulary", "parameters", "setup", "method", "control", "evidence-1", "reading-1",
                 "evidence-2", "threats", "verdict", "next"):  # fmt: skip
        code = name in ("parameters", "setup", "control", "evidence-1", "evidence-2", "verdict")
        cell = nbformat.v4.new_code_cell("1") if code else nbformat.v4.new_markdown_cell(name)
        cell["id"] = name
        made.cells.append(cell)
    made.cells[0].source = "# Is it so?\n\n**We ask whether it is so, to decide what to do.**"
    made.cells[2].source, made.cells[2].metadata["tags"] = PARAMETERS, ["parameters"]
    return made


def problems(tmp_path: Path, made: Any) -> str:
    file = tmp_path / "50_topic.ipynb"
    nbformat.write(made, file)
    return "\n".join(check_notebook(file))


def test_good_notebook_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, notebook()) == ""


def test_missing_and_foreign_cells_are_named(tmp_path: Path) -> None:
    made = notebook()
    made.cells[9]["id"] = "scratch"
    assert "`threats` is missing" in problems(tmp_path, made)
    assert "`scratch` is not part" in problems(tmp_path, made)


def test_wrong_order_is_told(tmp_path: Path) -> None:
    made = notebook()
    made.cells[3], made.cells[4] = made.cells[4], made.cells[3]
    assert "order question, vocabulary, parameters, method, setup" in problems(tmp_path, made)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda n: n.cells[0].update(source="# A title\n\n**bold**"), "must be a question"),
        (lambda n: n.cells[0].update(source="# Why?\n\nplain"), "no bold sentence"),
        (lambda n: n.cells[2].metadata.update(tags=[]), "lacks the tag"),
        (lambda n: n.cells[2].update(source=PARAMETERS + "\nrounds: int = 3"), "`rounds` has no help"),
        (lambda n: n.cells[2].update(source="rounds: int = 3  # how often"), "common parameter `system: str`"),
        (lambda n: n.cells[6].update(outputs=[nbformat.v4.new_output("stream", text="x")]), "with outputs"),
        (lambda n: n.cells[6].update(execution_count=4), "execution count"),
        (lambda n: n.metadata.pop("perflab"), "metadata.perflab.needs"),
        (lambda n: n.cells[6].update(source="def f():\n    return 1"), "defines a function"),
        (lambda n: n.cells[6].update(source="x = 1\n" * 26), "26 lines"),
        (lambda n: n.cells[6].metadata.update(papermill={}), "papermill metadata"),
    ],
)
def test_each_breach_is_found_alone(tmp_path: Path, change: Any, expected: str) -> None:
    made = notebook()
    change(made)
    assert expected in problems(tmp_path, made)
    assert len(problems(tmp_path, made).splitlines()) <= (5 if "common" in expected else 1)


def test_no_notebook_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").write_text("{not json", encoding="utf-8")
    assert len(check_notebook(tmp_path / "x.ipynb")) == 1
