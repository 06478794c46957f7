"""Error-budget arithmetic: how fast a budget burns, which windows see it, and when a rule could never fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perflab.errors import UsageError

Severity = Literal["page", "ticket", "warning"]
PERIOD_S = 30 * 86400


@dataclass(frozen=True)
class BurnWindow:
    """One row of the table of multi-window alerts: fires when both windows burn at `factor` times the rate allowed."""

    factor: float
    long: str
    short: str
    severity: Severity
    budget_spent: float  # share of a 30 day budget that is gone when the long window fires

    @property
    def is_slow(self) -> bool:
        """Whether it needs a day or more: then it is evaluated every ten minutes."""
        return self.long.endswith("h") and int(self.long[:-1]) >= 24


# Google, The Site Reliability Workbook, chapter 5, table 5-8 (30 days).
BURN_WINDOWS = (
    BurnWindow(14.4, "1h", "5m", "page", 0.02),
    BurnWindow(6.0, "6h", "30m", "page", 0.05),
    BurnWindow(3.0, "24h", "2h", "ticket", 0.10),
    BurnWindow(1.0, "72h", "6h", "ticket", 0.10),
)


def threshold(window: BurnWindow, budget: float) -> float:
    """Return the share of bad events above which the window fires; raises UsageError when it never could.

    A share cannot exceed 1: with factor 14.4 every objective below 93.1 % would give a rule that is always quiet.
    """
    if not 0.0 < budget < 1.0:
        raise UsageError(f"An error budget of {budget:g} is none", "it must lie between 0 and 1")
    share = window.factor * budget
    if share >= 1.0:
        raise UsageError(
            f"Burning a budget of {budget:.3g} at {window.factor:g} times its rate means {share:.3g} bad of each event",
            "which is impossible, so the alert could never fire", "Choose a slower window or a stricter objective",
        )  # fmt: skip
    return share


def is_possible(window: BurnWindow, budget: float) -> bool:
    """Whether the window can fire at all for that budget."""
    return window.factor * budget < 1.0


def detection_s(window: BurnWindow, budget: float, bad_share: float) -> float | None:
    """Return how long a total of `bad_share` bad events takes until the long window fires; None = never.

    From a clean start: 10 % bad against a budget of 0.05 % fills 14.4 / 200 of an hour, 4.3 minutes.
    """
    limit = threshold(window, budget)
    return None if bad_share <= limit else limit / bad_share * int(window.long[:-1]) * 3600


def budget_minutes(objective: float) -> float:
    """Return the minutes of total outage that 30 days allow: 43.2 for 99.9 %, 21.6 for 99.95 %."""
    return (1.0 - objective) * PERIOD_S / 60
