"""How a system says that it takes no more: the words and codes by which a client tells a refusal from a fault."""

from __future__ import annotations

FULL = "sessions already"  # in what the gateway answers to who comes above its limit of sessions
BUSY = (429, 503)  # HTTP: too many requests, no room at the moment
TRY_AGAIN_LATER = 1013  # a WebSocket's close code (IANA registry)


def is_refusal(status: int = 0, close_code: int = 0, message: str = "") -> bool:
    """Say whether an HTTP status, a close code or a message means that the system takes no more; 0 and "" say nothing.

    A system that turns users away degrades as it was told to; one that breaks does not, and a table of failures must
    tell the two apart.
    """
    return status in BUSY or close_code == TRY_AGAIN_LATER or FULL in message
