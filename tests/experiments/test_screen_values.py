"""Every value of every flag can be screened, in groups, each against the baseline with what it needs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.errors import StatisticError
from perflab.experiments import screen as screening_module
from perflab.experiments import screen_load
from perflab.experiments.blocks import BlockResult
from perflab.experiments.conclude.flags import conclude_flags, forest_rows
from perflab.experiments.confirm import confirmed_figures
from perflab.experiments.effort import EFFORT
from perflab.experiments.null_arm import NULL
from perflab.experiments.prototype import confirmation_sentence
from perflab.experiments.screen import ScreenPlan, arms_of, screen_flags, worth_confirming
from perflab.experiments.screen_load import fitted
from perflab.experiments.trial import facts_path
from perflab.stats.selection import Screened
from perflab.system.variant import every_value_pairs, flag_pair

PLAN = ScreenPlan(users=5, windows=12, window_s=1.0, margin=0.05, every_value=True, together=6)
DEAR = {  # alone it costs; of the ways to compute it the batched one saves
    "voice_activity=energy": 1.5,
    "voice_activity=energy+pipeline=per_frame_numba": 1.5,
    "voice_activity=energy+pipeline=batched": 0.9,
}
# Twelve windows of a null arm: p = 0.034 alone, which of many groups one shows by chance.
CHANCE = np.array([1.09, 1.07, 1.06, 1.08, 1.05, 1.04, 1.061, 1.055, 1.045, 1.035, 0.97, 0.925])


@pytest.fixture
def side_by_side(study, monkeypatch):
    """Return screen_flags over planted windows: what each group started, and by how much its null arm is off."""
    groups: list[dict[str, str]] = []
    state = SimpleNamespace(failing=-1, chance=-1, idle=(), length=0.0, refusing={})

    def trial(study, spec, again, meeting):
        if spec.arm == "baseline":
            groups.append({})
        groups[-1][spec.arm] = spec.variant
        state.length = spec.duration_s
        return SimpleNamespace(spec=spec, group=len(groups) - 1, units=units(spec.arm))

    def units(arm):
        shed = state.refusing.get(arm, 0)  # of 100
        rows = {"kind": "turn", "outcome": ["shed"] * shed + ["ok"] * (100 - shed), "first_ns": 1}
        return pd.DataFrame(rows).assign(intended_ns=0, end_ns=2)

    def cost(study, trial, spans):
        if trial.spec.arm in state.idle:
            raise StatisticError(f"No unit of {trial.spec.arm} was done in 3 of 12 windows")
        rng = np.random.default_rng([trial.group, sum(map(ord, trial.spec.arm))])
        if trial.group == state.chance and trial.spec.arm in ("baseline", NULL):
            return 12 * CHANCE if trial.spec.arm == NULL else np.full(PLAN.windows, 12.0)
        off = 1.2 if trial.spec.arm == NULL and trial.group == state.failing else DEAR.get(trial.spec.arm, 1.0)
        return 12 * off * np.exp(rng.normal(0, 0.004, PLAN.windows))

    def in_order(specs, run, places):
        return [run(spec, None) for spec in specs]

    monkeypatch.setattr(screening_module, "run_trial", trial)
    monkeypatch.setattr(screening_module, "_spans", lambda *_: [])
    monkeypatch.setattr(screening_module, "_cpu_per_unit", cost)
    monkeypatch.setattr(screening_module, "equal_to_own", lambda *_: {})
    monkeypatch.setattr(screening_module, "run_side_by_side", in_order)
    return SimpleNamespace(run=lambda plan=PLAN: screen_flags(study, plan), groups=groups, state=state)


def test_groups_hold_every_value_once_each_beside_its_own_base(study, side_by_side):
    found = side_by_side.run()
    pairs = [p for p in every_value_pairs(study.system) if not _moves_work(study, p)]
    assert {e.arm for e in found.effects} == {p.changed.arm for p in pairs} and len(found.effects) == len(pairs)
    assert len(side_by_side.groups) == -(-len(pairs) // PLAN.together) == 1 + len(found.more_nulls)
    for group in side_by_side.groups:
        assert group["baseline"] == group[NULL] == "baseline" and len(set(group.values())) == len(group) - 1
    batched = next(e for e in found.effects if e.value == "batched")
    assert batched.base == "voice_activity=energy" and batched.comparison.effect == pytest.approx(0.6, rel=0.02)
    assert not found.failed_null and facts_path(study, "x").parent.exists()


@pytest.mark.parametrize(("asked_s", "used_s"), [(0.5, 1.0), (6.0, 6.0)])
def test_windows_are_long_enough_for_the_units_of_the_system(study, side_by_side, asked_s, used_s):
    """A unit of the gateway takes 5 s: five users end one in a second, and no window may be empty."""
    assert study.system.load.probe_seconds == 5.0
    side_by_side.run(replace(PLAN, window_s=asked_s))
    assert side_by_side.state.length == pytest.approx(3.0 + PLAN.windows * used_s)
    assert screening_module.shortest_window_s(study.system, 5) == 1.0


@pytest.mark.parametrize(
    ("user_cores", "cores", "users", "together"),
    [
        (None, 1, 5, 12),
        (0.024, 1, 5, 12),
        (0.05, 1, 3, 12),
        (0.05, 2, 5, 12),
        (0.2, 1, 2, 4),
        (2.0, 1, 2, 1),
    ],
)
def test_what_runs_side_by_side_leaves_the_systems_cores_some_air(user_cores, cores, users, together):
    """Fourteen arms of five users asked for 3.5 cores of one: no unit of the baseline ended for ten seconds."""
    plan = fitted(replace(PLAN, together=12), lambda most: (most or 12) + 2, user_cores, cores)
    assert (plan.users, plan.together) == (users, together)
    if user_cores and together > 1:
        assert plan.users * (together + 2) * user_cores <= screen_load.ROOM * cores


@pytest.mark.parametrize(("apart_s", "took_s"), [(0.05, 1.5), (0.5, 0.004)])
def test_a_user_with_a_pace_asks_for_cores_by_that_pace(study, monkeypatch, apart_s, took_s):
    """Whether its requests queue for seconds or are over in milliseconds: 3 ms of CPU for each, as often as it asks."""
    due = [(user, round(n * apart_s * 1e9)) for user in range(4) for n in range(10)]
    rows = pd.DataFrame(due, columns=["user", "intended_ns"]).assign(kind="turn", outcome="ok", start_ns=0)
    rows["end_ns"] = rows["intended_ns"] + round(took_s * 1e9)
    trial = SimpleNamespace(units=rows, system_cpu_s=lambda: 0.003 * len(rows))
    monkeypatch.setattr(screen_load, "read_trial", lambda study, name: trial)
    (study.run.folder("samples") / "trial.ladder-baseline.json").write_text("{}")
    assert screen_load.user_cores(study) == pytest.approx(0.003 / apart_s)


def test_the_cores_of_a_user_are_read_from_the_blocks_of_the_run(study, monkeypatch):
    assert screen_load.user_cores(study) is None
    rows = pd.DataFrame(
        {
            "kind": "turn",
            "user": range(5),
            "outcome": ["ok"] * 4 + ["timeout"],
            "intended_ns": 0,
            "start_ns": 1,
            "end_ns": 2 * 10**9 + 1,
        }
    )
    trial = SimpleNamespace(units=rows, system_cpu_s=lambda: 0.2)
    monkeypatch.setattr(
        screen_load, "read_trial", lambda study, name: trial if name == "compare-b00-baseline" else None
    )
    folder = study.run.folder("samples")
    (folder / "trial.compare-b00-baseline.json").write_text("{}")
    (folder / "trial.compare-b00-null.json").write_text("{}")
    assert screen_load.user_cores(study) == pytest.approx(0.2 / 4 / 2)


def _moves_work(study, pair):
    needed = [{s.name for s in study.system.server if s.needed_by(v.flags)} for v in (pair.base, pair.changed)]
    return needed[1] > needed[0]


def test_what_moves_work_into_a_server_is_named_and_not_screened(study, side_by_side):
    """Its CPU would leave the system's processes, and look saved."""
    found = side_by_side.run()
    assert "store=postgres moves work into postgres" in found.left_out
    assert not any(e.value in ("postgres", "redis") for e in found.effects)
    assert "not screened: store=postgres" in confirmation_sentence(study, found, None)
    assert side_by_side.run(replace(PLAN, every_value=False, together=0)).left_out == ()


def test_an_arm_without_work_is_left_out_by_name_and_the_others_are_screened(study, side_by_side):
    side_by_side.state.idle = ("voice_activity=energy", "frames=binary")
    found = side_by_side.run()
    screened = {e.arm for e in found.effects}
    assert screened and not {*screened, *(e.base for e in found.effects)} & set(side_by_side.state.idle)
    told = confirmation_sentence(study, found, None)
    assert "no unit of frames=binary was done in 3 of 12 windows" in told
    assert "voice_activity=energy+pipeline=batched has no voice_activity=energy to be compared with" in told
    said, *flags = conclude_flags(study, found, None, (), (), None)
    assert said.verdict == "inconclusive" and "frames=binary" in said.claim and len(flags) == len(screened)
    assert "contest" not in said.next_step  # nobody refused
    assert all(any("frames=binary" in caveat for caveat in f.caveats) for f in flags)


@pytest.mark.parametrize("idle", [(), ("frames=binary",)])
def test_an_arm_that_refuses_users_is_not_screened_beside_a_base_that_serves_them(study, side_by_side, idle):
    """What a unit costs depends on how many users there are; whether the others' units sufficed or not."""
    side_by_side.state.refusing, side_by_side.state.idle = {"frames=binary": 40}, idle
    found = side_by_side.run()
    assert "frames=binary" not in {e.arm for e in found.effects} and len(found.effects) > 5
    told = "frames=binary refused 40% of its turns and baseline 0%"
    assert [said for said in found.without_work if "frames=binary" in said] == [
        f"{told}, so that they did not serve the same users"
    ]
    assert told in confirmation_sentence(study, found, None)
    said = conclude_flags(study, found, None, (), (), None)[0]
    assert said.verdict == "inconclusive" and told in said.claim and "a contest of its own" in said.next_step


def test_arms_that_refuse_alike_are_screened_against_each_other(side_by_side):
    """As where a limit of the system's own refuses in every arm, or in both of a pair."""
    side_by_side.state.refusing = {"voice_activity=energy": 30, "voice_activity=energy+pipeline=batched": 31}
    found = side_by_side.run()
    arms = {e.arm for e in found.effects}
    assert "voice_activity=energy" not in arms and "voice_activity=energy+pipeline=batched" in arms
    side_by_side.state.refusing = dict.fromkeys([a for group in side_by_side.groups for a in group], 20)
    found = side_by_side.run()
    assert not found.refusing and not found.without_work


@pytest.mark.parametrize(
    ("effect", "p", "verdict", "worth"),
    [(0.93, 0.004, "trivial", True), (0.97, 0.004, "trivial", False), (0.6, 0.2, "inconclusive", False),
     (0.6, 0.004, "untrusted", False), (1.4, 0.004, "worse", False)],
)  # fmt: skip
def test_what_is_confirmed_is_a_gain_that_would_matter(effect, p, verdict, worth):
    """Seven percent is less than twins may differ by, so that it points nowhere; it is worth fresh processes."""
    seen = Screened("frames=binary", SimpleNamespace(effect=effect, verdict=verdict), p, p < 0.1, False)
    assert worth_confirming(seen) == worth


def test_a_screening_in_which_no_arm_did_work_says_so(study, side_by_side):
    side_by_side.state.idle = tuple(p.changed.arm for p in every_value_pairs(study.system))
    found = side_by_side.run()
    assert found.effects == () and found.chosen(9) == ()
    (said,) = conclude_flags(study, found, None, (), (), None)
    assert "frames=binary" in said.claim


def test_a_baseline_without_work_is_an_error(side_by_side):
    side_by_side.state.idle = ("baseline",)
    with pytest.raises(StatisticError, match="No unit of baseline"):
        side_by_side.run()


def test_quick_screens_the_optimised_values_in_one_group(study, side_by_side):
    quick = EFFORT["quick"]
    assert not quick.screen_every_value and not quick.screen_together
    found = side_by_side.run(replace(PLAN, every_value=False, together=0))
    assert len(side_by_side.groups) == 1 and found.more_nulls == ()
    assert {e.value for e in found.effects} == {f.optimised for f in study.system.flag if f.optimised != f.baseline}


def test_the_null_arm_of_any_group_speaks_against_the_screening(side_by_side):
    side_by_side.state.failing = 2
    found = side_by_side.run()
    assert "group 3" in found.failed_null and found.chosen(99)  # the other groups' own nulls hold
    names = [check.name for check in found.null_checks]
    assert len(set(names)) == len(names) == len(side_by_side.groups)


def test_what_chance_shows_among_the_groups_takes_no_flags_verdict(side_by_side):
    """A null arm that is told apart alone, but not among so many groups: check and flags follow one rule."""
    side_by_side.state.chance = 2
    found = side_by_side.run()
    assert "chance" in found.null_checks[2].observed and not found.failed_null
    assert "untrusted" not in {e.comparison.verdict for e in found.effects}


def test_a_value_is_confirmed_against_what_it_needs_and_numbered_by_its_value(study, side_by_side):
    chosen = side_by_side.run().chosen(9)
    assert [e.pair.label for e in chosen] == ["pipeline=batched (both with voice_activity=energy)"]
    arms = arms_of([e.pair for e in chosen])
    rng = np.random.default_rng(2)
    from perflab.benches.stats.injected import block_set

    blocks = block_set(rng, {arm: DEAR.get(arm, 1.0) for arm in arms if arm not in ("baseline", NULL)}, None)
    confirmation = confirmed_figures(chosen, BlockResult(blocks.figures, (), {chosen[0].arm: (40, 40)}))
    assert confirmation.of(chosen[0].arm).confirmed.comparison.effect == pytest.approx(0.6, rel=0.01)
    found = conclude_flags(study, side_by_side.run(), confirmation, (), (), None)
    mine = [f for f in found if f.stage == "confirmed"]
    assert {f.id for f in mine} == {f"F30-flag.pipeline.batched{c}" for c in ("", ".p95-ms", ".memory-mb")}
    assert {f.variant for f in mine} == {"baseline+voice_activity=energy+pipeline=batched"}
    assert len({f.id for f in found}) == len(found)
    assert sum("(confirmed)" in row["label"] for row in forest_rows(side_by_side.run(), confirmation, ())) == 1


def test_both_arms_of_a_pair_start_once(study):
    pairs = [flag_pair(study.system, "pipeline", "batched"), flag_pair(study.system, "tick", "ms5")]
    arms = arms_of(pairs)
    assert list(arms) == ["baseline", NULL, "voice_activity=energy", "voice_activity=energy+pipeline=batched",
                          "voice_activity=energy+pipeline=batched+tick=ms5"]  # fmt: skip
