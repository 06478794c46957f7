"""The break-even model put to the test: the same answers over a link of one stated rate, made by a pacing proxy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import numpy as np

from perflab.experiments.strategies.experiment import StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.codings import PATHS
from perflab.experiments.strategies.payloads.content import fill
from perflab.experiments.strategies.payloads.reading import BYTES, HEADERS, Answers
from perflab.experiments.strategies.run import ExperimentResult

MBIT_S = 4.0
SEGMENT = 1460  # bytes of an Ethernet packet's payload
BEHIND_S = 0.003  # what a sleep that ended late is made up for at most: a timer's lateness must not slow the link


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bit_s: float) -> None:
    """Pass bytes on, each piece when the link would have had it through; a rate of 0 passes them at once."""
    free_at = 0.0
    try:
        while piece := await reader.read(SEGMENT):
            if bit_s:
                free_at = max(free_at, time.perf_counter() - BEHIND_S) + 8 * len(piece) / bit_s
                await asyncio.sleep(max(free_at - time.perf_counter(), 0))
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass  # one side has left: the other is told by the end of its stream
    finally:
        writer.close()


@asynccontextmanager
async def link_to(url: str, mbit_s: float) -> AsyncIterator[str]:
    """Yield a URL that leads to `url` over a link of this rate towards the client, without delay or loss.

    A pacing proxy on loopback: each piece of 1,460 bytes leaves when the link is free again. It models the rate alone;
    neither round trips nor TCP's slow start are in it.
    """
    parts = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_forward(reader, up_writer, 0.0), _forward(up_reader, writer, 1e6 * mbit_s))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()


async def read_over_link(target: Target) -> Work:
    """Read the same page of history again and again over the link, one at a time; from asked to whole."""
    answers = Answers()
    took: list[float] = []
    async with link_to(target.api, MBIT_S) as url:
        until = time.perf_counter() + target.seconds
        while time.perf_counter() < until or not took:
            begin = time.perf_counter()
            async with target.client.get(url + PATHS["history"], headers=HEADERS, auto_decompress=False) as answer:
                body = await answer.read()
                kept = (body, answer.headers.get("Content-Encoding", ""), answer.headers.get("Content-Type", ""))
            took.append(1e3 * (time.perf_counter() - begin))
            answers.bodies[0] = kept
    return Work(np.array(took), figures={BYTES.column: answers.mean_bytes}, answers=answers.digest())


EXPERIMENT = StrategyExperiment(
    key="compression-link",
    strategy="ST-NET-03",
    title=f"compression over {MBIT_S:g} Mbit/s",
    arms=("compression=zstd",),
    condition=f"a page of history at a time over a link paced to {MBIT_S:g} Mbit/s",
    work=read_over_link,
    prepare=fill,
    figures=(BYTES,),
    price="as without a link between",
    turns="above the break-even rate",
)


def model_against_link(result: ExperimentResult) -> dict[str, float]:
    """Return the gain that was seen in the medians and the one that the bytes predict, ms, and their ratio.

    The prediction leaves the coding's own time out (0.1 ms of 20): it is inside what was seen.
    """
    base, arm = "base", result.experiment.arms[0]
    seen = float(np.median(result.column(base, "p50_ms") - result.column(arm, "p50_ms")))
    saved = float(np.median(result.column(base, BYTES.column) - result.column(arm, BYTES.column)))
    predicted = 1e3 * 8 * saved / (1e6 * MBIT_S)
    return {"seen (ms)": round(seen, 2), "predicted (ms)": round(predicted, 2), "ratio": round(seen / predicted, 3)}


def link_sentence(result: ExperimentResult) -> str:
    """Say how far the model is from what the paced link showed."""
    told = model_against_link(result)
    return (
        f"Over a link paced to {MBIT_S:g} Mbit/s {result.experiment.arms[0]} made a page of history whole "
        f"{told['seen (ms)']:.1f} ms sooner; the model says {told['predicted (ms)']:.1f} ms "
        f"(ratio {told['ratio']:.2f}, n = {result.sizes.blocks} blocks)."
    )
