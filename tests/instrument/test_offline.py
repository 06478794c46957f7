"""Pages of other tools: the policy stands before everything that it must bind, and the page is whole."""

from pathlib import Path

import pytest

from perflab.instrument.offline import POLICY, keep_offline


@pytest.mark.parametrize(
    ("html", "before"),
    [
        ('<!DOCTYPE html><html><HEAD lang="en"><script>1</script></head><body>x</body></html>', '<HEAD lang="en">'),
        ("<p>x</p>", "<head>"),
    ],
)
def test_the_policy_comes_first_and_nothing_else_changes(tmp_path: Path, html: str, before: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(html, encoding="utf-8")
    made = keep_offline(page).read_text(encoding="utf-8")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    assert before + meta in made
    assert made.replace(meta, "").replace("<head></head>", "") == html


def test_the_policy_lets_nothing_in_or_out() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["connect-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert not any("http" in rule or "*" in rule for rule in rules.values())
