"""Flag `payload`: how much of a record is sent. A value offers `build() -> Payload | None`; None: all of it.

What a client does not ask for stays as it is, so that the flag changes no answer by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

BASELINE = "full"


class Payload(Protocol):
    """Cuts an answer down to what the query asks for."""

    def cut(self, value: Any, query: Mapping[str, str]) -> Any:
        """Return what is left of a handler's value; raises ValueError with what is wrong with the query."""
