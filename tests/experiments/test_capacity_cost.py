"""What a capacity takes in cores and money: by prices that somebody named, and by none that nobody did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from perflab.experiments.conclude import scale
from perflab.experiments.conclude.cost import beyond_quota, sizing
from perflab.findings.finding import TrustCheck
from perflab.model.capacity import CoreCost
from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.scalability_specification import scalability_specification
from perflab.system.tables.prices import Prices
from tests.report.test_criteria import material

from .test_capacity_findings import capacities

PRICES = Prices(source="the provider's list, 2026-11", core_hour=0.04, currency="EUR", upstream_sessions=1_000)


def priced(study: Any, prices: Prices | None) -> Any:
    return replace(study, notebook="40_scalability", system=study.system.model_copy(update={"prices": prices}))


def test_without_a_price_none_is_stated_and_it_is_said_how_to_name_one(study: Any) -> None:
    (found,) = scale.conclude(priced(study, None), capacities(), None)
    assert "cost" not in found.details
    row = {"target": "S4-THR-1", "concurrent users": 100.0, "cores, at most": 1, "holds under": "latency=aa-fast"}
    assert found.details["sizing"] == [row]
    report = {s.title: s for s in scalability_specification(material(found)).sections}
    assert report["Cost"].empty and "core_hour, currency and source in a [prices] table" in str(report["Cost"].blocks)
    assert "S4-THR-1" in str(report["Capacity: the question and the answer"].blocks)
    assert "S4-THR-1" not in str(report["Model and its limits"].blocks)
    blamed = scalability_specification(replace(material(), priced=True)).sections
    assert "A price is named, but" in str(next(s for s in blamed if s.title == "Cost").blocks)


def test_a_named_price_is_shared_out_and_its_source_shown(study: Any) -> None:
    (found,) = scale.conclude(priced(study, PRICES), capacities(), None)
    (row,) = found.details["cost"]
    assert row["a user for an hour, at most (EUR)"] == "0.0002" and row["price from"] == PRICES.source
    assert row["users per core, at least"] == "200" and "CPU alone" in row["what is in it"]
    report = {s.title: s for s in scalability_specification(material(found)).sections}
    assert not report["Cost"].empty and PRICES.source in str(report["Cost"].blocks)
    ticked = [row for block in checklist(material(found), "scalability") for row in block.rows]  # type: ignore[union-attr]
    assert {row["item"]: row["state"] for row in ticked}["The price of a user is known"].startswith("done")


def test_an_upper_bound_is_never_rounded_down(study: Any) -> None:
    assert {row["holds under"] for table in sizing(priced(study, PRICES), 132.0).values() for row in table} == {
        "latency=aa-fast"
    }
    (row,) = sizing(priced(study, PRICES), 132.0)["cost"]  # 0.04 / 132 = 0.000303030...
    assert float(row["a user for an hour, at most (EUR)"]) == pytest.approx(0.000304)


def test_above_its_quota_the_service_decides_and_not_the_cores(study: Any) -> None:
    (found,) = scale.conclude(priced(study, PRICES), capacities(), None)
    assert any("above 1,000 concurrent sessions" in text and PRICES.source in text for text in found.caveats)
    assert beyond_quota(priced(study, None)) == ()
    assert "1,000" in beyond_quota(study)[0]  # the built-in system names its service's quota, and no price
    assert study.system.prices.core_hour == 0.0


def test_nothing_is_sized_by_a_capacity_that_is_not_there_or_not_to_be_believed(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sizing(priced(study, PRICES), None) == {}
    failed = TrustCheck(name="late", passed=False, observed="9 ms", limit="5 ms")
    monkeypatch.setattr(scale, "_trust", lambda *_: (failed,))
    (found,) = scale.conclude(priced(study, PRICES), capacities(), None)
    assert found.verdict == "untrusted" and set(found.details) == {"capacity"}


def test_a_user_that_may_cost_less_than_nothing_has_no_lower_bound() -> None:
    wide = CoreCost(0.1, 0.00257, -0.000955, 0.00609)
    made = capacities()
    told = replace(made, by_variant={"optimised": replace(made.by_variant["optimised"], cost=wide)}).rows()
    assert told["optimised"]["CPU per user (% of a core)"] == "0.257 (at most 0.609)"


def test_prices_need_a_source_and_a_currency() -> None:
    with pytest.raises(ValidationError, match="source"):
        Prices(core_hour=1.0, currency="EUR")  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="Name the currency"):
        Prices(source="list", core_hour=1.0)
    with pytest.raises(ValidationError):
        Prices(source="list", core_hour=-1.0, currency="EUR")
