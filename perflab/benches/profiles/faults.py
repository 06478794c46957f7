"""Bar 8: every injected fault gives its code within 5 s of the time that it can be known, and leaves nothing behind."""

from __future__ import annotations

import time
from dataclasses import dataclass

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.profiles import fault_cases, late_fault_cases
from perflab.benches.profiles.fault_cases import Case
from perflab.benches.profiles.fault_yard import CannotInject, Seen, yard
from perflab.errors import InstrumentFailure

ORDER = 80
LIMIT_S, ASKED = 5.0, 24
CASES: tuple[Case, ...] = (*fault_cases.CASES, *late_fault_cases.CASES)


@dataclass(frozen=True)
class Trial:
    """One injected fault: what was seen (None where it cannot be made here), and what was left behind."""

    case: Case
    seen: Seen | None
    orphans: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether the code is the expected one."""
        return self.seen is not None and self.seen.code == self.case.code


def try_case(case: Case) -> Trial:
    """Inject one fault in a yard of its own; count processes before and ports after its targets are collected."""
    with yard() as made:
        made.out.mkdir()
        try:
            found: Seen | None = case.inject(made)
            note = found.text if found else ""
        except CannotInject as error:
            found, note = None, str(error)
        except InstrumentFailure as error:  # told while the fault was being prepared: then it is not the fault's code
            found, note = Seen("none", 0.0, str(error)), str(error)
        orphans = made.left()
        made.collect()
        deadline = time.monotonic() + 1.0
        while (ports := made.bound()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return Trial(case, found, tuple(orphans), tuple(ports), note)


def bars(say: Say) -> list[Bar]:
    """Inject every fault, one after another."""
    trials = []
    for case in CASES:
        trial = try_case(case)
        trials.append(trial)
        told = f"{trial.seen.code} after {trial.seen.late_s:.2f} s" if trial.seen else f"not made here: {trial.note}"
        wrong = "" if trial.right or trial.seen is None else f"   WRONG: {trial.note[:160]}"
        say(f"  {case.code}  {case.name}: {told}{wrong}")
    return judge(trials)


def judge(trials: list[Trial]) -> list[Bar]:
    """Turn trials into the four bars."""
    made = [trial for trial in trials if trial.seen is not None]
    wrong = [f"{t.case.name}: {t.seen.code}" for t in made if t.seen and not t.right]
    skipped = [f"{t.case.name}: {t.note}" for t in trials if t.seen is None]
    slowest = max((t.seen.late_s for t in made if t.seen), default=0.0)
    codes = sorted({t.case.code for t in made if t.right})
    left = [f"{t.case.name}: {t.orphans} {t.ports}" for t in trials if t.orphans or t.ports]
    return [
        Bar("8.faults", "injected faults that give their code", float(len(made) - len(wrong)), ">=",
            float(max(ASKED, len(made))), "faults", len(made), detail={"wrong": wrong, "not made": skipped}),
        Bar("8.codes", "different codes told right", float(len(codes)), ">=", float(ASKED), "codes", len(made),
            detail={"codes": codes}),
        Bar("8.slowest", "slowest code after it could be known", slowest, "<=", LIMIT_S, "s", len(made)),
        Bar("8.orphans", "processes left behind", float(sum(len(t.orphans) for t in trials)), "<=", 0.0, "processes",
            len(made), detail={"left": left}),
        Bar("8.ports", "ports left bound", float(sum(len(t.ports) for t in trials)), "<=", 0.0, "ports", len(made)),
    ]  # fmt: skip
