"""After failures in a row the other side is left alone for a while."""

from __future__ import annotations

from typing import Any

from purgatory.domain.model import Context, OpenedState

from perflab.gateway.calls.call import CallRefused, CodeCall, Count, Generate, uncounted
from perflab.gateway.flags.http_client import HttpCallFailed

FAILURES = 5
OPEN_S = 0.5


class Broken:
    """purgatory's states, with one call at a time while half open.

    Closed: five failures in a row open it. Open: calls are refused at once for half a second. Half open: one call
    goes through and closes or opens it; the others are refused meanwhile (purgatory itself lets all of them through,
    which is the burst that a breaker is to prevent). What ends while it is open or half open and was sent before says
    nothing of the other side as it is now, and is not counted. What the other side refuses with 4xx is an answer, not
    a failure; a call that was cancelled or got no connection is neither; a lost batch is one failure, however many
    waited for it. Weakness: purgatory reads the wall clock, so that a step of it moves the end of a rest.
    """

    def __init__(self, inner: Generate, count: Count = uncounted) -> None:
        self._inner, self._count = inner, count
        self._circuit = Context("code generator", FAILURES, OPEN_S)
        self._probing = False

    @property
    def state(self) -> str:
        """``closed``, ``opened`` or ``half-opened``."""
        return str(self._circuit.state)

    async def __call__(self, call: CodeCall) -> dict[str, Any]:
        """Return the answer; raises CallRefused while open, and what the call raises."""
        self._admit()
        probe = self.state == "half-opened"
        self._probing |= probe
        try:
            answer = await self._inner(call)
        except HttpCallFailed as error:
            if not error.fault_of_service:
                if error.status:
                    self._ended(None, probe)
            elif error.first_count() or probe:
                self._ended(error, probe)
            raise
        else:
            self._ended(None, probe)
            return answer
        finally:
            if probe:
                self._probing = False

    def _admit(self) -> None:
        try:
            self._circuit.handle_new_request()
        except OpenedState:
            self._refuse()
        if self.state == "half-opened" and self._probing:
            self._refuse()

    def _refuse(self) -> None:
        self._count("refused_open")
        raise CallRefused(
            f"left alone for {OPEN_S:g} s after {FAILURES} failures in a row; try again", answer=503
        ) from None

    def _ended(self, error: HttpCallFailed | None, probe: bool) -> None:
        before = self.state
        if before != "closed" and not probe:
            return
        if error is not None:
            self._circuit.handle_exception(error)
        else:
            self._circuit.handle_end_request()
        self._circuit.messages.clear()  # events for purgatory's bus, which is not used: they would pile up
        if self.state != before:
            self._count(self.state)
