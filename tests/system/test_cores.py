"""The choice of cores stays inside what the user gave, and is the same in every process below the first."""

from __future__ import annotations

import os
import subprocess
import sys

from perflab.system.cores import GIVEN

SAY = "from perflab.system.cores import default_cores, given_cores, stay_on\nimport subprocess, sys\n"


def said(code: str, environment: dict[str, str] | None = None, cores: set[int] | None = None) -> list[str]:
    """Run a program as the first perflab process of its kind, on the given cores."""
    environment = {**os.environ, **(environment or {GIVEN: ""})}
    if not environment[GIVEN]:
        del environment[GIVEN]
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {cores or os.sched_getaffinity(0)})\n{SAY}{code}"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_cores_outside_the_users_own_choice_are_not_taken():
    last = max(os.sched_getaffinity(0))
    assert said("print(given_cores(), default_cores().system, default_cores().others)", cores={last}) == [
        f"({last},) ({last},) ({last},)"
    ]


def test_a_process_that_stays_on_its_cores_hands_the_whole_choice_on():
    child = f"{SAY}print(default_cores())"
    code = "print(default_cores())\nstay_on(default_cores().others)\nprint(default_cores(), flush=True)\n"
    first, after, below = said(code + f"subprocess.run([sys.executable, '-c', {child!r}])")
    assert first == after == below


def test_the_first_choice_of_a_machine_without_a_choice_is_all_of_it():
    cores = os.sched_getaffinity(0)
    assert said("print(*given_cores())") == [" ".join(map(str, sorted(cores)))]


def test_a_process_that_is_given_more_meanwhile_forgets_what_it_was_given():
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    code = f"first = given_cores()\nos.sched_setaffinity(0, {{{first}, {last}}})\nnow = given_cores()\n"
    code += f"stay_on(({last},))\nprint(first, now == given_cores() == {(first, last)[: 1 + (first < last)]})"
    assert said(code, cores={first}) == [f"({first},) True"]


def test_what_may_not_be_used_is_not_believed():
    cores = sorted(os.sched_getaffinity(0))
    for text in ("90000", f"{cores[0]},90000", "nonsense"):
        assert said("print(*given_cores())", {GIVEN: text}) == [" ".join(map(str, cores))]
