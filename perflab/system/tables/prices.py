"""What the world around a system costs and allows."""

from __future__ import annotations

from pydantic import Field, model_validator

from perflab.system.tables.table import Table


class Prices(Table):
    """What the world around the system costs and allows: `core_hour` of one core, `upstream_sessions` at one time.

    `source`: where the figures come from, and of when; pages show it beside all that is computed from them. No price
    is ever assumed: without `core_hour` no cost is stated.
    """

    source: str = Field(min_length=1)
    core_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    currency: str = ""
    upstream_sessions: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _price_in_a_currency(self) -> Prices:
        if self.core_hour and not self.currency:
            raise ValueError("core_hour is an amount of what? Name the currency")
        return self
