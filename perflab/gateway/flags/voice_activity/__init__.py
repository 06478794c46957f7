"""Flag `voice_activity`: how speech is found in a client's audio. A value offers `build() -> name`, empty for none."""

from __future__ import annotations

BASELINE = "off"
