"""Flag `compression`: the content coding of the API's answers. A value offers `build() -> Compression | None`.

None: answers leave as they are. Otherwise an answer of at least `MIN_BYTES` is coded when its class is one of `CODED`
and the client says that it accepts the coding (RFC 9110, 12.5.3). Never coded: audio and event streams, which gain
nothing or must not wait, and records.

Caution (BREACH, Prado, Harris and Gluck 2013): where an answer holds a secret beside text that an attacker chooses, its
coded length betrays the secret through TLS. Answers of the coded classes hold no secret (no token, no cookie); keep it
so, or leave the class out. Records name a user beside text that callers choose, which is why they are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from perflab.gateway.api.operations import Content

BASELINE = "off"
MIN_BYTES = 512  # below it, headers and a packet of its own cost more than what is saved
CODED: tuple[Content, ...] = ("history", "code", "template")
Encode = Callable[[bytes, int], bytes]


@dataclass(frozen=True, slots=True)
class Coder:
    """One coding at one level: `token` is its name in Content-Encoding."""

    token: str
    level: int
    encode: Encode

    def __call__(self, body: bytes) -> bytes:
        """Return the coded body."""
        return self.encode(body, self.level)


class Compression(Protocol):
    """Chooses how an answer is coded."""

    def coder(self, content: Content, accepted: Callable[[str], float]) -> Coder | None:
        """Return the coder of a class of content; None: the answer leaves as it is.

        `accepted` gives the weight that the client gave a coding, 0 for one that it does not take.
        """


class ByContent:
    """Coders in order of preference for each class; the first that the client takes is used.

    The client's weights only say yes or no: which coding costs what is known here, not there (RFC 9110 lets the
    server choose among those that are acceptable).
    """

    def __init__(self, preferred: Mapping[Content, tuple[Coder, ...]]) -> None:
        self._preferred = preferred

    def coder(self, content: Content, accepted: Callable[[str], float]) -> Coder | None:
        """Return the first coder of the class that the client takes."""
        return next((coder for coder in self._preferred.get(content, ()) if accepted(coder.token) > 0), None)


def same_for_all(token: str, level: int, encode: Encode) -> ByContent:
    """Return one coding at one level for every class that is coded."""
    return ByContent({content: (Coder(token, level, encode),) for content in CODED})
