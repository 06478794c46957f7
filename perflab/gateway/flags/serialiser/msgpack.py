"""MessagePack for clients that ask for it by Accept, JSON for all others."""

from __future__ import annotations

from typing import Any

import msgspec

MSGPACK = "application/msgpack"
NAMES = (MSGPACK, "application/x-msgpack", "application/vnd.msgpack")


class MsgpackSerialiser:
    """One encoder, reused; a client that does not ask gets what the baseline gives."""

    varies = True

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode

    def body(self, value: Any, accept: str) -> tuple[bytes, str] | None:
        """Return MessagePack where Accept names it without refusing it (a weight of 0), else None."""
        for part in accept[:1000].lower().split(","):
            name, _, options = part.partition(";")
            if name.strip() in NAMES and options.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
                return self._encode(value), MSGPACK
        return None


def build() -> MsgpackSerialiser:
    """Return the serialiser."""
    return MsgpackSerialiser()
