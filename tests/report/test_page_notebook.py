"""An executed notebook becomes a page: folded code, formulae, figures, tracebacks, nothing fetched or run."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from perflab.report.audit import audit_page
from perflab.report.figures.noise import noise
from perflab.report.page_notebook import build_notebook_page, mathml
from tests.report.fake_run import HOSTILE
from tests.report.page_facts import PageFacts

TEXT = (
    "# Does it hold?\n\n**We ask.** With $x^2 < 1$, code `$HOME`, costs $5.\n\n$$\\frac{1}{n}$$\n\n## Part\n\n## Part\n"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    v4 = nbformat.v4
    drawn, plain = noise([0.99, 1.0, 1.01], "Noise")._repr_mimebundle_()
    svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="5"></svg>'
    outputs = [
        v4.new_output("execute_result", data=drawn, metadata=plain),
        v4.new_output("display_data", data={"image/svg+xml": svg, "text/plain": "a plain line"}),
        v4.new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "a png"}),
        v4.new_output("display_data", data={"text/html": f"<b>bold</b><script>{HOSTILE}</script>"}),
        v4.new_output("stream", name="stdout", text=HOSTILE),
        v4.new_output("stream", name="stderr", text="\x1b[31mwarned\x1b[0m"),
        v4.new_output("error", ename="ValueError", evalue=HOSTILE, traceback=["line 1", "\x1b[0;31mline 2"]),
    ]
    code = v4.new_code_cell(
        "secret = 1",
        outputs=outputs,
        id="evidence-1",
        metadata={
            "perflab": {"id": "evidence-1", "wall_s": 2.0, "cpu_s": 1.5, "peak_rss_bytes": 3e8, "status": "done"}
        },
    )
    node = v4.new_notebook(cells=[v4.new_markdown_cell(TEXT, id="question"), code])
    node.metadata["perflab_outcome"] = {"status": "failed", "reason": HOSTILE}
    folder = tmp_path_factory.mktemp("pages")
    nbformat.write(node, folder / "00_machine.ipynb")
    return build_notebook_page(folder / "00_machine.ipynb", folder / "00_machine.html")


def test_page_is_self_contained_and_small(page: Path) -> None:
    assert audit_page(page, most_bytes=300_000) == []


def test_code_is_folded_and_named(page: Path) -> None:
    facts = PageFacts(page)
    assert "code: evidence-1, 2.0 s" in facts.text and "secret = 1" in facts.text
    assert facts.text.index("code: evidence-1") < facts.text.index("secret = 1")


def test_every_cell_says_what_it_took(page: Path) -> None:
    text = PageFacts(page).text
    assert "took 2.00 s, 1.50 s of CPU, peak memory 300 MB" in text
    assert "What the cells of this notebook cost" in text


def test_formulae_are_mathml_and_money_is_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<math") == 2 and "<mfrac>" in text
    assert "<code>$HOME</code>" in text and "costs $5." in text


def test_outputs_are_kept_and_inert(page: Path) -> None:
    facts = PageFacts(page)
    assert "script" not in facts.tags and HOSTILE in facts.text
    assert "a plain line" in facts.labels and any("3 comparisons" in label for label in facts.labels)
    assert "This notebook did not finish." in facts.text and "line 2" in facts.text
    assert "\x1b" not in page.read_text(encoding="utf-8")


def test_equal_headings_get_different_ids(page: Path) -> None:
    links = PageFacts(page).links
    assert "#part" in links and "#part-2" in links


def test_unknown_tex_stays_readable() -> None:
    assert mathml("<pre>$x$</pre> a $\\nosuchcommand{$ b") != ""
    assert "<pre>$x$</pre>" in mathml("<pre>$x$</pre>")
