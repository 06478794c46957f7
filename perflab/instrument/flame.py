"""A flame graph as one self-contained SVG: no script, no font, no reference; one capture, many renderings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape as escape_markup
from pathlib import Path

from perflab.instrument.source_tree import OTHER, SourceTree
from perflab.instrument.stacks import Frame, Stack, after_loop

WIDTH, ROW, PAD, CHAR = 1200, 18, 10, 6.6
MIN_WIDTH = 0.6  # px; narrower frames are left out, and counted in the caption
MAX_DEPTH = 120
STYLE = """
svg { font: 11px ui-monospace, Menlo, Consolas, monospace; background: #fff }
text { fill: #1c2430; pointer-events: none } .h { font: 600 14px system-ui, sans-serif } .c { fill: #5b6675 }
rect { stroke: #fff; stroke-width: .6 } .own { fill: #8fb3d9 } .site { fill: #c9d2dc } .std { fill: #e3e7ec }
.native { fill: #d9cfc0 } .root { fill: #eef1f4 }
@media (prefers-color-scheme: dark) { svg { background: #14181d } text { fill: #e6eaef } .c { fill: #9aa6b4 }
rect { stroke: #14181d } .own { fill: #2f5f93 } .site { fill: #3d4854 } .std { fill: #2a323b } .native { fill: #4d4436 }
.root { fill: #222931 } }
"""


_FORBIDDEN = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def escape(text: str) -> str:
    """Escape a name for XML; characters that XML forbids even escaped (control characters) become U+FFFD."""
    return escape_markup(_FORBIDDEN.sub("\ufffd", text))


@dataclass
class Node:
    """A frame with the weight of everything below it."""

    frame: Frame
    weight: int = 0
    children: dict[tuple[str, str], Node] = field(default_factory=dict)


def grow(weights: Mapping[Stack, int], fold_loop: bool = True, name: Callable[[str], str] | None = None) -> Node:
    """Merge stacks into a tree by (function, file); `fold_loop` drops the frames that only run the event loop.

    `name` gives a file the name that it has in the tree, so that two places of the same code become one.
    """
    root = Node(Frame("all", "", 0))
    for stack, weight in sorted(weights.items()):
        frames = (after_loop(stack) or (Frame("event loop", stack[-1].file, 0),)) if fold_loop else stack
        root.weight += weight
        node = root
        for frame in frames[:MAX_DEPTH]:
            if name:
                frame = frame._replace(file=name(frame.file))
            node = node.children.setdefault((frame.function, frame.file), Node(frame))
            node.weight += weight
    return root


def depth(node: Node) -> int:
    """Return the number of levels below a node."""
    return 1 + max((depth(child) for child in node.children.values()), default=0)


def flame_svg(weights: Mapping[Stack, int], title: str, unit: str, tree: SourceTree | None = None) -> str:
    """Return the SVG text: width is weight, the stack grows downward from its root, siblings by weight.

    Downward, because a reader starts at the top of a page; every frame carries its full name and share in <title>.
    """
    root = grow(weights)
    rows: list[str] = []
    look = _Look(_kind(tree), _shown(tree), unit, root.weight)
    left_out = _draw(root, PAD, 34.0, (WIDTH - 2 * PAD) / max(1, root.weight), look, rows)
    height = 34 + depth(root) * ROW + 24
    note = f"{root.weight:,} {unit}" + (
        f"; {left_out} frames narrower than {MIN_WIDTH} px left out" if left_out else ""
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<text class="h" x="{PAD}" y="22">{escape(title)}</text>',
            *rows,
            f'<text class="c" x="{PAD}" y="{height - 8}">{escape(note)}</text>',
            "</svg>",
            "",
        ]
    )


@dataclass(frozen=True)
class _Look:
    """How frames of one graph are shown: the class of a frame, the name of a file, the unit, and the whole weight."""

    kind: Callable[[Frame], str]
    name: Callable[[str], str]
    unit: str
    total: int


def _draw(node: Node, x: float, y: float, scale: float, look: _Look, rows: list[str]) -> int:
    width = node.weight * scale
    rows.append(_box(node, x, y, width, look))
    left_out = 0
    for child in sorted(node.children.values(), key=lambda c: (-c.weight, c.frame)):
        if child.weight * scale < MIN_WIDTH:
            left_out += 1
            continue
        left_out += _draw(child, x, y + ROW, scale, look, rows)
        x += child.weight * scale
    return left_out


def _box(node: Node, x: float, y: float, width: float, look: _Look) -> str:
    frame = node.frame
    where = f" ({look.name(frame.file)})" if frame.file else ""
    tip = f"{frame.function}{where}: {node.weight:,} {look.unit}, {100 * node.weight / max(1, look.total):.1f} %"
    room = int((width - 4) / CHAR)
    name = frame.function if len(frame.function) <= room else frame.function[: max(0, room - 1)] + "…"
    text = f'<text x="{x + 3:.1f}" y="{y + 12.5:.1f}">{escape(name)}</text>' if room >= 3 else ""
    return (
        f'<g><title>{escape(tip)}</title><rect class="{look.kind(frame)}" x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" '
        f'height="{ROW - 1}"/>{text}</g>'
    )


def _shown(tree: SourceTree | None) -> Callable[[str], str]:
    """Return what names a file in a graph: from its package on, never by where this machine keeps it."""
    known = tree or SourceTree(Path("/nonexistent"))
    return cache(lambda file: known.name(file).removeprefix(f"{OTHER}/"))


def _kind(tree: SourceTree | None) -> Callable[[Frame], str]:
    def kind(frame: Frame) -> str:
        if not frame.file:
            return "root"
        if frame.file.startswith("<") and not frame.file.startswith("<frozen"):
            return "native"
        if (tree and tree.is_own(frame.file)) or (not tree and "/lib/python3" not in frame.file):
            return "own"
        return "site" if "-packages/" in frame.file else "std"

    return kind
