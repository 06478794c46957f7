"""What changed is not said where the null arm failed."""

from dataclasses import replace
from types import SimpleNamespace

from perflab.experiments.conclude.why import conclude_why
from perflab.findings.finding import Evidence
from perflab.stats.interval import Interval
from tests.experiments.planted import case

PAGE = Evidence(kind="profile", path="profiles/why.html", title="baseline against optimised")


def explained() -> SimpleNamespace:
    own = SimpleNamespace(total=Interval(-5, -6, -4, 0.95, 6, "x"), caveats=(), records=list)
    return SimpleNamespace(
        trials=(), unit="turn", baseline="baseline", candidate="optimised", own=own, leaf=own, pictures=(PAGE,),
        problems=(), sentence=lambda: "f changed",
    )  # fmt: skip


def test_processes_that_nobody_profiled_are_named(study):
    [first, *_] = study.system.system_processes
    assert not any("not looked at" in caveat for caveat in conclude_why(study, explained()).caveats)
    worker = first.model_copy(update={"name": "worker"})
    system = study.system.model_copy(update={"process": (*study.system.process, worker)})
    caveats = conclude_why(replace(study, system=system), explained()).caveats
    assert f"of the process {first.name} alone; not looked at: worker" in caveats


def test_a_failed_null_arm_withholds_the_claim(study):
    why = explained()
    shown = conclude_why(study, why)
    assert shown.claim == "f changed" and shown.evidence == (PAGE,) and shown.details
    found = conclude_why(study, why, None, case(study, "blocks").blocks.null_checks)
    assert found.verdict == "untrusted" and found.effect is None and "f changed" not in found.claim
    assert found.evidence == () and not found.details
