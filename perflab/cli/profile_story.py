"""The story of a profile as sections of a page: the same figures and sentences as in `10_baseline_profile`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.report.page_profile import Section, build_profile_page

if TYPE_CHECKING:
    from perflab.experiments.bottlenecks import Bottlenecks
    from perflab.report.figures.figure import Figure


def write_story(
    found: Bottlenecks, out: Path, subject: str, stages: list[dict[str, Any]] | None = None, stage_words: str = ""
) -> Path:
    """Write the page of a profile and return its path."""
    lede = (
        "One instrument at a time, each gated; own functions are charged with the libraries that they call. "
        "Intervals cover sampling error alone, not the spread from run to run."
    )
    sections = [section for section in _sections(found, stages or [], stage_words) if _holds(section)]
    return build_profile_page(sections, out, f"Where do time and memory go? {subject}", lede, out.parent.name)


def _holds(section: Section) -> bool:
    return bool(section.sentence or section.shown or section.rows or section.files)


def _sections(found: Bottlenecks, stages: list[dict[str, Any]], stage_words: str) -> list[Section]:
    from perflab.report.figures.agreement import agreement
    from perflab.report.figures.allocation_timeline import allocation_timeline
    from perflab.report.figures.line_table import line_table
    from perflab.report.figures.overhead import overhead
    from perflab.report.figures.ranking import ranking
    from perflab.report.figures.stage_waterfall import stage_waterfall

    graphs = found.graphs()
    return [
        Section("Where a unit of work spends its time", stage_words, _drawn(stage_waterfall, stages, "Stages")),
        Section("Where the time goes", found.sentence(), _drawn(ranking, found.share_rows(), "Share of CPU by place")),
        Section("The ranking", found.slow_sentence(), rows=found.rows()),
        Section("Which lines", shown=line_table(found.line_rows(), "Hot lines")),
        Section("Where the memory goes", found.memory_sentence(), rows=found.memory),
        Section("Memory over time", shown=_drawn(allocation_timeline, found.timeline_rows(), "Memory under memray")),
        Section("Does memory grow?", _growth_sentence(found), rows=found.growth_rows()),
        Section("What waits", found.waiting_sentence(), rows=found.waiting_rows()),
        Section("Which of these can be believed", _gates_sentence(found), rows=found.gate_rows()),
        Section(
            "Do the instruments agree?",
            found.agreement_sentence(),
            _drawn(lambda rows, title: agreement(rows, title, found.agreement_rows()), found.rank_rows(), "Agreement"),
        ),
        Section(
            "What the instruments cost",
            "; ".join(problem for _, problem in found.problems),
            _drawn(overhead, found.overhead_rows(), "CPU per unit under each instrument"),
        ),
        Section("Flame graphs and pages of the instruments", files=graphs),
    ]


def _drawn(draw: Callable[..., Figure], rows: list[dict[str, Any]], title: str) -> Figure | None:
    return draw(rows, title) if rows else None


def _growth_sentence(found: Bottlenecks) -> str:
    """Return nothing for a plain command, which nobody attached memray to."""
    asked = found.growth is not None or any(name == "memray-attach" for name, _ in found.problems)
    return found.growth_sentence() if asked else ""


def _gates_sentence(found: Bottlenecks) -> str:
    out = [gate for gate in found.ranking.gates if gate.verdict == "disqualified"]
    if not out:
        return "Every view passed its gate."
    return "Disqualified: " + "; ".join(f"{g.instrument} {g.view} ({g.reason})" for g in out) + "."
