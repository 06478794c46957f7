"""The real code generator's stand-in for the tests of calls, and clients of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from perflab.gateway.calls.call import CallSettings, CallWorld, CodeCall, Generate
from perflab.gateway.calls.chain import CHAIN, build_chain
from perflab.gateway.flags import implementation
from perflab.gateway.flags.http_client import HttpCallFailed

from .processes import ROOT


@contextmanager
def generator(folder: Path, *options: str) -> Iterator[str]:
    """Run the stand-in and give its URL."""
    command = [sys.executable, "-m", "perflab.standins.codegen", "--port", "0", "--log", str(folder / "codegen.rows")]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()


Work = Callable[[Generate, Counter[str]], Awaitable[Any]]


def through(
    url: str, work: Work, client: str = "pooled_aiohttp", settings: CallSettings | None = None,
    timeout_s: float = 5.0, **parts: str,
) -> Any:  # fmt: skip
    """Run work on a chain of real parts, close the client, and return what it returned."""

    async def main() -> Any:
        chosen = settings or CallSettings()
        http = implementation("http_client", client).build(timeout_s, chosen.connections)
        counts: Counter[str] = Counter()
        try:
            world = CallWorld(http, url, chosen, lambda event: counts.update([event]))
            return await work(build_chain({**dict.fromkeys(CHAIN, "off"), **parts}, world), counts)
        finally:
            await http.close()

    return asyncio.run(main())


async def ask(generate: Generate, prompts: Sequence[str], tenant: int = 0) -> list[dict[str, Any] | HttpCallFailed]:
    """Ask for all prompts at once; failures are returned in their places."""

    async def one(prompt: str) -> dict[str, Any] | HttpCallFailed:
        try:
            return await generate(CodeCall(prompt, "python", tenant=tenant))
        except HttpCallFailed as error:
            return error

    return await asyncio.gather(*map(one, prompts))


async def stats(url: str) -> dict[str, Any]:
    """Return what reached the stand-in."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/stats") as answer:
        return dict(await answer.json())
