"""Twenty strategies against one baseline: screened, confirmed on fresh blocks, by the product's own functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.stats.proportion import clopper_pearson
from perflab.stats.selection import Confirmed, Screened, confirm, screen

ORDER = 80
STUDIES, STRATEGIES, SCREEN_BLOCKS, CONFIRM_BLOCKS = 500, 20, 20, 20
SPREAD, MARGIN, REAL, GAIN = 0.02, 0.02, 3, 0.95


@dataclass(frozen=True)
class Outcome:
    """One simulated study: what was screened and what was confirmed, in the order of the screening."""

    screened: tuple[Screened, ...]
    confirmed: tuple[Confirmed, ...]

    @property
    def wins(self) -> list[Confirmed]:
        """The strategies that the study would print as better."""
        return [c for c in self.confirmed if c.comparison.verdict == "better"]


def bars(say: Say) -> list[Bar]:
    """Measure false wins among twenty strategies without effect, and the bias of the winner among three real ones."""
    rng = np.random.default_rng(80)
    null = [study(rng, real=0) for _ in range(STUDIES)]
    some = [study(rng, real=REAL) for _ in range(STUDIES)]
    false = clopper_pearson(sum(bool(outcome.wins) for outcome in null), STUDIES)
    naive = sum(any(s.comparison.p_value <= 0.05 and s.comparison.effect < 1 for s in o.screened) for o in null)
    won = [outcome for outcome in some if outcome.wins]
    winner = np.array([_error(outcome.wins[0]) for outcome in won])
    beside = {
        "winners": len(won),
        "standard_error_percent": 100 * float(winner.std() / math.sqrt(winner.size)),
        "bias_of_all_confirmed_percent": 100 * float(np.mean([_error(c) for o in won for c in o.wins])),
        "bias_of_the_screening_percent": 100 * float(np.mean([_screened_error(o.screened[0]) for o in some])),
        "bias_if_ranked_again_percent": 100 * float(np.mean([min(map(_error, o.wins)) for o in won])),
        "false_wins_percent": 100 * float(np.mean([any(not _real(c.name, REAL) for c in o.wins) for o in some])),
        "real_ones_confirmed_percent": 100 * sum(_real(c.name, REAL) for o in some for c in o.wins) / (REAL * STUDIES),
    }
    return [
        Bar("many.false", f"studies of {STRATEGIES} null strategies with a false win", 100 * false.value, "<=", 7, "%",
            STUDIES, (100 * (false.low or 0.0), 100 * (false.high or 0.0)),
            {"a_win_without_correction_percent": 100 * naive / STUDIES,
             "passed_the_screening_percent": 100 * float(np.mean([any(s.chosen for s in o.screened) for o in null]))}),
        Bar("many.bias", "bias of the confirmed winner among three effects of 5 %", abs(100 * float(winner.mean())),
            "<=", 0.3, "%", winner.size, detail=beside),
    ]  # fmt: skip


def study(rng: np.random.Generator, real: int) -> Outcome:
    """Simulate one study: every strategy in the screening's blocks, the chosen ones in fresh blocks."""
    names = [str(number) for number in range(STRATEGIES)]
    first = _arms(rng, names, real, SCREEN_BLOCKS)
    screened = screen(first.pop("baseline"), first, lower_is_better=True, margin=MARGIN, null_arm=first.pop("null"))
    chosen = [s.name for s in screened if s.chosen]
    if not chosen:
        return Outcome(screened, ())
    fresh = _arms(rng, chosen, real, CONFIRM_BLOCKS)
    confirmed = confirm(fresh.pop("baseline"), fresh, lower_is_better=True, margin=MARGIN, null_arm=fresh.pop("null"))
    return Outcome(screened, confirmed)


def _arms(rng: np.random.Generator, names: list[str], real: int, blocks: int) -> dict[str, np.ndarray]:
    """Return one value per block for each arm: a block's own level, the arm's effect, heavy-tailed noise."""
    level = np.exp(rng.normal(0, 0.2, blocks))

    def arm(effect: float) -> np.ndarray:
        return np.asarray(100 * level * effect * np.exp(SPREAD / math.sqrt(2) * rng.standard_t(3, blocks)))

    arms = {name: arm(GAIN if _real(name, real) else 1.0) for name in names}
    return {"baseline": arm(1.0), "null": arm(1.0), **arms}


def _real(name: str, real: int) -> bool:
    return int(name) < real


def _error(found: Confirmed) -> float:
    """Return estimate minus truth, as a share of the baseline."""
    return found.comparison.effect - (GAIN if _real(found.name, REAL) else 1.0)


def _screened_error(found: Screened) -> float:
    return found.comparison.effect - (GAIN if _real(found.name, REAL) else 1.0)
