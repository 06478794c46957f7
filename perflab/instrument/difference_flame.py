"""A differential flame graph: width is microseconds per unit of work, colour and sign are the difference.

Two pictures to one scale. The first has the candidate's widths, the second (mirrored) the baseline's, because what
disappeared has no width in the first. One self-contained page: no script, no font, no reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from perflab.instrument.difference import KERNEL, ProfileDifference, Stretch
from perflab.instrument.difference_wording import interval_text, sentence, signed
from perflab.instrument.flame import CHAR, MIN_WIDTH, PAD, ROW, WIDTH, Node, depth, escape, grow
from perflab.instrument.stacks import Frame, Stack
from perflab.stats.profile_difference import share_error

LEVELS = (0.01, 0.05)  # share of the larger total at which the colour deepens
CHANCE = 2.0  # standard errors of sampling below which a frame stays grey
TOP = 60.0
POLICY = (  # nothing runs on this page and nothing is fetched
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; script-src 'none'; style-src 'unsafe-inline'\">"
)
STYLE = """
svg { font: 11px ui-monospace, Menlo, Consolas, monospace; background: #fff }
svg text { fill: #1c2430; pointer-events: none } svg .h { font: 600 14px system-ui, sans-serif }
svg .c { fill: #5b6675 }
rect { stroke: #fff; stroke-width: .6 } .even { fill: #e3e7ec } .root { fill: #eef1f4 }
.less1 { fill: #d3e3f3 } .less2 { fill: #a3c6e8 } .less3 { fill: #6ba3d6 }
.more1 { fill: #fbe3c8 } .more2 { fill: #f6c48d } .more3 { fill: #ee9f4d }
@media (prefers-color-scheme: dark) { svg { background: #14181d } svg text { fill: #e6eaef } svg .c { fill: #9aa6b4 }
rect { stroke: #14181d } .even { fill: #2a323b } .root { fill: #222931 }
.less1 { fill: #233a52 } .less2 { fill: #285585 } .less3 { fill: #2d6cb0 }
.more1 { fill: #4a3620 } .more2 { fill: #7a4f1e } .more3 { fill: #a5651a } }
"""
PAGE_STYLE = """
:root { color-scheme: light dark } body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; max-width: 1240px }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px } caption { text-align: left }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #8886; text-align: right } th, caption { font-weight: 600 }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left }
"""


@dataclass(frozen=True)
class Side:
    """One arm as a tree of frames with samples, and what one sample is worth; `seen`: samples without the kernel's."""

    name: str
    root: Node
    us_per_sample: float
    seen: int

    def us(self, node: Node | None) -> float:
        """Return microseconds per unit of a frame and all below it."""
        return node.weight * self.us_per_sample if node else 0.0


@dataclass(frozen=True)
class FlamePair:
    """Two arms to be drawn, with the word for a unit of work."""

    baseline: Side
    candidate: Side
    unit: str

    @property
    def scale(self) -> float:
        """Pixels per microsecond, the same in both pictures."""
        return (WIDTH - 2 * PAD) / max(self.baseline.us(self.baseline.root), self.candidate.us(self.candidate.root))

    def mark(self, before: Node | None, after: Node | None) -> tuple[float, str]:
        """Return the difference of a frame and its class: grey within chance, else three depths of less or more."""
        difference = self.candidate.us(after) - self.baseline.us(before)
        if abs(difference) <= CHANCE * self._error(before, after):
            return difference, "even"
        whole = max(self.baseline.us(self.baseline.root), self.candidate.us(self.candidate.root))
        step = 1 + sum(abs(difference) / whole >= limit for limit in LEVELS)
        return difference, f"{'less' if difference < 0 else 'more'}{step}"

    def _error(self, before: Node | None, after: Node | None) -> float:
        errors = []
        for side, node in ((self.baseline, before), (self.candidate, after)):
            total = side.root.weight
            share = (node.weight if node else 0) / total
            errors.append(side.us(side.root) * float(share_error(np.array([share]), total)[0]))
        return float(np.hypot(errors[0], errors[1]))


def flame_pair(
    baseline: Sequence[Stretch],
    candidate: Sequence[Stretch],
    names: tuple[str, str],
    unit: str,
    file_name: Callable[[str], str] | None = None,
) -> FlamePair:
    """Return both arms as trees; `names` are those of baseline and candidate.

    `file_name` names a file as the tables do: the page shows no path of the machine, and the same file below two
    checkouts is one.
    """
    sides = []
    for name, arm in zip(names, (baseline, candidate), strict=True):
        merged: Counter[Stack] = Counter()
        for stretch in arm:
            merged.update(stretch.weights)
            merged.update({(Frame(KERNEL[1], KERNEL[0], 0),): stretch.kernel} if stretch.kernel else {})
        root = grow(merged, name=file_name)
        worth = sum(s.us_per_unit for s in arm) / len(arm) / max(1, root.weight)
        sides.append(Side(name, root, worth, sum(stretch.samples for stretch in arm)))
    return FlamePair(sides[0], sides[1], unit)


def difference_svg(pair: FlamePair, mirrored: bool = False) -> str:
    """Return one picture as SVG text: the candidate's widths, or the baseline's where `mirrored`."""
    drawn = pair.baseline if mirrored else pair.candidate
    boxes: list[str] = []
    left_out = _draw(pair, pair.baseline.root, pair.candidate.root, mirrored, PAD, TOP, boxes)
    height = TOP + depth(drawn.root) * ROW + 24
    title = f"CPU per {pair.unit} of {drawn.name}, coloured by the change from {pair.baseline.name} to " + (
        pair.candidate.name
    )
    whole = f"{interval_free(drawn.us(drawn.root))} per {pair.unit}, {drawn.seen:,} samples"
    note = f"{whole}; {left_out} frames narrower than {MIN_WIDTH} px left out" if left_out else whole
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(described(pair, mirrored))}</desc>",
            f"<style>{STYLE}</style>",
            f'<text class="h" x="{PAD}" y="20">{escape(title)}</text>',
            *_legend(),
            *boxes,
            f'<text class="c" x="{PAD}" y="{height - 8:.0f}">{escape(note)}</text>',
            "</svg>",
            "",
        ]
    )


def described(pair: FlamePair, mirrored: bool = False) -> str:
    """Return the picture in words: totals, and the frames whose change is largest."""
    before, after = (side.us(side.root) for side in (pair.baseline, pair.candidate))
    frames: list[tuple[float, str]] = []
    _largest(pair, pair.baseline.root, pair.candidate.root, frames)
    frames.sort(key=lambda item: (-abs(item[0]), item[1]))
    said = ", ".join(f"{name} {signed(moved)}" for moved, name in frames[:5]) or "none beyond chance"
    width = pair.baseline.name if mirrored else pair.candidate.name
    return (
        f"Flame graph, width is CPU per {pair.unit} of {width}. {pair.baseline.name} {interval_free(before)}, "
        f"{pair.candidate.name} {interval_free(after)} per {pair.unit}. Largest changes: {said}."
    )


def interval_free(us: float) -> str:
    """Return an amount without a sign."""
    return signed(us).lstrip("+-")


def difference_page(pair: FlamePair, tables: Sequence[ProfileDifference]) -> str:
    """Return one HTML page that needs no network: sentence, both pictures, and the table of each attribution."""
    title = f"{pair.baseline.name} against {pair.candidate.name}: what changed in CPU per {pair.unit}"
    words = {"own": "by the system's own functions", "leaf": "by the innermost function"}
    parts = [f"<h1>{escape(title)}</h1>"]
    for found in tables[:1]:
        parts.append(f"<p><strong>{escape(sentence(found, pair.unit))}</strong></p>")
        parts += [f"<p>Note: {escape(caveat)}.</p>" for caveat in found.caveats]
    for mirrored in (False, True):
        parts.append(f'<div class="scroll">{difference_svg(pair, mirrored)}</div>')
    parts += [_table(found, f"Changes {words[found.kind]}", pair.unit) for found in tables]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{POLICY}<title>{escape(title)}</title>'
        f"<style>{PAGE_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _table(found: ProfileDifference, caption: str, unit: str, most: int = 25) -> str:
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("function", "what it did", "before", "after", f"difference per {unit} [interval]", "samples")
    )
    rows = "".join(
        f"<tr><td>{escape(row.where)}</td><td>{row.state}</td><td>{interval_free(row.baseline)}</td>"
        f"<td>{interval_free(row.candidate)}</td><td>{interval_text(row.difference, row.low, row.high)}</td>"
        f"<td>{row.counted}</td></tr>\n"
        for row in found.rows[:most]
    )
    level = f"intervals hold together at {100 * found.confidence:.0f} %"
    return f'<div class="scroll"><table><caption>{caption}; {level}</caption><tr>{head}</tr>\n{rows}</table></div>'


def _keys(before: Node | None, after: Node | None, pair: FlamePair) -> list[tuple[str, str]]:
    def order(key: tuple[str, str]) -> tuple[float, tuple[str, str]]:
        sides = ((pair.baseline, before), (pair.candidate, after))
        return -sum(side.us(node.children.get(key)) for side, node in sides if node), key

    return sorted({*(before.children if before else ()), *(after.children if after else ())}, key=order)


def _draw(
    pair: FlamePair, before: Node | None, after: Node | None, mirrored: bool, x: float, y: float, boxes: list[str]
) -> int:
    side, node = (pair.baseline, before) if mirrored else (pair.candidate, after)
    assert node is not None
    boxes.append(_box(pair, before, after, node.frame, x, y, side.us(node) * pair.scale))
    left_out = 0
    for key in _keys(before, after, pair):
        child = node.children.get(key)
        width = side.us(child) * pair.scale
        if child is None:
            continue
        if width < MIN_WIDTH:
            left_out += 1
            continue
        below = [parent.children.get(key) if parent else None for parent in (before, after)]
        left_out += _draw(pair, below[0], below[1], mirrored, x, y + ROW, boxes)
        x += width
    return left_out


def _box(
    pair: FlamePair, before: Node | None, after: Node | None, frame: Frame, x: float, y: float, width: float
) -> str:
    moved, kind = pair.mark(before, after)
    was, now = interval_free(pair.baseline.us(before)), interval_free(pair.candidate.us(after))
    where = f" ({frame.file})" if frame.file else ""
    word = "within chance" if kind == "even" else "less" if moved < 0 else "more"
    tip = f"{frame.function}{where}: {was} before, {now} after, {signed(moved)} per {pair.unit}, {word}"
    sign = "" if kind == "even" else f"{'▼' if moved < 0 else '▲'} {signed(moved)} "
    room, label = int((width - 4) / CHAR), f"{sign}{frame.function}"
    shown = label if len(label) <= room else label[: max(0, room - 1)] + "…"
    text = f'<text x="{x + 3:.1f}" y="{y + 12.5:.1f}">{escape(shown)}</text>' if room >= 3 else ""
    return (
        f'<g><title>{escape(tip)}</title><rect class="{kind}" x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" '
        f'height="{ROW - 1}"/>{text}</g>'
    )


def _legend() -> list[str]:
    low, high = (f"{100 * limit:g} %" for limit in LEVELS)
    steps = [
        ("less3", f"▼ less, {high} of the total or more"),
        ("less2", f"▼ {low} or more"),
        ("less1", "▼ less"),
        ("even", "within chance"),
        ("more1", "▲ more"),
        ("more2", f"▲ {low} or more"),
        ("more3", f"▲ more, {high} or more"),
    ]
    found, x = [], float(PAD)
    for kind, words in steps:
        found.append(f'<rect class="{kind}" x="{x:.0f}" y="32" width="12" height="12"/>')
        found.append(f'<text class="c" x="{x + 16:.0f}" y="42">{escape(words)}</text>')
        x += 16 + len(words) * CHAR + 14
    return found


def _largest(pair: FlamePair, before: Node | None, after: Node | None, frames: list[tuple[float, str]]) -> None:
    for key in _keys(before, after, pair):
        below = [parent.children.get(key) if parent else None for parent in (before, after)]
        moved, kind = pair.mark(below[0], below[1])
        if kind != "even":
            frames.append((moved, key[0]))
            _largest(pair, below[0], below[1], frames)
