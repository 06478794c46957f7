"""Collapsed stacks: the form in which py-spy, scalene and memray all can say what ran, and how much it weighs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from perflab.instrument.source_map import file_spans, folded
from perflab.instrument.source_tree import NATIVE, SourceTree

_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)$")
_ROOTS = frozenset({"<module>", "_bootstrap", "_run_module_as_main"})
_LOOP = {  # an own frame before one of these started the event loop; it is not what the loop runs now
    "asyncio/base_events.py": {"run_forever", "run_until_complete", "_run_once"},
    "asyncio/events.py": {"_run"},
    "asyncio/runners.py": {"run"},
    "uvloop/__init__.py": {"run", "wrapper"},
    "socketserver.py": {"serve_forever", "_handle_request_noblock"},
}


class Frame(NamedTuple):
    """One frame as an instrument names it: function, absolute file (or ``<native>``), line (0 = unknown)."""

    function: str
    file: str
    line: int


Stack = tuple[Frame, ...]  # root first


class Place(NamedTuple):
    """A frame after naming: file relative to the source tree, folded function, line."""

    file: str
    function: str
    line: int


@dataclass
class Collapsed:
    """Stacks with their weights, and what had to be dropped to get them."""

    weights: dict[Stack, int] = field(default_factory=dict)
    torn: int = 0
    empty: int = 0

    @property
    def total(self) -> int:
        """The weight of all whole stacks."""
        return sum(self.weights.values())


def parse_frame(text: str) -> Frame:
    """Read ``function (file:line)``; text of another form becomes a native frame of that name."""
    match = _FRAME.match(text)
    if not match or not match["file"]:
        return Frame(text, NATIVE, 0)
    return Frame(match["function"], match["file"], int(match["line"] or 0))


def parse_raw(text: str) -> Collapsed:
    """Read py-spy's raw format, ``frame;frame;frame COUNT`` per line; raises ValueError at a line without a count.

    A stack whose root is no start of a program or thread is torn (its outer frames were not read): dropped, counted.
    """
    result = Collapsed()
    for row in text.splitlines():
        if not row.strip():
            continue
        body, _, count = row.rpartition(" ")
        weight = int(count)
        frames = tuple(parse_frame(part) for part in body.split(";") if part)
        if not frames:
            result.empty += weight
        elif frames[0].function.rsplit(".", 1)[-1] not in _ROOTS:
            result.torn += weight
        else:
            result.weights[frames] = result.weights.get(frames, 0) + weight
    return result


@lru_cache(maxsize=65536)
def is_loop(frame: Frame) -> bool:
    """Whether the frame dispatches an event loop."""
    if "/" not in frame.file:
        return False
    tail = "/".join(frame.file.rsplit("/", 2)[-2:])
    names = _LOOP.get(tail) or _LOOP.get(tail.rsplit("/", 1)[-1], set())
    return frame.function.rsplit(".", 1)[-1] in names


def after_loop(stack: Stack) -> Stack:
    """Return what the event loop runs: the frames after its last dispatch; the whole stack where there is no loop."""
    for at in range(len(stack) - 1, -1, -1):
        if is_loop(stack[at]):
            return stack[at + 1 :]
    return stack


@lru_cache(maxsize=65536)
def place(frame: Frame, tree: SourceTree) -> Place:
    """Name a frame; own frames by the syntax tree, library frames by the folded name that the instrument gave."""
    name = tree.name(frame.file)
    if frame.line and tree.is_own(frame.file):
        spans = file_spans(Path(frame.file))
        if spans.spans:
            return Place(name, spans.function(frame.line), frame.line)
    return Place(name, folded(frame.function), frame.line)


class Attribution(NamedTuple):
    """Whom a stack is charged to."""

    own: Place  # nearest own frame; else the bucket of the library that the loop entered
    leaf: Place  # innermost frame
    entry: str  # package that own code (or the loop) called into; "" when own code itself ran


LIBRARY = "<library>"  # file of an own-attribution row without an own frame; its function is the package
LOOP = "<event loop>"


def attribute(stack: Stack, tree: SourceTree) -> Attribution:
    """Charge a stack: own = nearest own frame after the event loop's last dispatch, leaf = innermost frame."""
    running = after_loop(stack)
    leaf = place(stack[-1], tree)
    called: list[str] = []  # packages that ran above the nearest own frame, innermost first
    charged = None
    for frame in reversed(running):
        own, package = tree.origin(frame.file)
        if own:
            charged = place(frame, tree)
            break
        called.append(package)
    called.reverse()
    entry = next((package for package in called if not package.startswith("python:")), (called or [""])[0])
    if charged:
        return Attribution(charged, leaf, entry)
    return Attribution(Place(LIBRARY, entry, 0) if entry else Place(LIBRARY, LOOP, 0), leaf, entry or LOOP)


def attribute_all(weights: Mapping[Stack, int], tree: SourceTree) -> Iterable[tuple[Attribution, int]]:
    """Attribute every stack, in a fixed order, so that a table made twice is the same to the last bit."""
    for stack in sorted(weights):
        yield attribute(stack, tree), weights[stack]


def without_lines(weights: Mapping[Stack, int]) -> dict[Stack, int]:
    """Return the stacks without line numbers: places are then named by the instrument, not by the present source."""
    found: dict[Stack, int] = {}
    for stack, weight in weights.items():
        bare = tuple(Frame(frame.function, frame.file, 0) for frame in stack)
        found[bare] = found.get(bare, 0) + weight
    return found
