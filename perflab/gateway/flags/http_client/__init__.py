"""Flag `http_client`: the client of the code generator. A value offers `build(timeout_s, connections) -> HttpClient`.

`connections` is the size of its pool, where it has one; a call waits POOL_WAIT_S at most for one of them.
"""

from __future__ import annotations

from typing import Any, Protocol

BASELINE = "per_call"
POOL_WAIT_S = 5.0
TRANSIENT = (502, 503, 504)


class HttpCallFailed(Exception):
    """The other side could not be reached, was too slow, or did not answer with a JSON object.

    `status`: what it answered with, 0 for no answer; `transient`: the same call may do better soon; `answer`: the
    status by which the gateway's own client is told.
    """

    def __init__(self, text: str, *, status: int = 0, transient: bool = False, answer: int = 502) -> None:
        super().__init__(text)
        self.status, self.transient, self.answer = status, transient, answer
        self._first: HttpCallFailed | None = None  # whose copy it is
        self._counted = False

    @classmethod
    def by_status(cls, status: int, text: str) -> HttpCallFailed:
        """Return the failure that a status means."""
        return cls(text, status=status, transient=status in TRANSIENT)

    @property
    def fault_of_service(self) -> bool:
        """Whether it tells of the other side's health: 4xx tells of the request, a refusal of our own of neither."""
        return self.answer == 502 and not 400 <= self.status < 500

    def again(self) -> HttpCallFailed:
        """Return a failure like this for another waiter: each raises an object of its own, with its own traceback."""
        copy = HttpCallFailed(str(self), status=self.status, transient=self.transient, answer=self.answer)
        copy._first = self._first or self
        return copy

    def first_count(self) -> bool:
        """Say whether it has yet to be counted, and that it now is: all copies of a failure count once."""
        first = self._first or self
        counted, first._counted = first._counted, True
        return not counted


def pool_exhausted(connections: int) -> HttpCallFailed:
    """Return the failure of a call that got no connection in time."""
    return HttpCallFailed(
        f"all {connections} connections to the code generator stayed in use for {POOL_WAIT_S:g} s: "
        "raise --codegen-pool or send fewer at a time", answer=503,
    )  # fmt: skip


class HttpClient(Protocol):
    """Posts JSON and returns JSON."""

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST; raises HttpCallFailed."""

    async def close(self) -> None:
        """Close what is kept open."""
