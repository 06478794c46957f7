"""A copy of a run's page stands alone: what is not copied is no link any more, and its words stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.errors import UsageError
from perflab.report.audit import audit_page
from perflab.report.deliverables import build_deliverables
from perflab.report.portable import dead_links, plain_html, plain_markdown, write_portable
from perflab.report.run_index import build_index
from perflab.report.run_page import build_run_page
from perflab.runs import Run
from tests.report.fake_run import ROWS, make
from tests.report.page_facts import PageFacts

EXAMPLE = Path(__file__).resolve().parents[2] / "reports/example"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make(tmp_path / "reports")
    build_deliverables(run, ROWS)
    build_run_page(run, ROWS)
    build_index(tmp_path / "reports")
    return run


def test_no_link_of_a_copy_is_dead_and_no_word_is_lost(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "a" / "copy"  # from here ../../index.html is the index of all runs
    paths = write_portable(run, folder)
    assert {path.relative_to(folder).parts[0] for path in paths} == {"index.html", "deliverables", "figures"}
    assert [link for path in paths if path.suffix != ".svg" for link in dead_links(path, folder)] == []
    before, after = PageFacts(run.path / "index.html"), PageFacts(folder / "index.html")
    assert after.text.replace(" ", "") == before.text.replace(" ", "") and after.unclosed == 0
    assert audit_page(folder / "index.html") == []
    assert "deliverables/executive-summary.md" in after.links and "../../index.html" not in after.links
    assert not [link for link in after.links if link.startswith(("profiles", "notebooks", "samples"))]
    shown = [path for path in paths if path.suffix == ".svg"]
    drawn = "".join(path.read_text(encoding="utf-8") for path in paths if path.suffix == ".md")
    assert shown and all(f"](../figures/{path.name})" in drawn for path in shown)


def test_a_copy_holds_the_same_figures_in_fewer_bytes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    figures = [path for path in write_portable(run, folder) if path.suffix == ".svg"]
    before, after = PageFacts(run.path / "index.html"), PageFacts(folder / "index.html")
    assert after.labels == before.labels and after.tags.count("svg") == before.tags.count("svg") > 2
    pairs = [(run.path / path.relative_to(folder), path) for path in figures]
    saved = sum(source.stat().st_size - copy.stat().st_size for source, copy in pairs)
    assert pairs and all(copy.stat().st_size < 0.65 * source.stat().st_size for source, copy in pairs)
    page = (run.path / "index.html").stat().st_size - (folder / "index.html").stat().st_size
    assert page > 0.9 * saved  # they are on the page as well


def test_links_that_stay_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a b.svg").write_text("<svg/>")
    page = (
        '<a class="self" href="#x">#</a> <a href="a%20b.svg#top">one <b>bold</b></a> <a title="t" href="no.svg">two</a>'
    )
    assert (
        plain_html(page, tmp_path) == '<a class="self" href="#x">#</a> <a href="a%20b.svg#top">one <b>bold</b></a> two'
    )
    text = r"![fine](a%20b.svg) ![a \[lost\] figure](../no.svg) [down](#card) \[no\](link)"
    assert plain_markdown(text, tmp_path, tmp_path) == (
        r"![fine](a%20b.svg) a \[lost\] figure [down](#card) \[no\](link)"
    )


def test_a_run_without_a_page_and_its_own_folder_are_refused(tmp_path: Path) -> None:
    run = make(tmp_path)
    with pytest.raises(UsageError, match="has no page"):
        write_portable(run, tmp_path / "copy")
    build_run_page(run, ROWS)
    with pytest.raises(UsageError, match="lies in the run itself"):
        write_portable(run, run.path / "deliverables")


def test_the_example_that_is_kept_stays_below_a_megabyte() -> None:
    sizes = {str(path.relative_to(EXAMPLE)): path.stat().st_size for path in EXAMPLE.rglob("*") if path.is_file()}
    assert "index.html" in sizes and sum(sizes.values()) < 1_000_000, sizes


def test_the_example_that_is_kept_has_no_dead_link() -> None:
    pages = [path for path in EXAMPLE.rglob("*") if path.suffix in (".html", ".md")]
    assert pages and [link for path in pages for link in dead_links(path, EXAMPLE)] == []
