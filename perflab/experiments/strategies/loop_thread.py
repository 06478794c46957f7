"""An event loop in a thread of its own: a notebook's own loop is busy running the cell."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

Answer = TypeVar("Answer")


class LoopThread:
    """Runs coroutines one after the other on a loop that lives as long as the `with` block."""

    def __init__(self) -> None:
        import uvloop

        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="workload", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run a coroutine to its end and return its answer; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __exit__(self, *failure: object) -> None:
        self.run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_tasks() -> None:
    """Cancel what a workload left running, such as clients that listen from one block to the next."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
