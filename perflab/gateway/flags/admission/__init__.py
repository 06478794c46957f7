"""Flag `admission`: a new voice session is taken whatever the load is, or refused while the gateway is overloaded.

A value offers `build(registry) -> Admission`. It is asked at the door, before anything is done for a session, and
never of a session that is in. The limit of sessions in all (`--max-sessions`) holds with every value.
"""

from __future__ import annotations

from typing import Protocol

BASELINE = "off"
RETRY_AFTER_S = 1
REFUSED = "the gateway is overloaded: try again later"


class Admission(Protocol):
    """Who decides whether a new session comes in."""

    def watch(self) -> None:
        """Begin to look at the load; runs inside the event loop."""

    def refuses(self) -> bool:
        """Say whether a session that would begin now is refused."""
