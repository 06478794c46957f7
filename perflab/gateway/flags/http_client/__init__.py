"""Flag `http_client`: the client of the code generator. A value offers `build(timeout_s) -> HttpClient`."""

from __future__ import annotations

from typing import Any, Protocol

BASELINE = "per_call"


class HttpCallFailed(Exception):
    """The other side could not be reached, was too slow, or did not answer with a JSON object."""


class HttpClient(Protocol):
    """Posts JSON and returns JSON."""

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST; raises HttpCallFailed."""

    async def close(self) -> None:
        """Close what is kept open."""
