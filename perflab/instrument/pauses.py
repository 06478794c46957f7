"""How long a tool stops the target: what attaching costs in latency, seen from outside."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from perflab.instrument import proc

LOOK_S = 0.002
LIMIT_S = 0.5  # a longer stop is told (P314): it is as long as the wait for an answer that a person notices


class Pauses:
    """Watch a process every 2 ms while a tool works on it; `longest_s` is its longest stop (state t or T).

    A stop shorter than the interval between two looks is not seen, and each end is known to that interval. Why from
    outside: a heartbeat of the target's own would need its help, and a request's latency has other parts.
    """

    def __init__(self, pid: int) -> None:
        self.longest_s = 0.0
        self._pid, self._end = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Pauses:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        began: float | None = None
        while not self._end.wait(LOOK_S):
            seen = proc.stat(self._pid)
            if seen is None:
                return
            now = time.monotonic()
            if seen.state not in "tT":
                began = None
                continue
            began = now if began is None else began
            self.longest_s = max(self.longest_s, now - began)
