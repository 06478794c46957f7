"""The work of a client that reads pages of history, artefacts and templates at open arrivals; bytes count as sent."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import FigureSpec, Target, Work
from perflab.experiments.strategies.payloads.content import SESSIONS

PER_S = 60.0
LARGEST = 1 << 22  # of a decoded answer: a body that unfolds to more is refused
TEMPLATES = ("assistant", "tutor", "summary")
BYTES = FigureSpec("bytes_per_request", "bytes per answer", "bytes", 0.05)
HEADERS = {
    "Accept-Encoding": "gzip, br, zstd",
    "Accept": "application/msgpack, application/json;q=0.9",
}  # the same in every arm: what is answered depends on the server alone


@dataclass
class Answers:
    """What came back by number of the request: the raw body with its two headers."""

    bodies: dict[int, tuple[bytes, str, str]] = field(default_factory=dict)

    @property
    def mean_bytes(self) -> float:
        """The mean size of a body as it came over the wire."""
        return float(np.mean([len(body) for body, _, _ in self.bodies.values()]))

    def digest(self, canonical: Callable[[int, Any], Any] = lambda _, value: value) -> str:
        """Return a digest of the values that were answered, after decoding, in the order of the requests."""
        told = hashlib.sha256()
        for number in sorted(self.bodies):
            body, coding, media = self.bodies[number]
            value = canonical(number, decoded(body, coding, media))
            told.update(json.dumps([number, value], sort_keys=True).encode())
        return told.hexdigest()


def decoded(body: bytes, coding: str, media: str) -> Any:
    """Return the value in a body; raises ValueError for a coding that was not asked for or a body that is too large."""
    import msgspec

    if coding not in DECODERS:
        raise ValueError(f"an answer in the coding {coding[:20]!r}; asked for were {HEADERS['Accept-Encoding']}")
    text = DECODERS[coding](body)
    if len(text) > LARGEST:
        raise ValueError(f"an answer of over {LARGEST} bytes; no more is unfolded")
    return msgspec.msgpack.decode(text) if "msgpack" in media else json.loads(text)


def _gunzip(body: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(body, LARGEST + 1)


def _unbrotli(body: bytes) -> bytes:
    import brotli

    return bytes(brotli.Decompressor().process(body, output_buffer_limit=LARGEST + 1))


def _unzstd(body: bytes) -> bytes:
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(body) as reader:
        return bytes(reader.read(LARGEST + 1))


DECODERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": _gunzip, "br": _unbrotli, "zstd": _unzstd}


def draw_path(rng: np.random.Generator) -> str:
    """Return one request: five pages of history to three of artefacts to two templates."""
    session, what = int(rng.integers(1, SESSIONS + 1)), rng.random()
    if what < 0.5:
        return f"/api/sessions/{session}/history?limit=50"
    if what < 0.8:
        return f"/api/sessions/{session}/code?limit=10"
    return f"/api/templates/{TEMPLATES[int(rng.integers(len(TEMPLATES)))]}"


async def fetch(target: Target, path: str, into: Answers, number: int, headers: dict[str, str] = HEADERS) -> bool:
    """Send one request, keep its raw answer, and say whether it was answered."""
    async with target.client.get(target.api + path, headers=headers, auto_decompress=False) as answer:
        body = await answer.read()
        coding, media = (answer.headers.get(name, "") for name in ("Content-Encoding", "Content-Type"))
        into.bodies[number] = (body, coding, media)
        return answer.status == 200


async def read(target: Target) -> Work:
    """Read at open arrivals; decoding comes after the clock has stopped, as it is the client's."""
    answers, count = Answers(), int(PER_S * target.seconds * 2 + 100)
    paths = [draw_path(target.rng) for _ in range(count)]
    met = await open_arrivals(target.rng, PER_S, target.seconds, lambda i: fetch(target, paths[i], answers, i))
    return Work(met.latency_ms, met.late_ms, met.failed, {BYTES.column: answers.mean_bytes}, answers.digest())
