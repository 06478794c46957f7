"""One call to the code generator, what answers it, and what may be set about calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from perflab.errors import UsageError
from perflab.gateway.flags.http_client import HttpCallFailed, HttpClient


@dataclass(frozen=True, slots=True)
class CodeCall:
    """A prompt in a language; `caller` (session, turn) is told to the other side, `tenant` is whose share it takes."""

    prompt: str
    language: str
    caller: tuple[int, int] | None = None
    tenant: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """Name the turn, so that the other side's log can be laid beside it."""
        return {"X-Session-Id": str(self.caller[0]), "X-Turn-Id": str(self.caller[1])} if self.caller else {}


Generate = Callable[[CodeCall], Awaitable[dict[str, Any]]]
Count = Callable[[str], None]


def uncounted(_: str) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Bounds of calls: connections of the pool, calls/s of one tenant, and calls of one tenant at a time."""

    connections: int = 100
    per_s: float = 20.0
    share: int = 8

    def __post_init__(self) -> None:
        if self.connections < 1 or self.share < 1 or not 1 <= self.per_s < float("inf"):
            raise UsageError(
                f"--codegen-pool {self.connections}, --codegen-rate {self.per_s:g}, --codegen-share {self.share}",
                "each must be at least 1",
            )


@dataclass(frozen=True, slots=True)
class CallWorld:
    """What a part of the chain may need beside the call that it goes around."""

    client: HttpClient
    url: str
    settings: CallSettings = field(default_factory=CallSettings)
    count: Count = uncounted


class CallRefused(HttpCallFailed):
    """The gateway did not send the call: a limit of its own was met. Never tried again by itself."""
