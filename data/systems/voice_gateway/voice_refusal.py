"""How a voice session that does not come about counts: refused on purpose, given up, or broken."""

from __future__ import annotations

from perflab.load.websocket import HandshakeRefused
from perflab.wire.refusal import is_refusal


class SessionRefused(Exception):
    """The server answered the start message with something else than ready, or closed with this code."""

    def __init__(self, said: object, close_code: int = 0) -> None:
        super().__init__(said)
        self.close_code = close_code


def outcome_of(error: BaseException, timeouts: tuple[type[BaseException], ...] = (TimeoutError,)) -> str:
    """Return the outcome of the row: "shed" where the server says that it takes no more, "timeout" or "error" else."""
    if isinstance(error, timeouts):
        return "timeout"
    if isinstance(error, SessionRefused):
        refused = is_refusal(close_code=error.close_code, message=str(error))
    else:
        refused = isinstance(error, HandshakeRefused) and is_refusal(status=error.status)
    return "shed" if refused else "error"
