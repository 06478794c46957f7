"""JSON by orjson, straight from the records: no walk over the fields in Python."""

from __future__ import annotations

from typing import Any

import orjson

from perflab.gateway.flags.serialiser import JSON


class OrjsonSerialiser:
    """Takes records as they are."""

    varies = False

    def body(self, value: Any, accept: str) -> tuple[bytes, str]:
        """Return JSON, whatever is accepted, as the baseline does."""
        return orjson.dumps(value), JSON


def build() -> OrjsonSerialiser:
    """Return the serialiser."""
    return OrjsonSerialiser()
