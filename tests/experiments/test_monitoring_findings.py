"""What 41_monitoring says of its rules: only what promtool tested is reported as tested."""

from __future__ import annotations

import pytest

from perflab.experiments import watch
from perflab.experiments.conclude.monitoring import conclude
from perflab.monitor.promtool import Outcome


def checked(syntax: str, tests: str, words: str = "") -> watch.Checked:
    return watch.Checked(Outcome(syntax, words), Outcome(tests, words), (), 3)


def test_rules_that_passed_are_reported_with_what_was_not_tested(study):
    rules = watch.rules(study)
    (found,) = conclude(study, rules, checked("passed", "passed"))
    slow = sum(alert.slow for alert in rules.alerts)
    assert found.verdict == "reported" and not found.next_step and slow
    assert f"{slow} alerts that look back a day or more were not unit-tested in this run" in found.caveats


@pytest.mark.parametrize(
    ("syntax", "tests", "step"),
    [("passed", "failed", "Mend the rule"), ("failed", "passed", "Mend the rule"), ("skipped", "skipped", "Install")],
)
def test_rules_that_did_not_pass_are_no_tested_rules(study, syntax, tests, step):
    (found,) = conclude(study, watch.rules(study), checked(syntax, tests, "exp: 1\n  got: 0"))
    assert found.verdict == "inconclusive" and found.next_step.startswith(step)
    assert ("promtool said: exp: 1 got: 0" in found.caveats) == ("failed" in (syntax, tests))
