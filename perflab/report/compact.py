"""A page's figures in half the bytes, drawn the same: for copies that are kept or sent.

matplotlib writes coordinates to a millionth of a point, a style of a hundred letters with every tick, groups around
nothing, and a turn by no degrees with every text. A hundredth of a point is far below what a screen or a printer shows.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from perflab.report.style import VARIABLES

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
OURS = '<svg class="fig"'  # as `style` opens a figure: what others drew may rest on what is dropped here
PLACES = {"x", "y", "width", "height", "cx", "cy", "r"}
WORDS = {"text", "tspan", "style", "title", "desc"}  # whose spaces are content

_FIGURE = re.compile(re.escape(OURS) + r".*?</svg>", re.S)
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.I)
_SEGMENT = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_MOVED = re.compile(r"(?:rotate|translate)\([^)]*\)")
_NOT_TURNED = re.compile(r"rotate\(-?0[ ,)]")
_PALETTE = re.compile(rf"var\((--fig-(?:{'|'.join(VARIABLES.values())})),#[0-9a-f]{{6}}\)")


def compact_figures(text: str) -> str:
    """Return a page, or the file of one figure, with every figure of ours compacted; all else stays as it is.

    Equal styles become one class of the page, and the palette's colours lose the value that stands in where nothing
    defines them: pages and figure files both do. A figure that is no well-formed XML stays as it is too. Weakness: a
    figure that is cut out of the compacted page has no style of its own.
    """
    classes: dict[str, str] = {}
    return _FIGURE.sub(lambda found: _compact(found[0], classes), text)


def _compact(svg: str, classes: dict[str, str]) -> str:
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return svg
    known = len(classes)
    for element in root.iter():
        _name_plainly(element)
        if element is not root:
            _shorten(element, classes)
    _unwrap(root)
    root.attrib = {"xmlns": SVG, "xmlns:xlink": XLINK, **root.attrib}
    if len(classes) > known:
        style = Element("style")
        style.text = "".join(f".{name}{{{rules}}}" for rules, name in list(classes.items())[known:])
        root.insert(0, style)
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _name_plainly(element: Element) -> None:
    """Take the parser's {namespace} off the names: the prefixes are declared on the root."""
    element.tag = element.tag.removeprefix(f"{{{SVG}}}")
    element.attrib = {name.replace(f"{{{XLINK}}}", "xlink:"): text for name, text in element.attrib.items()}


def _shorten(element: Element, classes: dict[str, str]) -> None:
    given = element.attrib
    if "style" in given:
        rules = _PALETTE.sub(r"var(\1)", re.sub(r"\s*([:;,])\s*", r"\1", given.pop("style")))
        given["class"] = " ".join(filter(None, (given.get("class"), classes.setdefault(rules, f"fig{len(classes)}"))))
    for name in PLACES & given.keys():
        if _NUMBER.fullmatch(given[name]):
            given[name] = _rounded(given[name])
    if "d" in given:
        given["d"] = _path(given["d"])
    if _NOT_TURNED.match(given.get("transform", "")):
        del given["transform"]
    elif _MOVED.fullmatch(given.get("transform", "")):
        given["transform"] = _rounded(given["transform"])


def _rounded(text: str) -> str:
    """Return text with its numbers to two places: never with an exponent, 0 without a sign."""
    return _NUMBER.sub(lambda found: _short(float(found[0])), text)


def _short(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _path(data: str) -> str:
    """Return a path with short numbers, a letter only where the command changes, and H or V for lines along an axis."""
    parts, last = [], ""
    at: list[str] = []
    for letter, numbers in _SEGMENT.findall(_rounded(data)):
        given = numbers.replace(",", " ").split()
        end = given[-2:] if letter in "MLCQ" else []
        if letter == "L" and len(given) == 2 and at and given[1] == at[1]:
            letter, given = "H", given[:1]
        elif letter == "L" and len(given) == 2 and at and given[0] == at[0]:
            letter, given = "V", given[1:]
        parts.append((" " if letter == last and letter in "LHVCQ" else letter) + " ".join(given))
        last, at = letter, end
    return "".join(parts).replace(" -", "-")


def _unwrap(parent: Element) -> None:
    """Put the children of groups that say nothing in their place, and drop the spaces between elements."""
    if parent.tag in WORDS:
        return
    parent.text = None
    kept: list[Element] = []
    for child in parent:
        _unwrap(child)
        child.tail = None
        kept += list(child) if child.tag == "g" and not child.attrib else [child]
    parent[:] = kept
