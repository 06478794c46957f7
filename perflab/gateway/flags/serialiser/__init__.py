"""Flag `serialiser`: how an answer becomes bytes. A value offers `build() -> Serialiser | None`.

None: FastAPI's own way, its encoder over every field and then the standard library's json. All values say the same.
"""

from __future__ import annotations

from typing import Any, Protocol

BASELINE = "json"
JSON = "application/json"


class Serialiser(Protocol):
    """Turns what a handler returns into a body; `varies`: the form depends on the request's Accept."""

    varies: bool

    def body(self, value: Any, accept: str) -> tuple[bytes, str] | None:
        """Return the body and its media type for a client that accepts this; None: leave it to FastAPI."""
