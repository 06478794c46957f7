"""How a voice session that does not come about counts: refused on purpose, given up, or broken."""

from __future__ import annotations

from perflab.load.websocket import HandshakeRefused

FULL = "sessions already"  # in what the gateway answers to who comes above its limit of sessions
BUSY = (429, 503)  # HTTP: too many requests, no room at the moment
TRY_AGAIN_LATER = 1013  # a WebSocket's close code


class SessionRefused(Exception):
    """The server answered the start message with something else than ready, or closed with this code."""

    def __init__(self, said: object, close_code: int = 0) -> None:
        super().__init__(said)
        self.close_code = close_code


def outcome_of(error: BaseException, timeouts: tuple[type[BaseException], ...] = (TimeoutError,)) -> str:
    """Return the outcome of the row: "shed" where the server says that it takes no more, "timeout" or "error" else.

    A system that turns users away degrades as it was told to; one that breaks does not, and a table of failures must
    tell the two apart.
    """
    if isinstance(error, timeouts):
        return "timeout"
    if isinstance(error, SessionRefused):
        return "shed" if FULL in str(error) or error.close_code == TRY_AGAIN_LATER else "error"
    return "shed" if isinstance(error, HandshakeRefused) and error.status in BUSY else "error"
