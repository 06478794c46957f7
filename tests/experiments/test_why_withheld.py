"""What changed is not said where the null arm failed."""

from types import SimpleNamespace

from perflab.experiments.conclude.why import conclude_why
from perflab.findings.finding import Evidence
from perflab.stats.interval import Interval
from tests.experiments.planted import case

PAGE = Evidence(kind="profile", path="profiles/why.html", title="baseline against optimised")


def test_a_failed_null_arm_withholds_the_claim(study):
    own = SimpleNamespace(total=Interval(-5, -6, -4, 0.95, 6, "x"), caveats=(), records=list)
    why = SimpleNamespace(
        trials=(), unit="turn", baseline="baseline", candidate="optimised", own=own, leaf=own, pictures=(PAGE,),
        problems=(), sentence=lambda: "f changed",
    )  # fmt: skip
    shown = conclude_why(study, why)
    assert shown.claim == "f changed" and shown.evidence == (PAGE,) and shown.details
    found = conclude_why(study, why, None, case(study, "blocks").blocks.null_checks)
    assert found.verdict == "untrusted" and found.effect is None and "f changed" not in found.claim
    assert found.evidence == () and not found.details
