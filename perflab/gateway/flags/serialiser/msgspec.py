"""JSON by msgspec, straight from the records."""

from __future__ import annotations

from typing import Any

import msgspec

from perflab.gateway.flags.serialiser import JSON


class MsgspecSerialiser:
    """One encoder, reused."""

    varies = False

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def body(self, value: Any, accept: str) -> tuple[bytes, str]:
        """Return JSON, whatever is accepted, as the baseline does."""
        return self._encode(value), JSON


def build() -> MsgspecSerialiser:
    """Return the serialiser."""
    return MsgspecSerialiser()
