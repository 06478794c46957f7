"""Whether system and load generator shared a core is read from where the processes could run."""

import pandas as pd

from perflab.experiments.conclude.parts import trust_of
from perflab.experiments.trial import Trial, TrialFacts, TrialSpec

GENERATOR = {"asked_frame_rate": 50.0, "wall_s": 9.0, "late_p99_ms": 0.5, "cpu_percent": 20.0, "lost_frames": 0}


def own_core(*trials: tuple[bool, dict[str, list[int]]]):
    spec = TrialSpec("one", "baseline", (), 9.0, ())
    facts = [TrialFacts(spec, 0, 10, {}, GENERATOR, shared, 0.0, {}, 0.0, cores=cores) for shared, cores in trials]
    checks = trust_of([Trial(each, pd.DataFrame(), pd.DataFrame(), pd.DataFrame()) for each in facts])
    return next(check for check in checks if check.name == "system on cores of its own")


def test_a_worker_on_the_generators_core_vetoes_whatever_was_intended():
    check = own_core((False, {"system": [4], "generator": [5]}), (False, {"system": [4, 5], "generator": [5, 6]}))
    assert not check.passed and check.veto and check.observed == "shares core 5"
    assert "two cores or more" not in check.next_step and check.next_step


def test_cores_that_nobody_shared_pass_on_a_machine_that_now_would_choose_others():
    check = own_core((False, {"system": [6], "generator": [0, 1]}), (False, {"system": [2], "generator": [6]}))
    assert check.passed and "2" in check.observed and "6" in check.observed


def test_one_core_for_all_says_that_more_are_needed():
    check = own_core((True, {"system": [0], "generator": [0]}))
    assert not check.passed and check.observed == "shares core 0" and "two cores or more" in check.next_step


def test_trials_that_kept_no_cores_are_judged_by_what_they_were_given():
    assert not own_core((True, {})).passed
