"""What changed is not said where the null arm failed."""

from types import SimpleNamespace

from perflab.experiments.conclude.why import conclude_why
from perflab.stats.interval import Interval
from tests.experiments.planted import case


def test_a_failed_null_arm_withholds_the_claim(study):
    own = SimpleNamespace(total=Interval(-5, -6, -4, 0.95, 6, "x"), caveats=(), records=list)
    why = SimpleNamespace(
        trials=(), unit="turn", baseline="baseline", candidate="optimised", own=own, leaf=own, pictures=(), problems=(),
        sentence=lambda: "f changed",
    )  # fmt: skip
    assert conclude_why(study, why).claim == "f changed"
    found = conclude_why(study, why, None, case(study, "blocks").blocks.null_checks)
    assert found.verdict == "untrusted" and found.effect is None and "f changed" not in found.claim
