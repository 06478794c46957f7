"""Waiting for a core: the machine's fault, or the system's own threads and processes on the one core they have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.experiments.conclude.own_waiting import of_own_making
from perflab.experiments.conclude.parts import trust_of, vetoed
from perflab.experiments.trial import NS, TrialFacts, core_account
from perflab.instrument.core_time import cores_interrupted_s, cores_ran_s

from .test_null_arm import trial_of

LENGTH_S = 10.0


def waiting(
    own_s: float, others_s: float, share: float = 0.4, *, packets_s: float = 0.0, length_s: float = LENGTH_S,
    **changed: Any,
) -> TrialFacts:  # fmt: skip
    """Facts of a load in which the system waited; `own_s`, `others_s` ran on its core, `packets_s` were interrupts."""
    before = {"core_ran_s": 100.0, "core_interrupted_s": 50.0}
    after = {"core_ran_s": 100.0 + own_s + others_s, "core_interrupted_s": 50.0 + packets_s}
    noise = {"steal": 0.0, "throttled_s": 0.0, "canary": 1.0} | core_account(before, after, own_s)
    made = replace(trial_of().facts, end_ns=round(length_s * NS), run_delay_share=share, disturbance=noise,
                   cores={"system": [1], "generator": [0]})  # fmt: skip
    return replace(made, **changed)


def check_of(*facts: TrialFacts) -> Any:
    checks = trust_of([replace(trial_of(), facts=each) for each in facts])
    return next(c for c in checks if c.name == "system not waiting for a core")


def test_threads_that_wait_for_each_other_are_a_warning_and_no_fault_of_the_machine() -> None:
    check = check_of(waiting(9.0, 0.05), waiting(0.5, 0.0, share=0.01))
    assert not check.passed and not check.veto and "of its own making" in check.observed
    assert "Stop what else runs" not in check.next_step and not vetoed([check])


@pytest.mark.parametrize(
    "facts",
    [
        waiting(6.0, 3.0),  # a neighbour on the same core
        waiting(0.5, 0.5),  # the same at little load: a twentieth of the time, but half of what ran
        waiting(9.0, 0.0, shared_core=True),
        waiting(9.0, 0.0, run_delay_share=float("nan")),
        replace(waiting(9.0, 0.0), disturbance={"steal": 0.0, "throttled_s": 0.0, "canary": 1.0}),  # of an older run
        replace(waiting(9.0, 0.0), disturbance={**waiting(9.0, 0.0).disturbance, "steal": 0.2}),
        waiting(9.0, -4.0),  # the account is of other cores than those that the system ran on
        waiting(9.0, -4.0, packets_s=0.3),
        waiting(540.0, -15.0, length_s=600.0),
        waiting(6.0, 0.0, packets_s=3.0),  # were these in the system's clock, others ran a third of the time
        waiting(540.0, 50.0, packets_s=15.0, length_s=600.0),
    ],
)
def test_what_cannot_be_told_from_a_neighbour_stays_a_veto(facts: TrialFacts) -> None:
    check = check_of(facts)
    assert check.veto and not check.passed and not of_own_making([facts])


def test_one_disturbed_trial_speaks_among_many_that_waited_for_themselves() -> None:
    quiet = [waiting(9.0, 0.0) for _ in range(30)]
    assert of_own_making(quiet)
    assert not of_own_making([*quiet, waiting(6.0, 3.0)])


def test_a_system_that_did_not_wait_is_of_nobodys_making() -> None:
    assert not of_own_making([waiting(9.0, 0.0, share=0.1)]) and check_of(waiting(9.0, 0.0, share=0.1)).passed


def test_the_kernels_account_by_ticks_is_no_neighbour() -> None:
    """A thousand ticks see who runs: the system for 60 % of the time, nobody else; 24 trials together."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        seen = [waiting(6.0, float(rng.binomial(1000, 0.6)) / 100 - 6.0) for _ in range(24)]
        assert of_own_making(seen)


@pytest.mark.parametrize("in_its_clock", [False, True], ids=["apart", "in the clock of the system"])
def test_the_systems_own_packets_are_nobody_else(in_its_clock: bool) -> None:
    """Ten minutes at full: 88 % of the ticks find the system, 3 % more its packets, which the kernel books apart."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        seen = []
        for _ in range(8):
            programs, packets, _ = rng.multinomial(60_000, [0.88, 0.03, 0.09]) / 100
            own_s = 600 * (0.91 if in_its_clock else 0.88)
            seen.append(waiting(own_s, programs - own_s, packets_s=packets, length_s=600.0))
        assert of_own_making(seen)


def test_a_run_that_did_not_keep_its_interrupts_is_told_as_before() -> None:
    def older(facts: TrialFacts) -> TrialFacts:
        kept = {key: value for key, value in facts.disturbance.items() if key != "core_interrupted_s"}
        return replace(facts, disturbance=kept)

    assert of_own_making([older(waiting(9.0, 0.05))]) and not of_own_making([older(waiting(6.0, 3.0))])
    assert not of_own_making([older(waiting(540.0, -15.0, packets_s=15.0, length_s=600.0))])


def test_only_the_cores_asked_for_are_counted_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  9 9 9 9\ncpu0 100 1 99 5000 7 8 9 10 0 0\ncpu1 300 0 200 1 2 3 4 5 0 0\nintr 5\n")
    assert cores_ran_s((0,), stat) == pytest.approx(2.0) and cores_ran_s((0, 1), stat) == pytest.approx(7.0)
    assert cores_ran_s((2,), stat) is None and cores_ran_s((), stat) is None
    assert cores_ran_s((0,), tmp_path / "none") is None
    assert cores_interrupted_s((0,), stat) == pytest.approx(0.17)
    assert cores_interrupted_s((0, 1), stat) == pytest.approx(0.24) and cores_interrupted_s((2,), stat) is None
    told = {"core_ran_s": 2.0, "core_interrupted_s": 0.1}
    assert core_account({}, told, 1.0) == {} == core_account(told, {}, 1.0)
