"""Which confirmed flags of the API are measured together, in which order, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from perflab.experiments.conclude.parts import EQUAL_ANSWERS
from perflab.experiments.joint import Setting
from perflab.experiments.strategies.experiment import STANDARD
from perflab.findings.finding import Finding
from perflab.system.needs import needed_settings
from perflab.system.spec import System
from perflab.units import signed_percent

GAINS = (STANDARD[0].name, STANDARD[1].name)  # CPU per request, response p95
# The flags that the mixed requests have work for, in the order of adoption: first what asks nothing of anybody, then
# what keeps a state that can be wrong, last what clients must ask for. Stated beforehand: sizes of gains that were
# seen under different loads are in no order.
FLAGS = ("serialiser", "http_client", "template", "cache", "dedup", "compression", "payload")
SILENT, CALM = "nobody speaks under this load", "under this load nothing fails and nobody asks too much"
ABSENT = {
    **dict.fromkeys(("reply", "coalesce", "frames", "upstream", "server", "admission"), SILENT),
    **dict.fromkeys(("retry", "breaker", "bulkhead", "rate_limit"), CALM),
    **dict.fromkeys(("single_flight", "loader"), "this load has no crowds of reads of one moment"),
    "batch": "under this load calls seldom come within 5 ms of each other",
    "events": "nobody waits for events under this load",
    "store": "the store is the same in every arm",
}


def choose(
    system: System, found: Sequence[Finding], world: Collection[str], most: int
) -> tuple[tuple[Setting, ...], tuple[str, ...]]:
    """Return the settings to measure together, at most `most`, one for each flag, and of the others why not.

    Confirmed: less CPU or a shorter p95 in one experiment on fresh processes, with equal answers; what is untrusted
    is no gain. Of several values of a flag the one that the system's optimised variant has comes first, then the order
    of the system's file: the largest gain would be a winner chosen by what judges it. `world`: flags that every arm
    sets.
    """
    left: list[str] = []
    fit: dict[str, list[Setting]] = {}
    for arm, cases in _by_arm(found).items():
        gained = [case for case in cases if _gained(case)]
        if not gained:
            continue
        if why := _unfit(system, arm, gained, world):
            left.append(f"{arm}: {why}")
        else:
            fit.setdefault(arm.partition("=")[0], []).append(_setting(arm, cases, gained))
    order: list[Setting] = []
    for name in (name for name in FLAGS if name in fit):
        first, *others = sorted(fit[name], key=lambda one: _place(system, one.arm))
        left += [f"{other.arm}: another value of {name} stands for it" for other in others]
        if len(order) < most:
            order.append(first)
        else:
            left.append(f"{first.arm}: beyond the {most} flags that these blocks have room for")
    return tuple(order), tuple(left)


def _by_arm(found: Sequence[Finding]) -> dict[str, list[list[Finding]]]:
    """Return the confirmed figures by setting, those of one experiment together."""
    cases: dict[tuple[str, str, str], list[Finding]] = {}
    for one in found:
        arm = str(one.details.get("flag", ""))
        if one.kind == "comparison" and one.stage == "confirmed" and one.effect and "=" in arm:
            cases.setdefault((arm, one.condition, one.notebook), []).append(one)
    arms: dict[str, list[list[Finding]]] = {}
    for (arm, _, _), case in cases.items():
        arms.setdefault(arm, []).append(case)
    return arms


def _gained(case: Sequence[Finding]) -> bool:
    return any(one.verdict == "better" and one.effect and one.effect.metric in GAINS for one in case)


def _unfit(system: System, arm: str, gained: Sequence[Sequence[Finding]], world: Collection[str]) -> str:
    """Return why a confirmed setting cannot stand among the others; empty where it can."""
    name, _, value = arm.partition("=")
    flag = next((flag for flag in system.flag if flag.name == name), None)
    if "+" in arm:
        return "several flags at once; what each of them does has an arm of its own"
    if flag is None or value not in flag.names:
        return f"{system.name} has no such setting"
    if name in world or name not in FLAGS:
        return ABSENT.get(name, "this load has no work for it")
    if flag.value_of(value).equivalence == "loss":
        return "it is of class loss: with and without it the answers are not the same work"
    if needs := [f"{n}={v}" for n, v in needed_settings(system, name, value).items() if n not in world]:
        return f"it does nothing without {', '.join(needs)}: no arm of its own here"
    if not any(_compared(case) for case in gained):
        return "where it gained, no answers were compared"
    return ""


def _compared(case: Sequence[Finding]) -> bool:
    checks = (check for one in case for check in one.trust if check.name == EQUAL_ANSWERS)
    return any(check.passed and not check.observed.startswith("not compared") for check in checks)


def _setting(arm: str, cases: Sequence[Sequence[Finding]], gained: Sequence[Sequence[Finding]]) -> Setting:
    """Return the setting with the experiments in which it gained, those in which it only lost, and its price."""
    lost = [case for case in cases if case not in gained and any(one.verdict == "worse" for one in _deciding(case))]
    seen = "; ".join([*map(_title, gained), *(f"not under: {_title(case)}" for case in lost)])
    dearer = [f"{_change(one)} ({_title(case)})" for case in gained for one in _deciding(case)
              if one.verdict == "worse"]  # fmt: skip
    return Setting(arm, gained[0][0].strategy, "; ".join(dearer), seen)


def _deciding(case: Sequence[Finding]) -> list[Finding]:
    return [one for one in case if not one.details.get("means")]


def _title(case: Sequence[Finding]) -> str:
    return str(case[0].details.get("title", "")) or case[0].condition


def _change(one: Finding) -> str:
    assert one.effect is not None
    effect = one.effect
    by = f"{signed_percent(effect.value)} %" if effect.unit == "ratio" else f"{effect.value:+.3g} {effect.unit}"
    return f"{effect.metric} {by}"


def _place(system: System, arm: str) -> tuple[bool, int]:
    name, _, value = arm.partition("=")
    flag = next(flag for flag in system.flag if flag.name == name)
    return value != flag.optimised, flag.names.index(value)
