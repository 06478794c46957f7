"""Which stages a gateway's audio passes, read from its flags; without any of them audio passes untouched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perflab.gateway.flags import implementation
from perflab.wire.audio_format import DEFAULT, LIVE_DOWN_HZ, AudioFormat
from perflab.wire.frame import FrameError


@dataclass(frozen=True)
class AudioPlan:
    """The stages: `activity` names how speech is found (energy, noise_floor, silero; empty = it is not looked for)."""

    activity: str = ""
    suppress: bool = False  # silence after a turn does not go up
    denoise: bool = False
    tick_s: float = 0.02
    offered: tuple[AudioFormat, ...] = (DEFAULT,)

    @property
    def listens(self) -> bool:
        """Whether level, speech and end of turn are looked for."""
        return bool(self.activity)

    @property
    def works(self) -> bool:
        """Whether any session can have something to do here."""
        return self.listens or self.denoise or self.offered != (DEFAULT,)

    def concerns(self, form: AudioFormat) -> bool:
        """Say whether a session of this form has any stage to pass."""
        return self.listens or self.denoise or form != DEFAULT

    def agreed(self, asked: Any) -> AudioFormat:
        """Return the form that a client's start message asks for; raises FrameError for one that is not offered."""
        if asked is None:
            return DEFAULT
        for form in self.offered:
            if asked == form.asked():
                return form
        takes = " or ".join(f"{form.codec} at {form.rate_up} Hz" for form in self.offered)
        raise FrameError(f"start: audio {str(asked)[:80]}; this gateway takes {takes}")


def converts_down(form: AudioFormat) -> bool:
    """Say whether Live's audio changes on its way to such a client."""
    return form.codec != "pcm" or form.rate_down != LIVE_DOWN_HZ


def plan_of(flags: Mapping[str, str]) -> AudioPlan:
    """Return the plan that a gateway's flags describe; whoever suppresses silence needs to judge it."""
    suppress = implementation("silence", flags["silence"]).build()
    activity = implementation("voice_activity", flags["voice_activity"]).build()
    return AudioPlan(
        activity=activity or ("energy" if suppress else ""),
        suppress=suppress,
        denoise=implementation("denoise", flags["denoise"]).build(),
        tick_s=implementation("tick", flags["tick"]).build(),
        offered=implementation("client_audio", flags["client_audio"]).build(),
    )
