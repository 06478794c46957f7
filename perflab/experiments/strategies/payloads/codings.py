"""Every coding at several levels on every class of content: bytes left and time per kilobyte, in interleaved rounds."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from perflab.experiments.strategies.arm import started
from perflab.experiments.strategies.payloads.compression import EXPERIMENT
from perflab.experiments.strategies.payloads.reading import HEADERS
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.instrument.paired_timing import TimingPlan, time_paired
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_interval

PATHS = {
    "history": "/api/sessions/3/history?limit=50",
    "code": "/api/sessions/3/code?limit=10",
    "template": "/api/templates/assistant",
}
ROUNDS = 12
GZIP = 31  # zlib's window bits for 32 KiB and a gzip header
Code = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Coding:
    """One coding at one level; `encode` and `decode` are a pair."""

    name: str
    token: str
    level: int
    encode: Code
    decode: Code

    @property
    def label(self) -> str:
        """The coding with its level, as tables and figures name it."""
        return f"{self.name} {self.level}"


@dataclass(frozen=True)
class Coded:
    """One coding on one class: sizes in bytes, times in microseconds for the whole body."""

    content: str
    coding: Coding
    plain: int
    coded: int
    encode_us: Interval
    decode_us: Interval

    @property
    def ratio(self) -> float:
        """How many times smaller the body is."""
        return self.plain / self.coded

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        per_kb = 1000 / self.plain
        low, high = ((bound or 0) * per_kb for bound in (self.encode_us.low, self.encode_us.high))
        return {
            "content": f"{self.content} ({self.plain:,} bytes)", "coding": self.coding.label,
            "times smaller": round(self.ratio, 2), "coding (us/kB)": round(self.encode_us.value * per_kb, 2),
            "95 % interval": f"{low:.2f} to {high:.2f}", "decoding (us/kB)": round(self.decode_us.value * per_kb, 2),
        }  # fmt: skip


def codings() -> tuple[Coding, ...]:
    """Return every coding at the levels that servers use, and the highest for what is coded once and sent often."""
    import brotli
    import zstandard
    from isal import isal_zlib
    from zlib_ng import zlib_ng

    def zlib_like(name: str, compress: Callable[..., bytes], decompress: Callable[..., bytes], level: int) -> Coding:
        return Coding(name, "gzip", level, lambda body: compress(body, level, wbits=GZIP),
                      lambda body: decompress(body, wbits=GZIP))  # fmt: skip

    def brotli_at(level: int) -> Coding:
        compress = partial(brotli.compress, quality=level, mode=brotli.MODE_TEXT)
        return Coding("brotli", "br", level, compress, brotli.decompress)

    def zstd_at(level: int) -> Coding:
        compressor, decompressor = zstandard.ZstdCompressor(level=level), zstandard.ZstdDecompressor()
        return Coding("zstd", "zstd", level, compressor.compress, decompressor.decompress)

    return (
        *(zlib_like("zlib", zlib.compress, zlib.decompress, level) for level in (1, 6, 9)),
        *(zlib_like("zlib-ng", zlib_ng.compress, zlib_ng.decompress, level) for level in (1, 6)),
        *(zlib_like("ISA-L", isal_zlib.compress, isal_zlib.decompress, level) for level in (0, 2)),
        *(brotli_at(level) for level in (1, 4, 5, 11)),
        *(zstd_at(level) for level in (1, 3, 9)),
    )


def bodies(study: Study) -> dict[str, bytes]:
    """Return one real answer of each class, from a gateway that is started for it."""
    folder = study.run.folder("trials") / "23-bodies"
    with started(study, EXPERIMENT, "bodies", "baseline", folder) as arm:
        return arm.loop.run(_bodies(arm.client, arm.running.endpoints["api"]))


async def _bodies(client: Any, api: str) -> dict[str, bytes]:
    async def one(path: str) -> bytes:
        async with client.get(api + path, headers={"Accept": HEADERS["Accept"], "Accept-Encoding": "identity"}) as got:
            got.raise_for_status()
            return bytes(await got.read())

    return dict(zip(PATHS, await asyncio.gather(*map(one, PATHS.values())), strict=True))


def measure(found: Mapping[str, bytes], seed: int, rounds: int = ROUNDS) -> tuple[Coded, ...]:
    """Time every coding on every body in interleaved rounds; an interval is that of the median of the rounds."""
    table: list[Coded] = []
    for content, body in found.items():
        all_codings = codings()
        work: dict[str, Callable[[], Any]] = {}
        for coding in all_codings:
            coded = coding.encode(body)
            work[f"encode {coding.label}"] = partial(coding.encode, body)
            work[f"decode {coding.label}"] = partial(coding.decode, coded)
        times = time_paired(work, TimingPlan(blocks=rounds, inner=5, warmups=1, seed=seed, limit_s=12.0))
        for coding in all_codings:
            took = [1e6 * np.asarray(times.column(f"{way} {coding.label}")) for way in ("encode", "decode")]
            both = [order_statistic_interval(one, 0.5) for one in took]
            table.append(Coded(content, coding, len(body), len(coding.encode(body)), *both))
    return tuple(table)


def same_after_decoding(found: Mapping[str, bytes]) -> list[TrustCheck]:
    """Check that every coding gives every body back, byte for byte, and that the bodies hold what they should."""
    right = sum(c.decode(c.encode(body)) == body for c in codings() for body in found.values())
    total = len(codings()) * len(found)
    rows = sum(isinstance(json.loads(body), list | dict) for body in found.values())
    return [
        TrustCheck(name="codings give the body back", passed=right == total, observed=f"{right} of {total}",
                   limit="all, byte for byte"),
        TrustCheck(name="bodies are answers of the gateway", passed=rows == len(found),
                   observed=f"{rows} of {len(found)} are JSON, {min(map(len, found.values()))} bytes or more",
                   limit="all"),
    ]  # fmt: skip
