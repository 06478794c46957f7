"""Every frame by itself in Python, numpy and SciPy."""

from __future__ import annotations

from perflab.gateway.audio.frame_by_frame import FrameByFrame
from perflab.gateway.audio.plan import AudioPlan


def build(plan: AudioPlan) -> FrameByFrame:
    """Return the pipeline."""
    from perflab.gateway.audio.plain import PlainStages

    return FrameByFrame(plan, PlainStages)
