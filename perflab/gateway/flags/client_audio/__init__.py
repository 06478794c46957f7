"""Flag `client_audio`: in which form a client's audio may travel besides the first. A value offers `build() -> forms`.

The client asks for one in its start message; one that asks for none speaks PCM at 16 kHz up, 24 kHz down.
"""

from __future__ import annotations

from perflab.wire.audio_format import DEFAULT, FORMATS, AudioFormat

BASELINE = "pcm16k"


def offer(name: str) -> tuple[AudioFormat, ...]:
    """Return the forms that a gateway with this value takes."""
    return tuple(dict.fromkeys((DEFAULT, FORMATS[name])))
