"""Faults made for real: each gives its code in time, and no process or port is left (the quick ones of the bench)."""

import pytest

from perflab.benches.profiles.faults import CASES, LIMIT_S, Case, try_case
from perflab.instrument.codes import REGISTRY

QUICK = [case for case in CASES if case.quick]


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_the_fault_gives_its_code_and_leaves_nothing(case: Case) -> None:
    trial = try_case(case)
    if trial.seen is None:
        pytest.skip(trial.note)
    assert trial.seen.code == case.code, trial.note
    assert trial.seen.late_s < 2 * LIMIT_S  # the bench holds it to the limit; more than two are a wait, not a load
    assert (trial.orphans, trial.ports) == ((), ())


def test_every_injected_code_is_registered_and_there_are_enough_of_them() -> None:
    codes = {case.code for case in CASES}
    assert codes <= REGISTRY.keys()
    assert len(codes) >= 24 and len(REGISTRY) >= 40
    assert all(code.cause and code.remedy and code.code[0] in "PN" for code in REGISTRY.values())
