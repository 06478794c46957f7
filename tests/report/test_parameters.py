"""Parameters are refused before a kernel starts, with a line that says what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import UsageError
from perflab.report.notebook.parameters import check_parameters, declared_parameters, parse_cell, parse_text

NOTEBOOKS = Path(__file__).parent / "notebooks"
GOOD = NOTEBOOKS / "good.ipynb"


def test_declaration_is_read_with_types_defaults_help_and_limits() -> None:
    found = declared_parameters(GOOD)
    assert list(found) == ["rounds", "rate", "effort", "loud"]
    assert (found["rounds"].type, found["rounds"].default, found["rounds"].low, found["rounds"].high) == (
        "int",
        3,
        1,
        10,
    )
    assert found["effort"].choices == ("quick", "full")
    assert found["rate"].help == "per second"


def test_good_values_pass_and_whole_numbers_become_floats() -> None:
    given = check_parameters(GOOD, {"rounds": 4, "rate": 3, "effort": "full", "loud": True})
    assert given == {"rounds": 4, "rate": 3.0, "effort": "full", "loud": True}
    assert type(given["rate"]) is float


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"ronuds": 4}, "did you mean `rounds`?"),
        ({"xyz": 4}, "declared: rounds, rate, effort, loud"),
        ({"rounds": "4"}, "it must be int"),
        ({"rounds": 4.0}, "it must be int"),
        ({"rounds": True}, "it must be int"),
        ({"loud": 1}, "it must be bool"),
        ({"rate": "fast"}, "it must be float"),
        ({"rounds": 11}, "it must lie in 1..10"),
        ({"effort": "lazy"}, "it must be one of quick, full"),
        ({"rate": None}, "it must be float"),
    ],
)
def test_wrong_values_are_refused_in_one_line(values: dict[str, object], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_parameters(GOOD, values)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_text_from_a_command_line_is_converted_by_the_declaration() -> None:
    given = parse_text(GOOD, {"rounds": "7", "rate": "1.5", "effort": "full", "loud": "yes"})
    assert given == {"rounds": 7, "rate": 1.5, "effort": "full", "loud": True}
    with pytest.raises(UsageError, match="it must be int"):
        parse_text(GOOD, {"rounds": "many"})


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "a = b = 1",
        "a = f()",
        "a: list = []",
        "a: int | None = None",
        "a: int",
        "a, b = 1, 2",
        "a = None",
        "a: int = 'x'",
        "a: bool = 1",
        "a =",
    ],
)
def test_cells_that_hold_more_than_literals_are_refused(source: str) -> None:
    with pytest.raises(UsageError):
        parse_cell(source, "x.ipynb")


def test_a_default_outside_its_own_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"must lie in 1\.\.2"):
        parse_cell("a: int = 3  # help [1..2]", "x.ipynb")


@given(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.booleans())
def test_every_literal_survives_the_round_trip(i: int, f: float, s: str, b: bool) -> None:
    found = parse_cell(f"i: int = {i!r}  # help\nf: float = {f!r}  # help\ns: str = {s!r}  # help\nb = {b!r}", "x")
    assert [found[n].default for n in "ifsb"] == [i, f, s, b]


def test_missing_and_broken_notebooks_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No notebook"):
        check_parameters(tmp_path / "none.ipynb", {})
    (tmp_path / "x.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="no readable notebook"):
        check_parameters(tmp_path / "x.ipynb", {})
    with pytest.raises(UsageError, match=r"bad_parameters\.ipynb: line 1"):
        check_parameters(NOTEBOOKS / "bad_parameters.ipynb", {})
