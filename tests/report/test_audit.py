"""The audit finds each fault, alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.report.audit import audit_page

GOOD = """<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>t</title>
<style>a{color:red;background:url(data:image/png;base64,AA)}</style></head><body><h1>x</h1>%s</body></html>"""


def audited(tmp_path: Path, html: str, **options: int) -> list[str]:
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    return audit_page(path, **options)


def test_a_good_page_passes(tmp_path: Path) -> None:
    body = '<h2 id="a">a</h2><a href="#a">a</a><a href="x.html">x</a><img src="data:image/png;base64,AA" alt="words">'
    assert audited(tmp_path, GOOD % body) == []


@pytest.mark.parametrize("address", ["data:image/png;base64,AA", "#fade", " 'data:font/woff2;base64,AA' ", '"#fade"'])
def test_what_lies_in_the_page_is_not_fetched(tmp_path: Path, address: str) -> None:
    assert audited(tmp_path, GOOD % f"<style>p {{ background: url({address}) }}</style>") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<img src="https://cdn.example/x.png" alt="x">', "refers to https://cdn.example"),
        ('<img src="//cdn.example/x.png" alt="x">', "refers to //cdn.example"),
        ('<a href="http://example.com">x</a>', "refers to http://example.com"),
        ('<link rel="stylesheet" href="x.css">', "<link> is not allowed"),
        ("<script>1</script>", "<script> is not allowed"),
        ('<p onclick="x()">x</p>', "script in onclick"),
        ('<a href="javascript:x()">x</a>', "refers to javascript:"),
        ('<p style="background:url(https://example.com/x)">x</p>', "CSS fetches"),
        ('<style>@import "x.css";</style>', "CSS fetches @import"),
        ('<img src="x.png">', "without alternative text"),
        ("<svg></svg>", "no aria-label"),
        ("<h2>x</h2>", "<h2> has no id"),
        ('<p id="a"></p><p id="a"></p>', "used twice"),
        ('<a href="#nowhere">x</a>', "link to #nowhere"),
    ],
)
def test_each_fault_is_found_alone(tmp_path: Path, body: str, expected: str) -> None:
    problems = audited(tmp_path, GOOD % body)
    assert len(problems) == 1 and expected in problems[0]


def test_page_facts_and_size(tmp_path: Path) -> None:
    assert audited(tmp_path, "<p>x</p>") == ["<html> has no lang", "no viewport", "no <title>"]
    assert "at most 100" in audited(tmp_path, GOOD % "", most_bytes=100)[0]
