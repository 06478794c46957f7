"""Every frame by itself, through compiled kernels."""

from __future__ import annotations

from perflab.gateway.audio.frame_by_frame import FrameByFrame
from perflab.gateway.audio.plan import AudioPlan


def build(plan: AudioPlan) -> FrameByFrame:
    """Return the pipeline."""
    from perflab.gateway.audio.compiled import CompiledStages

    return FrameByFrame(plan, CompiledStages)
