"""Two runs side by side: a move is a suspect, never a verdict, and unlike runs are refused."""

from __future__ import annotations

import json

import pytest

from perflab.cli.compare import named_run, show_comparison
from perflab.errors import NotComparable, UsageError
from perflab.history.pair import WORDS, compare_runs
from tests.history.runs import FINGERPRINT, comparison, make_run, target

SLOWER = {"cpu": 60.0}


def sights(a, b, **options) -> dict[str, str]:
    return {line.label: line.sight for line in compare_runs(a, b, **options).lines}


def test_disjoint_intervals_are_a_suspect_and_overlapping_ones_no_visible_move(tmp_path):
    a, b = make_run(tmp_path, 1), make_run(tmp_path, 2, cpu=60.0)
    assert sights(a, b) == {
        "CPU per turn [baseline]": "moved", "CPU per turn [optimised]": "moved",
        "CPU per turn, against baseline [optimised]": "no move",
    }  # fmt: skip
    assert set(sights(a, make_run(tmp_path, 3)).values()) == {"no move"}


def test_no_word_of_better_or_worse_is_ever_said():
    assert not any(word in text for text in WORDS.values() for word in ("better", "worse", "regress"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fingerprint": {**FINGERPRINT, "cores": 4}}, "cores differs"),
        ({"system_name": "other"}, "system differs"),
        ({"system_digest": "e"}, "was changed in between"),
        ({"effort": "full"}, "effort differs"),
        ({"notes": {"time_scale": 0.3}}, "effort differs"),
        ({"planted": "late=40"}, "defects planted"),
        ({"status": "interrupted"}, "is interrupted, and only finished runs"),
        ({"status": "broken"}, "is broken, and only finished runs"),
        ({"findings": [target("S-1", "latency", 1.0, "s")]}, "unit of latency .* differs"),
    ],
)
def test_unlike_runs_are_refused_in_one_line_and_forced_ones_carry_no_verdict(tmp_path, changes, said):
    a = make_run(tmp_path, 1, [target("S-1", "latency", 900.0)])
    b = make_run(tmp_path, 2, **{"findings": [target("S-1", "latency", 1500.0)], **changes})
    with pytest.raises(NotComparable, match=said) as error:
        compare_runs(a, b)
    assert "\n" not in str(error.value) and error.value.exit_code == 3
    assert set(sights(a, b, force_unlike=True).values()) == {"unlike"}


def test_what_cannot_be_said_says_why(tmp_path):
    blank = target("S-1", "latency", 900.0)
    assert blank.effect is not None
    blank = blank.model_copy(update={"effect": blank.effect.model_copy(update={"low": None})})
    doubted = comparison([1.0, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6], verdict="untrusted")
    a, b = make_run(tmp_path, 1, [blank, doubted]), make_run(tmp_path, 2, [blank])
    found = sights(a, b)
    assert found["latency [optimised, normal]"] == "no interval" and found["CPU per turn [baseline]"] == "only in A"
    assert sights(a, make_run(tmp_path, 3, [doubted]))["CPU per turn [baseline]"] == "untrusted"


def test_figures_of_one_name_and_unlike_units_are_each_compared_with_their_own(tmp_path):
    pairs = [
        [target("a", "held", value), target("b", "held", share, "ratio")] for value, share in ((90, 0.5), (150, 0.5))
    ]
    lines = compare_runs(*(make_run(tmp_path, number, found) for number, found in enumerate(pairs, 1))).lines
    assert {line.unit: line.sight for line in lines} == {"ms": "moved", "ratio": "no move"}


def test_runs_are_named_by_id_beginning_path_or_age(tmp_path):
    runs = [make_run(tmp_path, number) for number in (1, 2, 3)]
    make_run(tmp_path, 4, status="interrupted")
    assert named_run("latest", tmp_path).id == runs[2].id and named_run("latest~2", tmp_path).id == runs[0].id
    assert named_run(runs[1].id, tmp_path).id == named_run("20260101T02", tmp_path).id == runs[1].id
    assert named_run(str(runs[0].path), tmp_path).id == runs[0].id
    for text, said in (
        ("2026", "must name one"),
        ("latest~9", "3 finished runs"),
        ("nope", "newest is"),
        ("", "newest"),
    ):
        with pytest.raises(UsageError, match=said):
            named_run(text, tmp_path)


def test_the_forms_say_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    hostile = target("S-1", "latency |<b>`x`", 900.0)
    make_run(tmp_path, 1, [comparison([50.0, 51, 52, 53, 54, 55], [9.0, 9, 9, 9, 9, 10]), hostile])
    make_run(tmp_path, 2, [comparison([70.0, 71, 72, 73, 74, 75], [9.0, 9, 9, 9, 9, 10]), hostile])
    assert show_comparison("latest~1", "latest", False, False, False) == 0
    text = capsys.readouterr().out
    assert "2 of 4 figures moved beyond both intervals" in text and "re-measure with perflab gate" in text
    show_comparison("latest~1", "latest", False, True, False)
    body = json.loads(capsys.readouterr().out)
    assert body["moved"][0] == "CPU per turn [baseline]" and body["figures"][0]["a"]["level"] == "measured-quick"
    show_comparison("latest~1", "latest", False, False, True)
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 7 for line in rows) and "<b>" not in shown and "`" not in shown
