"""Gathering of frames up to a length, without making a turn wait.

A message costs about the same whether it carries 20 ms or 100 ms: one pass through the client library, one TLS record,
one system call. What decides a turn is never held: the frame that the client marks as the last voiced one, what
follows it until Live's detector has ended the turn, and the onset of sound after silence, from which it knows a turn or
a barge-in. Weakness: behind a microphone that hisses (no digital silence) a barge-in, and the end of a turn whose
client does not mark it, are heard later by up to the length gathered less one frame.
"""

from __future__ import annotations

from perflab.gateway.flags.upstream import SILENCE_MS

BYTES_PER_MS = 32  # 16 kHz, int16
SILENCE = bytes(20 * BYTES_PER_MS)
DECIDING_BYTES = (SILENCE_MS + 100) * BYTES_PER_MS  # after the last voiced frame: Live's silence, with a margin
ONSET_BYTES = 100 * BYTES_PER_MS  # of sound after silence: detectors want 60 ms, so that a click is no turn


class Gather:
    """Gathers `length_ms` of one session's audio for each message."""

    def __init__(self, length_ms: int) -> None:
        self._full = length_ms * BYTES_PER_MS
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._silent = True
        self._urgent_bytes = 0  # still to come, which may begin or end a turn

    def push(self, pcm: bytes, last: bool) -> bytes | None:
        """Return all that is held with this frame at its end, or None while there is room and time for more."""
        silent = pcm == SILENCE or not pcm.strip(b"\0")
        if last or (silent and not self._silent):
            self.decide()
        elif self._silent and not silent:
            self._urgent_bytes = max(self._urgent_bytes, ONSET_BYTES)
        self._silent = silent
        urgent, self._urgent_bytes = self._urgent_bytes > 0, max(0, self._urgent_bytes - len(pcm))
        size = self._held_bytes + len(pcm)
        if not urgent and size < self._full:
            self._held.append(pcm)
            self._held_bytes = size
            return None
        return self.drain() + pcm if self._held else pcm

    def decide(self) -> None:
        """Hold nothing until Live has had the time to end a turn."""
        self._urgent_bytes = DECIDING_BYTES

    def drain(self) -> bytes:
        """Return what has not gone up, and forget it."""
        held, self._held, self._held_bytes = b"".join(self._held), [], 0
        return held
