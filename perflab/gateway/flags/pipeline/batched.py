"""All sessions at once through compiled kernels, tick by tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.gateway.audio.plan import AudioPlan

if TYPE_CHECKING:
    from perflab.gateway.audio.batched import Batch


def build(plan: AudioPlan) -> Batch:
    """Return the pipeline."""
    from perflab.gateway.audio.batched import Batch

    return Batch(plan)
