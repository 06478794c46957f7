"""The voice gateway's load: people who speak, and programs that use its HTTP API."""

from __future__ import annotations

from api_user import ApiUser
from voice_user import VoiceUser

__all__ = ["ApiUser", "VoiceUser"]
