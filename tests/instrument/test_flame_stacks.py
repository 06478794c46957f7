"""Stacks: what is torn, who is charged, and what the picture shows."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.instrument.flame import flame_svg, grow
from perflab.instrument.source_tree import SourceTree
from perflab.instrument.stacks import LIBRARY, Frame, attribute, parse_raw

TREE = SourceTree(Path("/app"))
LIB = "/v/lib/python3.11/site-packages"
STD = "/usr/lib/python3.11"
LOOP = [Frame("<module>", "/app/__main__.py", 9), Frame("main", "/app/__main__.py", 5),
        Frame("Runner.run", f"{STD}/asyncio/runners.py", 118),
        Frame("Handle._run", f"{STD}/asyncio/events.py", 80)]  # fmt: skip


def test_torn_and_empty_stacks_are_dropped_and_counted():
    found = parse_raw("<module> (/app/a.py:1);f (/app/a.py:2) 7\nf (/app/a.py:2) 3\n 4\n")
    assert (found.total, found.torn, found.empty) == (7, 3, 4)


def test_a_line_without_a_count_is_an_error_not_a_zero():
    with pytest.raises(ValueError):
        parse_raw("<module> (/app/a.py:1);f (/app/a.py:2")


def test_the_nearest_own_frame_is_charged_and_the_library_it_entered_named():
    stack = (*LOOP, Frame("send", "/app/up.py", 30), Frame("dump", f"{LIB}/google/genai/t.py", 1),
             Frame("model", f"{LIB}/pydantic/main.py", 2))  # fmt: skip
    found = attribute(stack, TREE)
    assert found.own == ("up.py", "send", 30)
    assert found.leaf == ("<site>/pydantic/main.py", "model", 2)
    assert found.entry == "google.genai"


def test_an_own_frame_that_only_started_the_loop_is_not_charged():
    stack = (*LOOP, Frame("data_received", f"{LIB}/websockets/legacy/protocol.py", 3))
    assert attribute(stack, TREE).own == (LIBRARY, "websockets", 0)


def test_the_loop_itself_is_a_bucket_of_its_own():
    assert attribute(tuple(LOOP), TREE).own == (LIBRARY, "<event loop>", 0)


def test_call_soon_inside_a_task_does_not_hide_the_own_caller():
    stack = (
        *LOOP,
        Frame("work", "/app/w.py", 4),
        Frame("BaseEventLoop.call_soon", f"{STD}/asyncio/base_events.py", 760),
    )
    assert attribute(stack, TREE).own == ("w.py", "work", 4)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(st.lists(st.tuples(NAMES, NAMES, st.integers(1, 50)), min_size=1, max_size=20))
def test_any_name_gives_a_well_formed_picture_without_script_or_reference(frames):
    weights = {(Frame("<module>", "/app/x.py", 1), Frame(name, file, 1)): weight for name, file, weight in frames}
    svg = flame_svg(weights, "title <script>", "samples")
    root = ElementTree.fromstring(svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "text", "g", "rect"}
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "") or any(
        "http" in n for f in frames for n in f[:2]
    )


def test_widths_are_weights():
    weights = {(Frame("<module>", "/app/x.py", 1), Frame("a", "/app/x.py", 2)): 75,
               (Frame("<module>", "/app/x.py", 1), Frame("b", "/app/x.py", 3)): 25}  # fmt: skip
    svg = flame_svg(weights, "t", "samples")
    widths = {e.find("{*}title").text.split(" ")[0]: float(e.find("{*}rect").get("width"))
              for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")}  # fmt: skip
    assert widths["a"] == pytest.approx(3 * widths["b"], rel=0.01)
    assert "75.0 %" in svg


def test_a_tree_may_name_its_files_and_then_the_same_code_in_two_places_is_one_frame():
    there = tuple(frame._replace(file=frame.file.replace("/app", "/other/app")) for frame in LOOP)
    stacks = {(*LOOP, Frame("f", "/app/a.py", 3)): 2, (*there, Frame("f", "/other/app/a.py", 4)): 5}
    assert [node.weight for node in grow(stacks).children.values()] == [2, 5]
    named = grow(stacks, name=lambda file: Path(file).name).children
    assert [(node.frame.file, node.weight) for node in named.values()] == [("a.py", 7)]


def test_a_picture_does_not_tell_where_this_machine_keeps_its_files():
    files = ("/home/me/env/lib/python3.11/site-packages/x/y.py", "/home/me/app/z.py",
             "/home/me/lib/python3.11/json/decoder.py")  # fmt: skip
    svg = flame_svg({tuple(Frame(f"f{i}", file, 1) for i, file in enumerate(files)): 10}, "t", "samples")
    assert "/home" not in svg
    assert all(name in svg for name in ("&lt;site&gt;/x/y.py", "(z.py)", "&lt;stdlib&gt;/json/decoder.py"))
