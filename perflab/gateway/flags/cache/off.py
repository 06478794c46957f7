"""Every read goes to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perflab.gateway.state.cached.settings import CacheSettings
    from perflab.gateway.state.layer import Kept


def build(below: Kept, settings: CacheSettings) -> Kept:
    """Return the state itself."""
    return below
