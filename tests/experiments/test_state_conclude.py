"""Observations on state rest on the check of the pages: where that fails, none of them is reported."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.experiments.education.fan_out import Delivered, Missed
from perflab.experiments.education.locks import Paused
from perflab.experiments.state_database import conclude as closing
from perflab.experiments.state_database.commits import Lost
from perflab.experiments.state_database.laboratory import Held
from perflab.experiments.state_database.plans import IndexGain
from perflab.experiments.state_database.pools import PoolSeen
from perflab.experiments.state_database.replicas import Lag
from perflab.experiments.state_database.staleness import Stale
from perflab.findings.finding import TrustCheck
from perflab.report.run_page import tables_of
from perflab.stats.interval import Interval
from perflab.system.load_file import load_system

NOTEBOOK = "24_state_database"
PLANS = {"plain": "SCAN turns", "indexed": "SEARCH turns USING INDEX by_session"}


def measured(passed: bool) -> closing.Seen:
    ms, whole = np.linspace(1, 2, 200), Interval(4.0, 3.0, 5.0, 0.95, 40, "order statistics")
    return closing.Seen(
        checks=[TrustCheck(name="pages equal", passed=passed, observed="23 of 24", limit="all")],
        gains=(IndexGain("SQLite", PLANS, {"plain": 4.0, "indexed": 1.0}, whole),), held=Held((), (), ()),
        pools=tuple(PoolSeen(size, 4.0, whole, 9.0) for size in (0, 1, 2)),
        stale=(Stale("no cache", ms, 10, 10), Stale("cache", ms, 10, 5)), crashed=(Lost("on", 90, 0, 0.0),),
        lagging=(Lag("at rest", ms, 0),), paused=(Paused("lock", "taken", "new", 150.0, 150.0),),
        delivered=(Delivered(1, ms),), missed=(Missed("pub/sub", 30, 20),), on_gateway=(),
    )  # fmt: skip


@pytest.mark.parametrize(("passed", "verdict"), [(True, "reported"), (False, "untrusted")])
def test_wrong_pages_leave_no_observation_reported(study: Any, passed: bool, verdict: str) -> None:
    figures: Any = dict.fromkeys(("pools", "ways", "settings"))
    found = closing.conclude(study, SimpleNamespace(rows=4000), measured(passed), figures)  # type: ignore[arg-type]
    assert len(found) == 8 and {f.verdict for f in found} == {verdict}
    (plans,) = [rows for name, rows in tables_of(found[0]) if name == "plans"]
    assert "index" in found[0].question and [row["plan"] for row in plans] == list(PLANS.values())


def test_what_no_finding_is_about_is_named_as_open(study: Any, root: Path) -> None:
    figures: Any = dict.fromkeys(("pools", "ways", "settings"))
    found = closing.conclude(study, SimpleNamespace(rows=4000), measured(True), figures)  # type: ignore[arg-type]
    here: Any = SimpleNamespace(system=load_system(root / "data/systems/voice_gateway.toml"), notebook=NOTEBOOK)
    told = closing.still_open(here, found)
    assert "ST-CACHE-04 Database buffer sizing" in told and "ST-STATE-05 Sharding" in told
    assert "ST-STATE-01" not in told and "ST-STATE-04" not in told  # an observation each
    more = [found[0].model_copy(update={"strategy": "ST-CACHE-04"})]
    assert "ST-CACHE-04" not in closing.still_open(here, more) and "ST-STATE-01" in closing.still_open(here, more)
