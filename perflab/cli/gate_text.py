"""What `perflab gate` says: what changed, by how much, with interval, on which machine, and what to run next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.errors import EXIT_OK, EXIT_UNTRUSTED
from perflab.report.calibration import Calibration
from perflab.system.spec import System

if TYPE_CHECKING:
    from perflab.experiments.gate import GateResult


@dataclass(frozen=True)
class Said:
    """A gate's result in words: `variant` is the suspect's, `good` the name of what it was held against.

    `left`: the suspects of other variants, which this measurement does not clear.
    """

    found: GateResult
    system: System
    variant: str
    good: str
    calibration: Calibration
    left: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the gate found; 3 where it found no regression and other suspects were not measured: it clears none."""
        return EXIT_UNTRUSTED if self.left and self.found.exit_code == EXIT_OK else self.found.exit_code

    @property
    def lines(self) -> list[str]:
        """The verdict, one line for each figure, the calibration of this machine, the next command."""
        from perflab.experiments.gate import figure_line

        figures = [f"  {figure_line(figure, self.system.unit)}" for figure in self.found.figures]
        said = [self.head, *figures, *self.calibration.lines()]
        if self.found.stopped:
            said.append(f"Measuring {self.found.stopped}.")
        if self.left:
            said.append(f"Suspected and not measured: {'; '.join(self.left)}.")
        return [*said, *([f"Next: {self.next}"] if self.next else [])]

    @property
    def head(self) -> str:
        """The outcome in one sentence."""
        found, good = self.found, f"{self.good}, variant {self.variant}"
        if found.outcome == "regression":
            return f"Regression confirmed against {good}: {_confirmed(found)}."
        if found.outcome == "refused":
            return f"Refused to judge against {good}: {found.refusal}."
        if found.outcome == "undecided":
            return (
                f"Undecided against {good}: no regression is confirmed in {found.blocks} blocks, and one beyond the "
                f"margin is not excluded in {'; '.join(found.not_excluded)}."
            )
        return (
            f"No regression against {self.good} beyond the margins, in {found.blocks} blocks of variant {self.variant}."
        )

    @property
    def next(self) -> str:
        """What to run next; "" when there is nothing to do."""
        if self.found.outcome == "regression":
            return next_step(self.system, self.variant)
        if self.found.outcome == "refused":
            return "measure again on a quieter machine, or with more blocks: -- --blocks N"
        if self.found.outcome == "undecided":
            return f"the same command with -- --blocks {self.found.blocks_needed}"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {**self.found.as_dict(), "last_good": self.good, "variant": self.variant,
                "not_measured": list(self.left), "says": self.head, "next": self.next, "exit_code": self.exit_code,
                "calibration": self.calibration.as_dict()}  # fmt: skip


def _confirmed(found: GateResult) -> str:
    """Name what is confirmed with its change: CPU, latency, memory, or that more units fail."""
    kinds = {"cpu_ms_per_unit": "CPU", "memory_mb": "memory"}
    moved = [f"{kinds.get(f.column, 'latency')} ({f.name}) {f.moved}" for f in found.figures if f.confirmed]
    return "; ".join([*moved, *([found.fails_more] if found.fails_more else [])])


def next_step(system: System, variant: str) -> str:
    """Return the command that shows where the time or memory went."""
    return f"perflab profile --system {system.path} --variant {variant}"
