"""A profiled system that is slower than what it is asked for is at work all the same."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from perflab.experiments.profile import ProfilePass, units_seen
from perflab.experiments.trial import NS, Segment


def test_work_that_was_due_in_the_warm_up_and_ended_later_was_done(study) -> None:
    """Due in the first four seconds, answered in the next ten: nothing that was due later was reached."""
    kind = study.system.load.unit_kind
    rows = [{"kind": kind, "outcome": "ok", "warmup": True, "intended_ns": n * NS // 10, "end_ns": n * NS // 4}
            for n in range(40)]  # fmt: skip
    rows += [{"kind": kind, "outcome": "unfinished", "warmup": False, "intended_ns": 5 * NS, "end_ns": 14 * NS}] * 9
    spec = SimpleNamespace(segments=(Segment("profile", 0.0, 14.0, 20, 4.0),))
    trial = SimpleNamespace(
        units=pd.DataFrame(rows), spec=spec, facts=SimpleNamespace(go_ns=0), settle_s=lambda segment: segment.settle_s
    )
    assert units_seen(study, ProfilePass("py-spy", trial))["done"] == 24  # type: ignore[arg-type]
