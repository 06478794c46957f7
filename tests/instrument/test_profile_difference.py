"""Differential profiles: rows named for what happened, pictures without reference, stretches kept on disk."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kettle_workload import WORKLOAD, kettle
from scipy.stats import binom

from perflab.errors import RunCorrupt, StatisticError
from perflab.instrument.difference import KERNEL, REST, Stretch, difference, load_stretch, save_work, stretch_of
from perflab.instrument.difference_flame import described, difference_page, difference_svg, flame_pair
from perflab.instrument.difference_wording import interval_text, sentence
from perflab.instrument.interface import Capture
from perflab.instrument.pyspy import PySpy
from perflab.instrument.source_tree import SourceTree
from perflab.instrument.stacks import Frame

TREE = SourceTree(Path("/app"))
ROOT = Frame("<module>", "/app/main.py", 1)
LIBRARY = Frame("encode", "/v/lib/python3.11/site-packages/jsonish/core.py", 5)
BEFORE = {"decode": 50.0, "mix": 30.0, "old": 20.0}
AFTER = {"decode": 25.0, "mix": 30.0, "new": 20.0}


def stretch(cost, samples=600, seed=0, units=1000.0, library=0.0):
    """A stretch whose samples fall by the costs (us per unit); a share `library` of each below a library frame."""
    rng = np.random.default_rng(seed)
    names = list(cost)
    total = sum(cost.values())
    counts = rng.multinomial(samples, [cost[name] / total for name in names])
    weights = {}
    for name, count in zip(names, counts, strict=True):
        below = round(library * count)
        weights[ROOT, Frame(name, "/app/work.py", 3), LIBRARY] = below
        weights[ROOT, Frame(name, "/app/work.py", 3)] = int(count) - below
    cpu_s = total * units * float(np.exp(rng.normal(0, 0.01))) / 1e6
    return Stretch({k: v for k, v in weights.items() if v}, ((cpu_s, units),))


def arms(before=BEFORE, after=AFTER, n=4, samples=(600, 600), **more):
    return tuple([stretch(cost, size, seed=seed + 100 * side, **more) for seed in range(n)]
                 for side, (cost, size) in enumerate(zip((before, after), samples, strict=True)))  # fmt: skip


def test_functions_that_appear_or_disappear_are_named_as_such():
    found = difference(*arms(), TREE)
    states = {row.function: row.state for row in found.rows}
    assert states == {"decode": "shrank", "mix": "no change shown", "old": "disappeared", "new": "appeared"}
    assert found.rows[0].function == "decode" and found.rows[0].high < 0
    assert found.rows[0].difference == pytest.approx(-25, abs=5)


def test_a_cheaper_function_makes_no_other_one_dearer_although_its_share_grows():
    found = difference(*arms({"decode": 50.0, "mix": 30.0}, {"decode": 10.0, "mix": 30.0}), TREE)
    mix = next(row for row in found.rows if row.function == "mix")
    assert mix.state == "no change shown" and mix.low < 0 < mix.high
    assert mix.candidate / found.candidate > 1.5 * mix.baseline / found.baseline


def test_own_and_leaf_charge_the_same_cpu_in_two_ways():
    own, leaf = (difference(*arms(library=0.5), TREE, kind) for kind in ("own", "leaf"))
    assert {row.function for row in own.rows} == {"decode", "mix", "old", "new"}
    assert "encode" in {row.function for row in leaf.rows}
    for found in (own, leaf):
        assert sum(row.baseline for row in found.rows) == pytest.approx(found.baseline)


def test_what_the_kernel_did_is_a_row_of_its_own_and_makes_no_function_dearer():
    """Samples of who holds the lock show none of it: spread over the functions it would be charged to who computes."""
    before, after = arms({"decode": 40.0, "send": 40.0}, {"decode": 40.0, "send": 10.0})
    before = [replace(s, kernel=150, parts=((s.us_per_unit * 1.25 * 1e-3, 1000.0),)) for s in before]  # 20 of 100 us
    after = [replace(s, kernel=600, parts=((s.us_per_unit * 2 * 1e-3, 1000.0),)) for s in after]  # 50 of 100 us
    for kind in ("own", "leaf"):
        found = difference(before, after, TREE, kind)
        rows = {row.function: row for row in found.rows}
        assert rows["decode"].state == "no change shown" and rows["send"].difference == pytest.approx(-30, abs=5)
        assert rows["decode"].baseline == pytest.approx(40, abs=3)
        kernel = rows[KERNEL[1]]
        assert kernel.where == KERNEL[1] and kernel.counted == "by its clock"
        assert (kernel.baseline, kernel.candidate) == pytest.approx((20, 50), rel=0.02)
        assert sum(row.baseline for row in found.rows) == pytest.approx(found.baseline)
    pair = flame_pair(before, after, ("baseline", "optimised"), "turn")
    top = pair.candidate.root.children[KERNEL[1], KERNEL[0]]
    assert pair.candidate.us(top) == pytest.approx(50, rel=0.02)
    assert "2,400 samples" in difference_svg(pair)  # those that were seen


@pytest.mark.parametrize(("share", "ticks"), [(0.14, 110), (0.35, 40), (0.3, 400)])
def test_the_kernels_weight_is_right_in_the_mean_although_its_ticks_are_few(share, ticks, tmp_path):
    (tmp_path / "gil.raw").write_text("<module> (/app/main.py:1) 100000\n")

    def weight(inside, view="gil"):
        used = {"window_s": 1.0, "cpu_s": ticks / 250, "kernel_share": inside / ticks}
        return stretch_of(Capture("pyspy", view, tmp_path, {"raw": "gil.raw"}, **used), [(1.0, 10.0)]).kernel

    mean = sum(binom.pmf(inside, ticks, share) * weight(inside) for inside in range(ticks + 1))
    assert mean == pytest.approx(100_000 * share / (1 - share), rel=1e-3)  # inside / outside would be 4 % off at 40
    assert weight(0.3 * ticks, "cpu") == 0  # that view sees it


@given(longer=st.sampled_from([1, 2, 8]), rate=st.sampled_from([1, 2, 4]))
@settings(max_examples=9, deadline=None)
def test_length_and_rate_of_a_capture_do_not_move_the_estimate(longer, rate):
    before, after = arms()
    more = [Stretch({k: v * longer * rate for k, v in s.weights.items()},
                    tuple((c * longer, u * longer) for c, u in s.parts)) for s in after]  # fmt: skip
    one, other = (
        {row.function: row.difference for row in difference(before, side, TREE).rows} for side in (after, more)
    )
    for name in one.keys() - {REST[1]}:
        assert one[name] == pytest.approx(other[name], abs=1e-6)


def test_unequal_arms_and_work_that_was_not_done_are_refused(tmp_path):
    before, after = arms()
    with pytest.raises(StatisticError, match="4 and 3"):
        difference(before, after[:3], TREE)
    with pytest.raises(RunCorrupt):
        load_stretch(tmp_path)


def test_a_single_pair_says_what_it_assumes():
    found = difference(*arms(n=1), TREE)
    assert "was not measured" in found.caveats[0]
    assert "by name alone" in difference(*arms(n=1), TREE, names_only=True).caveats[1]


def test_the_sentence_names_amounts_and_never_a_percentage():
    said = sentence(difference(*arms(), TREE), "turn")
    assert said.startswith("CPU per turn fell by ") and "decode (work.py)" in said and "%" not in said
    assert "(disappeared)" in said
    same = difference(arms()[0], arms()[0], TREE)
    assert "no function's change stands out" in sentence(same, "turn")


def test_an_interval_is_told_in_one_unit():
    assert interval_text(-1200, -1500, -900) == "-1.20 ms [-1.50, -0.900]"
    assert interval_text(12.3, -4, 30) == "+12.3 us [-4.00, +30.0]"


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, NAMES, st.integers(1, 50)), min_size=1, max_size=12))
@settings(deadline=None)
def test_any_name_gives_a_well_formed_picture_without_script_or_reference(frames):
    weights = {(ROOT, Frame(name, file, 1)): weight for name, file, weight in frames}
    pair = flame_pair([Stretch(weights, ((1.0, 10.0),))], [Stretch({(ROOT,): 5}, ((1.0, 10.0),))],
                      ("a <b>", "c"), "turn")  # fmt: skip
    for mirrored in (False, True):
        tags = {e.tag.rpartition("}")[2] for e in ElementTree.fromstring(difference_svg(pair, mirrored)).iter()}
        assert tags <= {"svg", "title", "desc", "style", "text", "g", "rect"}


def test_the_page_is_offline_and_says_in_words_what_colours_say():
    before, after = arms()
    pair = flame_pair(before, after, ("baseline", "optimised"), "turn")
    page = difference_page(pair, [difference(before, after, TREE)])
    assert "script-src 'none'" in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "") and "<script" not in page
    assert page.count("<svg") == 2 and "within chance" in page and "▼" in page and "▲" in page
    assert "disappeared" in page
    assert "decode -" in described(pair) and "optimised" in described(pair)


def test_widths_are_microseconds_of_the_side_that_is_drawn():
    pair = flame_pair(*arms(n=6), ("baseline", "optimised"), "turn")
    widths = []
    for mirrored in (False, True):
        boxes = ElementTree.fromstring(difference_svg(pair, mirrored)).iter("{http://www.w3.org/2000/svg}g")
        widths.append(
            {b.find("{*}title").text.split(" ")[0].rstrip(":"): float(b.find("{*}rect").get("width")) for b in boxes}
        )
    assert widths[1]["all"] / widths[0]["all"] == pytest.approx(100 / 75, rel=0.03)
    assert "old" in widths[1] and "old" not in widths[0] and "new" in widths[0]


@pytest.mark.slow
def test_a_stretch_of_a_living_process_is_kept_and_read_again(start, tmp_path):
    target = start(kettle("--rate", "5000"))
    PySpy("gil").capture(target, 4, tmp_path)  # on a machine that others use as well, one second holds too few samples
    save_work(tmp_path, [(1.0, 100.0)], "unit")
    found = load_stretch(tmp_path)
    assert found.samples >= 100 and found.us_per_unit == pytest.approx(10_000)
    rows = difference([found], [found], SourceTree(WORKLOAD / "kettle")).rows
    assert max(rows, key=lambda row: row.baseline).function == "mix"


def test_a_comparison_that_failed_counts_as_one_that_found_nothing():
    from perflab.benches.profiles import differential as bench

    found, size = bench.changed_bars([None, None], 25.0)
    assert (found.value, found.n, found.holds) == (0, 2, False) and not size.holds
    [false] = bench.same_bars([difference(*arms(), TREE), None])
    assert false.value is None and false.detail["failed"] == 1
    assert not any(bar.holds for bar in bench.unlike_bars([None], 25.0))
