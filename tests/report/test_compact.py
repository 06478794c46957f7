"""A compacted figure is the same figure: its words, its shapes, its colours, its text for who cannot see it."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from perflab.report.compact import SVG, XLINK, compact_figures
from perflab.report.style import css_variables, standalone
from tests.report.fake_run import figures

DRAWN = {f"{{{SVG}}}{name}" for name in ("path", "use", "text", "rect", "circle", "image")}
HELD = 0.0051  # of a point, to how far a coordinate may move
PALETTE = dict(found.split(":") for found in css_variables(False).strip(";").split(";"))


@pytest.fixture(params=["response", "ladder", "flags", "stages"])
def figure(request: pytest.FixtureRequest) -> str:
    return standalone(figures()[request.param].svg)


def drawn(svg: str) -> list[Element]:
    return [element for element in ElementTree.fromstring(svg).iter() if element.tag in DRAWN]


def look(svg: str, element: Element) -> dict[str, str]:
    """Return what an element's own style or its classes say, with the palette's colours as they are in light."""
    classes = dict(re.findall(r"\.(fig\d+)\{([^}]*)\}", svg))
    text = ";".join([element.get("style", ""), *(classes[name] for name in element.get("class", "").split())])
    text = re.sub(r"var\((--fig-\w+)[^)]*\)", lambda found: PALETTE[found[1]], text)
    return dict(re.sub(r"\s*([:,])\s*", r"\1", rule.strip()).split(":") for rule in text.split(";") if rule.strip())


def corners(data: str) -> list[tuple[str, list[float]]]:
    """Read a path as commands with both coordinates of every point."""
    found: list[tuple[str, list[float]]] = []
    at = [0.0, 0.0]
    for letter, numbers in re.findall(r"([MLHVCQz])([^MLHVCQz]*)", data):
        values = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", numbers)]
        size = {"z": 1, "H": 1, "V": 1, "M": 2, "L": 2, "Q": 4, "C": 6}[letter]
        for start in range(0, len(values), size) if values else [0]:
            part = values[start : start + size]
            part = [part[0], at[1]] if letter == "H" else [at[0], part[0]] if letter == "V" else part
            found.append((letter.replace("H", "L").replace("V", "L"), part))
            at = part[-2:] or at
    return found


def test_every_shape_and_word_is_where_it_was_and_as_it_was(figure: str) -> None:
    small = compact_figures(figure)
    before, after = drawn(figure), drawn(small)
    assert len(small) < 0.65 * len(figure) and len(before) == len(after) > 20
    for old, new in zip(before, after, strict=True):
        assert (old.tag, old.text) == (new.tag, new.text) or not (old.text or "").strip()
        assert look(figure, old) == look(small, new)
        for name in ("id", f"{{{XLINK}}}href", "clip-path", "fill"):
            assert old.get(name) == new.get(name)
        for name in ("x", "y", "width", "height"):
            assert float(old.get(name, 0)) == pytest.approx(float(new.get(name, 0)), abs=HELD)
        was, now = corners(old.get("d", "")), corners(new.get("d", ""))
        assert [letter for letter, _ in was] == [letter for letter, _ in now]
        for (_, first), (_, second) in zip(was, now, strict=True):
            assert first == pytest.approx(second, abs=HELD)
        turned = [float(number) for number in re.findall(r"-?[\d.]+", old.get("transform", "")) or [0]]
        shown = [float(number) for number in re.findall(r"-?[\d.]+", new.get("transform", "")) or [0]]
        assert turned[0] == shown[0] and (turned[0] == 0 or turned == pytest.approx(shown, abs=HELD))


def test_the_text_for_who_cannot_see_it_and_the_palette_stay(figure: str) -> None:
    old, new = (ElementTree.fromstring(svg) for svg in (figure, compact_figures(figure)))
    assert old.attrib == new.attrib and old.get("aria-label")
    assert css_variables(False) in compact_figures(figure) and css_variables(True) in compact_figures(figure)
    assert [text.text for text in old.iter(f"{{{SVG}}}text")] == [text.text for text in new.iter(f"{{{SVG}}}text")]


def test_figures_of_one_page_share_their_classes_and_all_else_stays() -> None:
    one, other = (figures()[name].svg.strip() for name in ("response", "ladder"))
    page = f"<p>1.2345678 &lt;svg&gt;</p>{one}<pre>  as it  is </pre>{other}<p>end</p>"
    small = compact_figures(page)
    assert small.startswith("<p>1.2345678 &lt;svg&gt;</p><svg") and small.endswith("</svg><p>end</p>")
    assert "</svg><pre>  as it  is </pre><svg" in small
    rules = re.findall(r"\.(fig\d+)\{([^}]*)\}", small)
    assert len({name for name, _ in rules}) == len({rule for _, rule in rules}) == len(rules) > 5
    assert compact_figures(small) == small


@pytest.mark.parametrize("text", [
    '<svg class="fig"><g>no end</svg>', '<svg viewBox="0 0 1 1"><g><path d="M 0.12345 1"/></g></svg>', "no figure",
])  # fmt: skip
def test_what_is_no_figure_of_ours_is_left_alone(text: str) -> None:
    assert compact_figures(text) == text
