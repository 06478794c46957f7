"""Values as bytes in the shared level: MessagePack with the types checked, for others may write there too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from perflab.gateway.state.cached.entries import Key
from perflab.gateway.state.records import Artefact, HistoryRow, SessionRow


class Unfit(ValueError):
    """Bytes that are no value of the key they were found under."""


_encode = msgspec.msgpack.Encoder().encode
_decoders: dict[str, Any] = {
    "session": msgspec.msgpack.Decoder(tuple[float, SessionRow]),
    "artefact": msgspec.msgpack.Decoder(tuple[float, Artefact]),
    "history": msgspec.msgpack.Decoder(tuple[float, list[HistoryRow]]),
    "artefacts": msgspec.msgpack.Decoder(tuple[float, list[Artefact]]),
}


def pack(began: float, value: Any) -> bytes:
    """Return when the load began (Unix seconds) and the value as bytes."""
    return _encode((began, value))


def unpack(key: Key, data: bytes) -> tuple[float, Any]:
    """Return when the load began and the value; raises Unfit for bytes that are cut short or of another type or owner.

    No pickle: what stands in a shared server must not become code.
    """
    try:
        began, value = _decoders[key.kind].decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise Unfit(f"{key.text}: {error}"[:200]) from None
    if any(_owner(key, row) != key.owner for row in (value if isinstance(value, Sequence) else (value,))):
        raise Unfit(f"{key.text}: a value of another owner")
    return began, value


def _owner(key: Key, row: Any) -> int:
    return int(row.id if key.kind in ("session", "artefact") else row.session)
