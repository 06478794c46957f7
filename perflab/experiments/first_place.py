"""The sentence on what costs the most CPU: one place with its bound, or why the instruments cannot say."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.experiments.profiled import Profiled
from perflab.instrument.failures import CODES
from perflab.instrument.ranking import LISTED, Bottleneck, Ranking


def first_place(ranking: Ranking, profiled: Profiled, problems: Sequence[str]) -> str:
    """Say the first place, or that the instruments cannot say, or that none could look.

    Shares are percent of the profiled process's CPU, the bound is of the whole system's. Where instruments differ by
    more than their samples explain, each is told, and the bound is that of the one which gives the place most.
    `problems`: what became of instruments of CPU, a line each; told only where none of them has a vote.
    """
    if not ranking.votes:
        return _unseen(ranking, problems)
    if not ranking.rows:
        return "No place reaches 1 % of CPU in any instrument that may vote."
    first = ranking.rows[0]
    if not ranking.first:
        reasons = "; ".join(f"{flag}: {CODES[flag][0]}" for flag in ranking.flags if flag in CODES)
        between = ", ".join(ranking.candidates[:4])
        return f"Cannot say which place is first ({reasons})" + (f"; the candidates are {between}." if between else ".")
    return _first(first, profiled, ranking.kernel) + (
        " Only one instrument may vote here: provisional." if "P310" in ranking.flags else ""
    )


def named(item: Bottleneck) -> str:
    """Return a place as a page names it."""
    if item.library:
        return f"Time inside {item.function} that no own function entered"
    return f"{item.function} ({item.file}, line {item.line})"


def _first(item: Bottleneck, profiled: Profiled, kernel: float) -> str:
    whose, save, rest = "CPU", f"{100 * item.most:.0f} %" if item.disputed else "that much", ""
    if profiled.others:
        whose, save = f"the CPU of {profiled.process}", f"{100 * item.most:.0f} % of the system's CPU"
        rest = f" {profiled.caveat[:1].upper()}{profiled.caveat[1:]}."
    return (
        f"{named(item)} takes {100 * item.cpu_share:.0f} % [{100 * item.low:.0f}, {100 * item.high:.0f}] of "
        f"{whose}{_said(item)}{_spent(item)}; removing it could save at most {save}{_bounds(item, kernel)}.{rest}"
    )


def _bounds(item: Bottleneck, kernel: float) -> str:
    """Return the bound; with the kernel's calls, if they are any, as all of them could be the place's."""
    if kernel < LISTED:
        return f" (bound x {item.most_bound:.2f})"
    most = item.most + item.part * kernel
    whole = f"{1 / (1 - most):.2f}" if most < 1 else "any"
    return (
        f" (bound x {item.most_bound:.2f}) and what the kernel did for it, {100 * item.part * kernel:.0f} % for all "
        f"places together (x {whole} if all were its)"
    )


def _unseen(ranking: Ranking, problems: Sequence[str]) -> str:
    """Say why no instrument has a vote: each view's gate, or what became of the instruments."""
    gates = [f"{gate.instrument} {gate.view} ({gate.reason})" for gate in ranking.gates if gate.view != "wall"]
    if gates:
        return f"Cannot say where CPU goes, as no instrument may vote on it: {', '.join(gates)}."
    why = "; ".join(dict.fromkeys(problem.rstrip(".") for problem in problems))
    return "Cannot say where CPU goes: no instrument could look" + (f": {why}." if why else ".")


def _said(item: Bottleneck) -> str:
    """Return what each instrument says, where one number would hide that they differ."""
    if not item.disputed:
        return ""
    each = ", ".join(f"{name} {100 * share:.0f} %" for name, share in item.shares.items())
    return f" ({each}: more apart than their samples explain)"


def _spent(item: Bottleneck) -> str:
    if item.library:
        return ""
    if not item.libraries:
        return ", in its own code"
    name, share = item.libraries[0]
    return f", {100 * share:.0f} points of it inside {name}"
