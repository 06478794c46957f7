import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import UsageError
from perflab.standins.faults import AT_ONCE, CODEGEN_FAULTS, LIVE_FAULTS, FaultPlan, parse_faults


def plan(spec: str, seed: int = 7) -> FaultPlan:
    return FaultPlan(parse_faults(spec, LIVE_FAULTS), seed)


def test_a_window_strikes_from_its_start_up_to_its_end():
    faults = plan("rest_429@5+10:2")
    assert [bool(faults.strike("rest_429", t, 1)) for t in (4.9, 5.0, 14.9, 15.0)] == [False, True, True, False]
    assert faults.strike("rest_503", 6.0, 1) is None
    assert faults.struck["rest_429"] == 2


def test_a_probability_strikes_its_share_and_the_same_keys_again():
    struck = [[bool(plan("stall%0.2").strike("stall", 0.0, s, t)) for t in range(50)] for s in range(40)]
    again = [[bool(plan("stall%0.2").strike("stall", 99.0, s, t)) for t in range(50)] for s in range(40)]
    other = [[bool(plan("stall%0.2", seed=8).strike("stall", 0.0, s, t)) for t in range(50)] for s in range(40)]
    assert struck == again != other
    assert 0.15 < sum(map(sum, struck)) / 2000 < 0.25


def test_an_instant_strikes_only_at_its_moment():
    faults = plan("close_1011@20,goaway@3:0.5")
    assert faults.strike_window("close_1011", 20.0) is None
    assert [fault.kind for fault in faults.scheduled("close_1011", "goaway")] == ["goaway", "close_1011"]


def test_a_file_holds_the_same(tmp_path):
    path = tmp_path / "day.faults"
    path.write_text("# a bad day\nrest_429@1+2:3   # overload\n\nstall%0.5:100, slow_pong@0+9\n")
    assert parse_faults(str(path), LIVE_FAULTS) == parse_faults(
        "rest_429@1+2:3,stall%0.5:100,slow_pong@0+9", LIVE_FAULTS
    )


@pytest.mark.parametrize(
    "spec", ["stall@", "stall@-1", "nothing@3", "stall%0", "stall%1.5", "stall@1+2:x", "missing-file", "stall@1+2@3"]
)
def test_what_is_not_understood_is_one_clear_line(spec):
    with pytest.raises(UsageError) as error:
        parse_faults(spec, LIVE_FAULTS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kinds", [LIVE_FAULTS, CODEGEN_FAULTS], ids=["live", "codegen"])
def test_what_would_never_strike_is_refused(kinds):
    """Every kind at a moment: it is struck by schedule or refused, and with a duration each strikes in its window."""
    for kind in kinds:
        for spec in (f"{kind}@5", f"{kind}@5:2", f"{kind}@5+0"):
            if kinds is LIVE_FAULTS and kind in AT_ONCE:
                assert [fault.kind for fault in FaultPlan(parse_faults(spec, kinds), 7).scheduled(kind)] == [kind]
            else:
                with pytest.raises(UsageError, match=r"lasts no time.*kind@start\+duration"):
                    parse_faults(spec, kinds)
        assert FaultPlan(parse_faults(f"{kind}@5+1", kinds), 7).strike(kind, 5.5, 1)


@given(st.text(max_size=40))
def test_no_text_raises_anything_else(spec):
    with contextlib.suppress(UsageError):
        parse_faults("@" + spec, LIVE_FAULTS)
