"""Everybody comes in and waits with all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.gateway.flags.admission import Admission

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Open:
    """Refuses nobody."""

    def watch(self) -> None:
        """Nothing is looked at."""

    def refuses(self) -> bool:
        """Say no."""
        return False


def build(registry: CollectorRegistry) -> Admission:
    """Return it."""
    return Open()
