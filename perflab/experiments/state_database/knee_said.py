"""What a climb of the stores says: the knee of each, and what bounds it."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.experiments.conclude.parts import observation
from perflab.experiments.state_database.knee import JUDGED_PER_MIN, READ_MS, STORES, WRITE_MS, Climb, Rung
from perflab.experiments.study import Study
from perflab.findings.finding import Effect, Finding, TrustCheck
from perflab.findings.trust import vetoes

FULL_CORE = 85.0  # percent; from here on waiting for the core explains a tail
STORE_ITSELF = (
    "the gateway's own store in a client's process, without gateway and HTTP; client, store and its server share one "
    "core, so that a store with a core of its own takes more"
)
NO_TARGET = (
    f"the bar of {JUDGED_PER_MIN:,}/min is this study's own and no target of the catalogue: it is reported, not judged"
)


def knee_sentence(climbs: Sequence[Climb]) -> str:
    """Say of each store what the highest rate is that it holds, what bounds it, and when its writes are safe."""
    if not climbs:
        return "The system's file offers none of the stores that are asked here."
    told = "\n".join(f"- {_told(one)}" for one in climbs)
    return f"Read p99 under {READ_MS:g} ms and write p99 under {WRITE_MS:g} ms, four reads to a write:\n\n{told}"


def _told(one: Climb) -> str:
    held, missed = one.knee
    if held:
        seen = f"{_tails(held)}, n = {held.seen.asked:,}"
        second = ", asked a second time" * (held is not one.first_at(held.per_min))
        top = f"holds {held.per_min:,} accesses/min on {one.rows:,} rows ({seen}{second})"
    else:
        top = f"holds no rate that was asked, on {one.rows:,} rows"
    if missed is None:
        end = "the highest rate asked"
    elif missed.of_client:
        end = f"at {missed.per_min:,}/min it is {bound_of(one)}"
    else:
        surely = "not surely" if missed.unsure else "not"
        end = f"{surely} {missed.per_min:,}/min ({_tails(missed)}): {bound_of(one)}"
    bar = f"The bar of {JUDGED_PER_MIN:,}/min {_bar(one)}"
    return f"{STORES[one.store]} {top}, {end}. {bar}. Durability: {one.rungs[0].seen.durability}."


def _bar(one: Climb) -> str:
    held, missed = one.knee
    if held and held.per_min >= JUDGED_PER_MIN:
        return "holds"
    return "is missed" if missed and not (missed.of_client or missed.unsure) else "is not decided"


def _tails(rung: Rung) -> str:
    return f"read p99 {rung.seen.read_p99.value:,.1f} ms, write p99 {rung.seen.write_p99.value:,.1f} ms"


def bound_of(one: Climb) -> str:
    """Say what bounds a knee: the client, accesses that failed, the core, or waiting for something else.

    By what the first rung that does not hold used of the core. Weakness: waiting is what is left over, so that the
    disk's sync, connections held over it and stalls of the machine are not told apart; the sync alone stands beside it.
    """
    _, missed = one.knee
    if missed is None:
        return "nothing that was reached"
    if missed.of_client:
        told = ", ".join(check.observed for check in vetoes(missed.checks))
        return f"the client's limit ({told}, without a store), which says nothing of the store"
    core = f"{missed.core_percent:.0f} % used, {missed.alone.cpu_percent:.0f} % by a client without a store"
    if missed.seen.failed:
        return f"{missed.seen.failed:,} accesses failed ({core})"
    if missed.core_percent >= FULL_CORE:
        return f"bounded by the core that client and store share ({core})"
    who = " and ".join(f"{what}s" for what in missed.late)
    return f"{who} wait, and not for the core ({core}; a sync of the disk alone takes p99 {one.sync_p99_ms:.1f} ms)"


def knee_findings(study: Study, climbs: Sequence[Climb]) -> list[Finding]:
    """Return an observation for each store: its knee in accesses a minute, and what bounds it."""
    return [_finding(study, number, one) for number, one in enumerate(climbs, 1)]


def _finding(study: Study, number: int, one: Climb) -> Finding:
    own = study.variant(study.system.judge).flags.get("store") == one.store
    short = ("quick effort: two short rungs on fewer rows, SQLite alone",) if study.quick else ()
    return observation(
        study, f"knee.{number}", _checks(one),
        question=f"How many accesses a minute does {STORES[one.store]} take?",
        variant=study.system.judge if own else f"{study.system.judge}+store={one.store}",
        condition="open arrivals at rising rates, four reads to a write", claim=_told(one), effect=_effect(one),
        caveats=(STORE_ITSELF, NO_TARGET, *short),
        details={"rungs": [rung.row() for rung in one.rungs], "rows": one.rows, "bounded by": bound_of(one),
                 "durability": one.rungs[0].seen.durability, "sync p99 (ms)": round(one.sync_p99_ms, 2)},
    )  # fmt: skip


def _effect(one: Climb) -> Effect | None:
    """Return the knee, between the rung that held and the one that did not; unbounded above where none surely broke."""
    held, missed = one.knee
    if held is None:
        return None
    above = None if missed is None or missed.of_client or missed.unsure else float(missed.per_min)
    return Effect(
        metric=f"knee of {STORES[one.store]}", value=float(held.per_min), low=float(held.per_min), high=above,
        unit="accesses/min", n=held.seen.asked, n_unit="accesses", method="steps of the ladder",
    )  # fmt: skip


def _checks(one: Climb) -> tuple[TrustCheck, ...]:
    """Return the client's checks at the knee; those of the rung above it are a warning, unless nothing was held."""
    held, missed = one.knee
    if held is None:
        return missed.checks if missed else ()
    above = missed.checks if missed else ()
    noted = [check.model_copy(update={"veto": False}) for check in above if not check.passed]
    return (*held.checks, *noted)
