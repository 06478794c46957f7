"""Failed calls are tried again after a random wait."""

from __future__ import annotations

from typing import Any

import stamina
from stamina.instrumentation import set_on_retry_hooks

from perflab.gateway.calls.call import CodeCall, Count, Generate, uncounted
from perflab.gateway.flags.http_client import HttpCallFailed

ATTEMPTS = 4
TIMEOUT_S = 8.0
FIRST_WAIT_S, LONGEST_WAIT_S, JITTER_S = 0.05, 1.0, 0.1


def worth_another(error: Exception) -> bool:
    """Say whether the same call may do better: 502, 503, 504, no connection, or a connection lost unanswered.

    The call is idempotent (equal prompts, equal answers), so that one that was lost may have been done: no harm. One
    that ran into its time limit has used up its caller's patience, and one that was refused is wrong: neither.
    """
    return isinstance(error, HttpCallFailed) and error.transient


class Retried:
    """Up to four attempts; before attempt n + 1 a wait of 50 ms * 2^(n - 1) plus up to 100 ms, at most 1 s.

    The jitter keeps callers that failed together from coming back together (Brooker, Exponential backoff and jitter,
    AWS 2015). Weakness: while everything fails, the other side gets four times the calls; the breaker bounds that.
    """

    def __init__(self, inner: Generate, count: Count = uncounted) -> None:
        set_on_retry_hooks([])  # stamina's own would log every attempt and count in a registry of its own
        self._inner, self._count = inner, count
        self._again = stamina.AsyncRetryingCaller(
            attempts=ATTEMPTS,
            timeout=TIMEOUT_S,
            wait_initial=FIRST_WAIT_S,
            wait_max=LONGEST_WAIT_S,
            wait_jitter=JITTER_S,
        ).on(worth_another)

    async def __call__(self, call: CodeCall) -> dict[str, Any]:
        """Return the first answer; raises the last failure."""
        return await self._again(self._attempt, call)

    async def _attempt(self, call: CodeCall) -> dict[str, Any]:
        self._count("attempt")
        return await self._inner(call)
