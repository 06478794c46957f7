"""The fused ranking, its gates, leaks and overheads, on tables with known answers."""

from dataclasses import replace

import pytest

from perflab.instrument.blocking import blocking, blocking_gate
from perflab.instrument.leak import find_growth
from perflab.instrument.libraries import by_library
from perflab.instrument.overhead import Bracket, judge_overheads
from perflab.instrument.ranking import Context, rank
from perflab.instrument.stacks import LIBRARY, LOOP, Attribution, Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows, rows_from


def table(shares: dict[tuple[str, str], float], instrument="pyspy", view="gil", n=1000, **health) -> ProfileTable:
    unit = "samples" if instrument == "pyspy" else "percent"
    sums = {Place(file, function, 10): share for (file, function), share in shares.items()}
    rows = make_rows(sums, Measure(instrument, view, unit, unit), "own", n)
    return ProfileTable(tuple(rows), Health(n_samples=n, **health))


A, B, C = ("a.py", "hot"), ("a.py", "warm"), ("b.py", "cool")


def test_two_voters_that_agree_name_the_first_place_with_a_weighted_share():
    ranking = rank([table({A: 0.6, B: 0.3, C: 0.1}, n=900), table({A: 0.5, B: 0.3, C: 0.2}, "scalene", "cpu", n=300)])
    assert ranking.first == "a.py:hot"
    top = ranking.rows[0]
    assert top.cpu_share == pytest.approx((0.6 * 900 + 0.5 * 300) / 1200)
    assert top.low < top.cpu_share < top.high
    assert top.amdahl_bound == pytest.approx(1 / (1 - top.cpu_share))
    assert top.ranks == {"pyspy-gil": 1, "scalene-cpu": 1}


def test_voters_that_disagree_yield_no_first_place():
    ranking = rank([table({A: 0.6, B: 0.4}), table({B: 0.6, A: 0.4}, "scalene", "cpu")])
    assert ranking.first == "" and ranking.flags == ("P303",)
    assert all("P303" in row.flags for row in ranking.rows)


def test_scalene_with_cpu_on_def_lines_has_no_vote():
    ranking = rank([table({A: 0.6, B: 0.4}), table({B: 0.9, A: 0.1}, "scalene", "cpu", codes=("P302",))])
    assert ranking.first == "a.py:hot"
    assert [gate.verdict for gate in ranking.gates] == ["votes", "disqualified"]
    assert "def lines" in ranking.gates[1].reason


def test_run_queue_delay_disqualifies_the_default_view_alone():
    only = rank([table({A: 1.0}, view="cpu", run_delay=0.29)])
    assert only.first == "" and not only.rows
    gil = rank([table({A: 0.7, B: 0.3}, run_delay=0.29)])
    assert gil.first == "a.py:hot" and gil.gates[0].codes == ("P301",)


def test_too_few_samples_are_rejected_and_few_are_flagged():
    assert rank([table({A: 1.0}, n=99)]).rows == ()
    assert rank([table({A: 1.0}, n=399)]).gates[0].codes == ("P309",)


def test_the_loop_and_start_up_have_no_rank_and_libraries_are_marked():
    shares = {A: 0.3, (LIBRARY, "websockets"): 0.4, (LIBRARY, LOOP): 0.2, ("m.py", "<module>"): 0.1}
    ranking = rank([table(shares), table({A: 0.4, (LIBRARY, LOOP): 0.6}, "scalene", "cpu")])
    assert [(row.function, row.library) for row in ranking.rows] == [("websockets", True), ("hot", False)]
    assert ranking.rows[0].cpu_share == pytest.approx(0.4)  # scalene, which cannot see it, does not dilute it
    assert ranking.loop_share > 0


def test_what_is_known_beside_the_profiles_is_joined():
    context = Context(cpu_us_per_unit=200.0, turn_busy=0.1, strategies={"a.py": ("ST-API-01",)})
    wall = table({A: 0.2, B: 0.5, (LIBRARY, LOOP): 0.3}, view="wall")
    top = rank([table({A: 0.6, B: 0.4}, cpu_s=1.0, window_s=4.0), wall], context).rows[0]
    assert (top.cpu_us_per_unit, top.strategies) == (pytest.approx(120), ("ST-API-01",))
    # busy: 0.25 CPU (0.15 and 0.10) and blocking (0.05 and 0.40): A is busy for 0.20 of 0.70
    assert top.share_of_p95_turn == pytest.approx(0.1 * 0.20 / 0.70)
    # 0.20 s of work per 0.25 s of CPU is 160 us of its 200 us per unit: 0.16 ms of a turn of 16 ms
    bound = replace(context, turn_ms=16.0)
    tables = [table({A: 0.6, B: 0.4}, cpu_s=1.0, window_s=4.0), wall]
    assert rank(tables, bound).rows[0].share_of_p95_turn == pytest.approx(0.01)


def test_a_wall_view_of_a_busy_machine_says_nothing_of_blocking():
    wall = table({A: 0.5, (LIBRARY, LOOP): 0.5}, view="wall", run_delay=0.25)
    ranking = rank([table({A: 0.7, B: 0.3}, cpu_s=1.0, window_s=4.0), wall])
    assert all(row.blocking_share is None for row in ranking.rows)
    assert [(gate.view, gate.verdict) for gate in ranking.gates] == [("gil", "votes"), ("wall", "disqualified")]


def test_blocking_counts_ticks_not_threads_and_leaves_parked_workers_out():
    measure = Measure("pyspy", "wall", "samples", "samples")
    own = make_rows({Place("a.py", "hot", 1): 500, Place("w.py", "drain", 2): 1000}, measure, "own", 1500)
    rows = [*own, *make_rows({Place("python: queue", "w.py:drain", 0): 1000}, measure, "library", 1500)]
    rows[-1] = rows[-1]._replace(share=1000 / 1500)
    wall = ProfileTable(tuple(rows), Health(n_samples=1500, ticks=1000))
    assert blocking([wall]) == {A: pytest.approx(0.5)}


def test_first_places_within_each_others_intervals_are_not_told_apart():
    ranking = rank([table({A: 0.41, B: 0.39, C: 0.2}, n=300)])
    assert ranking.first == "" and "P315" in ranking.flags and set(ranking.candidates) == {"a.py:hot", "a.py:warm"}
    assert (ranking.rows[0].rank_low, ranking.rows[0].rank_high) == (1, 2)
    assert rank([table({A: 0.41, B: 0.39, C: 0.2}, n=300_000)]).first == "a.py:hot"


def test_a_disagreement_inside_the_intervals_is_no_disagreement():
    ranking = rank([table({A: 0.50, B: 0.30}, n=20_000), table({B: 0.41, A: 0.40}, "scalene", "cpu", n=150)])
    assert ranking.first == "a.py:hot" and ranking.flags == ()


def test_a_machine_that_is_too_busy_for_every_vote_names_nothing():
    ranking = rank([table({A: 0.7, B: 0.3}, run_delay=0.45), table({A: 0.7, B: 0.3}, "scalene", "cpu", run_delay=0.4)])
    assert ranking.first == "" and ranking.flags == ("P301",) and ranking.rows[0].function == "hot"


def test_votes_are_compared_pair_by_pair_over_own_functions():
    ranking = rank([table({A: 0.5, B: 0.3, (LIBRARY, "ssl"): 0.2}), table({A: 0.6, B: 0.4}, "scalene", "cpu")])
    [pair] = ranking.agreements
    assert (pair.first, pair.second, pair.overlap, pair.tau, pair.same_first) == (
        "pyspy-gil", "scalene-cpu", 1.0, 1.0, True)  # fmt: skip
    assert pair.rbo == pytest.approx(1.0)


def test_blocking_is_wall_minus_cpu():
    wall = table({A: 0.50, B: 0.30, (LIBRARY, LOOP): 0.20}, view="wall")
    gil = table({A: 0.20, B: 0.80}, cpu_s=1.0, window_s=4.0)
    held = blocking([wall, gil])
    assert list(held) == [A, B]
    assert held[A] == pytest.approx(0.45) and held[B] == pytest.approx(0.10)


def test_computing_without_the_gil_is_not_told_as_waiting():
    blind = table({B: 1.0}, cpu_s=8.0, window_s=8.0, codes=("P305",))
    wall = table({A: 0.6, B: 0.4}, view="wall", cpu_s=8.0, window_s=8.0)
    ranking = rank([blind, wall])
    assert [(gate.view, gate.verdict) for gate in ranking.gates][-1] == ("wall", "disqualified")
    assert "without the GIL" in ranking.gates[-1].reason
    assert rank([wall]).gates[-1].codes == ("P317",)  # the GIL view saw nothing, and failed


def test_the_default_view_tells_the_cpu_that_the_gil_view_does_not_see():
    blind = table({B: 1.0}, cpu_s=8.0, window_s=8.0, codes=("P305",))
    wall = table({A: 0.6, B: 0.4}, view="wall", cpu_s=8.0, window_s=8.0)
    seen = table({A: 0.6, B: 0.4}, view="cpu", cpu_s=8.0, window_s=8.0)
    assert blocking_gate([blind, wall, seen]).verdict == "votes"
    assert blocking([blind, wall, seen]) == {A: pytest.approx(0.0), B: pytest.approx(0.0)}


def test_what_waits_in_a_target_without_cpu_to_speak_of_is_told_by_the_least_that_it_can_be():
    wall = table({A: 0.6, B: 0.02, (LIBRARY, LOOP): 0.38}, view="wall", cpu_s=0.24, window_s=8.0)
    assert blocking_gate([wall]).verdict == "votes"
    assert blocking([wall]) == {A: pytest.approx(0.57), B: 0.0}


def test_libraries_are_counted_by_entry_and_by_what_ran():
    own = Place("up.py", "send", 3)
    charged = [(Attribution(own, Place("<site>/pydantic/main.py", "dump", 1), "google.genai"), 35),
               (Attribution(own, Place("up.py", "send", 4), ""), 65)]  # fmt: skip
    found = by_library(ProfileTable(tuple(rows_from(charged, Measure("pyspy", "gil", "samples", "samples"), 100))))
    assert [(x.package, x.entered, x.ran) for x in found] == [("google.genai", 0.35, 0.0), ("pydantic", 0.0, 0.35)]
    assert found[0].callers == (("up.py:send", 0.35),)


def held(places: dict[tuple[str, str], int], window_s: float, count: int = 1000) -> ProfileTable:
    sums = {Place(*key, 7): size for key, size in places.items()}
    counts = dict.fromkeys(sums, count)
    rows = [*make_rows(sums, Measure("memray", "leak", "bytes", "bytes"), "own", 1),
            *make_rows(counts, Measure("memray", "leak", "allocations", "count"), "own", 1)]  # fmt: skip
    return ProfileTable(tuple(rows), Health(window_s=window_s))


def test_a_leak_scales_with_the_window_and_a_cache_does_not():
    grown = find_growth(
        held({A: 5_000_000, B: 3_000_000, C: 40_000}, 5.0), held({A: 10_050_000, B: 3_000_000, C: 80_000}, 10.0)
    )
    assert [(g.function, g.verdict) for g in grown] == [("hot", "leak"), ("warm", "cache")]
    assert grown[0].rate == pytest.approx(1_010_000) and grown[0].line == 7
    assert grown[0].low <= grown[0].rate <= grown[0].high
    assert grown[1].flags == ("P306",)


def test_what_grew_less_than_is_reported_between_the_windows_is_no_leak():
    [growth] = find_growth(held({A: 190_000}, 5.0), held({A: 210_000}, 10.0), agree=0.5)
    assert (growth.rate, growth.verdict) == (pytest.approx(4_000), "cache")


def test_growth_of_a_target_that_waited_for_its_core_is_flagged():
    long = held({A: 10_000_000}, 10.0)
    long = ProfileTable(long.rows, replace(long.health, run_delay=0.3))
    assert find_growth(held({A: 5_000_000}, 5.0), long)[0].flags == ("P301",)


def test_growth_by_whole_arenas_is_flagged():
    size = 1 << 20
    assert "P308" in find_growth(held({A: size * 10}, 5.0, 10), held({A: size * 20}, 10.0, 20))[0].flags


def test_overhead_is_judged_against_both_sides_of_its_own_bracket():
    judged = judge_overheads(
        {"pyspy-gil": Bracket(100e-6, 103e-6, 102e-6), "scalene-full": Bracket(200e-6, 500e-6, 200e-6)}
    )
    assert judged.stable and judged.codes == ("P307",)
    assert [row.within for row in judged.rows] == [True, False]
    assert [row.ratio for row in judged.rows] == pytest.approx([103 / 101, 2.5])


def test_a_bracket_that_drifts_makes_its_own_ratio_unsure_and_no_other():
    judged = judge_overheads({"pyspy-gil": Bracket(1.0, 1.0, 1.2), "memray-launch": Bracket(1.0, 1.2, 1.0)})
    assert "P304" in judged.codes and not judged.stable
    assert [row.stable for row in judged.rows] == [False, True]
    for wrong in ({}, {"pyspy-gil": Bracket(0.0, 1.0, 1.0)}):
        with pytest.raises(ValueError, match="both sides"):
            judge_overheads(wrong)


def aged(bytes_held: float, old: float, window_s: float, count: int = 100) -> ProfileTable:
    """memray's leak and old views of one place."""
    rows = []
    for view, size in (("leak", bytes_held), ("old", old)):
        for metric, unit, value in (("bytes", "bytes", size), ("allocations", "count", count)):
            rows += make_rows({Place(*A, 10): value}, Measure("memray", view, metric, unit), "own", count)
    return ProfileTable(tuple(rows), Health(n_samples=count, window_s=window_s))


@pytest.mark.parametrize(("old", "verdict"), [(500_000, "leak"), (1_000_000, "leak"), (0, "cache"), (90_000, "cache")])
def test_what_is_held_but_all_recent_is_work_in_flight(old: float, verdict: str):
    short, long = aged(500_000, 0, 5.0), aged(1_000_000, old, 10.0)
    [growth] = find_growth(short, long, aged=True)
    assert growth.verdict == verdict and ("P306" in growth.flags) is (verdict == "cache")
    assert find_growth(short, long)[0].verdict == "leak"  # who does not ask for ages is not told


def test_a_few_large_allocations_are_not_judged_by_their_age():
    [growth] = find_growth(aged(500_000, 0, 5.0, 2), aged(1_000_000, 0, 10.0, 4), aged=True)
    assert growth.verdict == "leak"


def two_places(each: int, rate: float, window_s: float) -> ProfileTable:
    """A leak of 1 MB/s in blocks of 133 bytes, and another place at `rate` in blocks of `each` bytes."""
    rows = []
    for metric, unit, scale in (("bytes", "bytes", (1, 1)), ("allocations", "count", (133, each))):
        sums = {Place(*A, 10): 1e6 * window_s / scale[0], Place(*B, 20): rate * window_s / scale[1]}
        rows += make_rows(sums, Measure("memray", "leak", metric, unit), "own", 100)
    return ProfileTable(tuple(rows), Health(n_samples=100, window_s=window_s))


@pytest.mark.parametrize(
    ("each", "rate", "verdict"), [(56, 43_000, "recycled"), (56, 300_000, "leak"), (53, 43_000, "leak")]
)
def test_tuples_that_a_leak_took_over_are_its_own(each: int, rate: float, verdict: str):
    top, other = find_growth(two_places(each, rate, 4.0), two_places(each, rate, 8.0))
    assert (top.function, top.verdict, other.verdict) == ("hot", "leak", verdict)
    assert top.rate == pytest.approx(1e6 + (rate if verdict == "recycled" else 0), rel=0.001)
    assert ("P316" in top.flags) is ("P316" in other.flags) is (verdict == "recycled")


def test_an_interval_of_shares_that_samples_do_not_reconcile_holds_what_each_instrument_says():
    gil = table({A: 0.432, B: 0.491, C: 0.077}, n=581)
    ranking = rank([gil, table({A: 0.546, B: 0.454}, "scalene", "cpu", n=231)])
    rows = {(row.file, row.function): row for row in ranking.rows}
    for key, low, high in ((A, 0.40, 0.60), (C, 0.0, 0.09)):
        row = rows[key]
        assert row.flags[0] == "P319" and row.low <= min(row.shares.values()) <= max(row.shares.values()) <= row.high
        assert row.low <= low and row.high >= high
    assert rows[A].most == 0.546 and rows[A].most_bound == pytest.approx(1 / (1 - 0.546))
    assert rows[C].cpu_share == pytest.approx(0.077 * 581 / 812)
    assert "P319" not in rows[B].flags and rows[B].most == rows[B].cpu_share


def test_shares_that_samples_reconcile_are_not_disputed():
    ranking = rank([table({A: 0.43, B: 0.57}, n=581), table({A: 0.50, B: 0.50}, "scalene", "cpu", n=231)])
    assert all("P319" not in row.flags for row in ranking.rows)
    assert all(row.high - row.low < 0.08 for row in ranking.rows)


def test_a_library_that_one_instrument_cannot_see_is_disputed_by_nobody():
    google = (LIBRARY, "google.genai")
    ranking = rank([table({A: 0.4, google: 0.6}), table({A: 0.4, B: 0.6}, "scalene", "cpu")])
    assert next(row for row in ranking.rows if row.library).flags == ("P310",)


def test_the_bound_counts_what_the_profiled_process_has_of_the_systems_cpu():
    [top, _] = rank([table({A: 0.6, B: 0.4})], Context(cpu_us_per_unit=1000.0, part=0.1)).rows
    assert (top.cpu_share, top.cpu_us_per_unit) == (pytest.approx(0.6), pytest.approx(600))
    assert top.most == pytest.approx(0.06) and top.amdahl_bound == pytest.approx(1 / 0.94) == top.most_bound
