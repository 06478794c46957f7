"""Tables of settings together: the order of adoption step by step, and joint effects against products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.experiments.conclude.parts import percent_change
from perflab.experiments.joint import PAYS, WORDS, JointFigure, Setting
from perflab.stats.compare import Comparison

OF_RATIOS = (
    "interactions are those of ratios: flags that save separate work add up in milliseconds, and so do more together "
    "than the product of their ratios"
)
NO_GAIN = ("no longer pays", "costs")


def order_rows(settings: Sequence[Setting], figure: JointFigure, *, silent: bool = False) -> list[dict[str, Any]]:
    """Return one row for each step: the setting, what it adds there, the sum so far, and what is left of it at the end.

    What its own confirmation showed to be dearer stands in its row: the order is of one figure, the price is not.
    """
    priced, told = (any(getattr(one, name) for one in settings) for name in ("price", "seen_in"))
    return [
        {
            "step": i + 1,
            "flag": one.arm,
            "strategy": one.strategy,
            **({"confirmed under": one.seen_in} if told else {}),
            "this step": percent_change(figure.steps[i]),
            "so far": percent_change(figure.growing[i]),
            "on top of all others": percent_change(figure.last[i]),
            "once all are in": PAYS["untrusted" if silent else figure.last[i].verdict],
            **({"at the price of": one.price or "nothing that was seen"} if priced else {}),
        }
        for i, one in enumerate(settings)
    ]


def interaction_rows(arms: Sequence[str], figure: JointFigure, *, silent: bool = False) -> list[dict[str, Any]]:
    """Return one row for each setting and one for all of them: the joint effect against the product of single ones."""

    def row(what: str, product: str, measured: Comparison, said: Comparison) -> dict[str, Any]:
        return {
            "what": what,
            "alone": product,
            "with the others": percent_change(measured),
            "joint / product": ratio_text(said),
            "they": WORDS["untrusted" if silent else said.verdict],
        }

    rows = [
        row(arm, percent_change(figure.alone[i]), figure.last[i], figure.with_the_rest[i]) for i, arm in enumerate(arms)
    ]
    expected = figure.together.effect / figure.whole.effect
    return [*rows, row("all of them", f"{100 * (expected - 1):+.0f} % (product)", figure.together, figure.whole)]


def no_longer_paying(settings: Sequence[Setting], figure: JointFigure) -> str:
    """Return the end of a claim that names the settings that gain nothing once the others are in; empty for none."""
    gone = [one.arm for one, said in zip(settings, figure.last, strict=True) if PAYS[said.verdict] in NO_GAIN]
    if not gone:
        return ""
    named = ", ".join(gone) if len(gone) > 2 else " and ".join(gone)
    return f" Once the others are in, {named} no longer {'pays' if len(gone) == 1 else 'pay'}."


def ratio_text(comparison: Comparison) -> str:
    """Return a ratio with its interval, such as ``1.405 [1.350, 1.460]``."""
    return f"{comparison.effect:.3f} [{comparison.low:.3f}, {comparison.high:.3f}]"
