"""Arms that run side by side: a few start at a time, and all of them go at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from perflab.errors import PerflabError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Abandoned(PerflabError):
    """Another arm has failed: those that waited for it end too, and its failure is the one to tell."""


class SideBySide:
    """Where arms meet before they go: `places` of them start at a time, then each waits until all `arms` are ready.

    Why a few at a time: forty processes that start at once on two cores take twice as long as one pair after another.
    Why all go at once: windows are compared one by one, which says something only of the same seconds.
    """

    def __init__(self, arms: int, places: int) -> None:
        self._went = threading.Event()
        self._all = threading.Barrier(arms, action=self._went.set)
        self._places = threading.Semaphore(max(places, 1))

    def begin(self) -> None:
        """Wait for a place to start in; raises Abandoned where an arm has failed."""
        self._places.acquire()
        if self._all.broken:
            self._places.release()
            raise Abandoned("Not started: another arm has failed")

    def go(self) -> None:
        """Give the place to the next arm and wait until all are ready; raises Abandoned where one never will be."""
        self._places.release()
        try:
            self._all.wait()
        except threading.BrokenBarrierError:
            raise Abandoned("Ended before it went: another arm has failed") from None

    def leave(self) -> None:
        """Tell the others that this arm failed: nobody waits for it, and who waits for a place is let go.

        Where all have gone, nobody waits for it any more, and the others end their work.
        """
        if not self._went.is_set():
            self._all.abort()
            self._places.release()


def run_side_by_side(items: Sequence[Item], run: Callable[[Item, SideBySide], Result], places: int) -> list[Result]:
    """Run every item in a thread of its own, and return the results in order; raises the first failure of an arm.

    One thread for each arm lives until its trial is over, which keeps the death signal of its processes valid.
    """
    meeting = SideBySide(len(items), places)

    def one(item: Item) -> Result:
        try:
            return run(item, meeting)
        except BaseException:
            meeting.leave()
            raise

    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(one, item) for item in items]
    failures = [error for future in futures if (error := future.exception())]
    if failures:
        raise next((error for error in failures if not isinstance(error, Abandoned)), failures[0])
    return [future.result() for future in futures]
