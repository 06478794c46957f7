"""Flag `denoise`: whether steady noise is taken out of what clients send. A value offers `build() -> bool`."""

from __future__ import annotations

BASELINE = "off"
