"""Flag `events`: how a text client learns of a session's finished turns and new artefacts.

A value offers `build() -> News | None`. None: clients poll the history and the artefacts. The others add one endpoint,
`/api/sessions/{session}/events`, and answer as soon as something is stored. Each event has a cursor (`_cursor`); who
comes back with the last one that it saw misses nothing and gets nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fastapi import FastAPI

    from perflab.gateway.gateway import Gateway

BASELINE = "poll"
PATH = "/api/sessions/{session}/events"


class News(Protocol):
    """Wakes whoever waits for news of a session."""

    def announce(self, session: int) -> None:
        """Something of the session has been stored."""

    def close(self) -> None:
        """The gateway stops: nobody needs to wait any longer."""

    def install(self, application: FastAPI, gateway: Gateway) -> None:
        """Add the endpoint."""
