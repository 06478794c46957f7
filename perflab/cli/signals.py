"""What ends a command from outside ends it as tidily as Ctrl-C does: nothing that it started runs on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # of `timeout`, a cancelled job of CI, a closed terminal


@contextmanager
def ended_as_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt; one that is ignored (nohup) stays ignored."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heeded = [each for each in ENDINGS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, interrupt) for each in heeded}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
