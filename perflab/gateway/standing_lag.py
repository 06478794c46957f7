"""How late the event loop runs all the time: what tells an overload from a burst."""

from __future__ import annotations

import asyncio
from collections import deque

EVERY_S = 0.01  # between probes: 100 timers a second
WINDOW_S = 0.5  # of probes: longer than the loop is kept by a few sessions that start together
HIGH_S = 0.050  # ten passes of the loop, from a handshake to its first audio, are then half a second of the two allowed
LOW_S = 0.005
AT_LEAST = 2  # probes: a loop that hangs once must be looked at again before it counts as overloaded
PUNCTUAL = 12  # of the 50 probes that a window has where the loop is idle: a quarter of the time is free again


class StandingLag:
    """Says from the lag of a loop's probes whether the loop is overloaded: seconds in, a yes or a no out.

    Overloaded once EVERY probe of the last WINDOW_S (two at least) came more than HIGH_S late; no longer once PUNCTUAL
    probes of a window came within LOW_S of their time. In between it stays what it was (hysteresis): no flapping.

    Why the smallest lag of a window: a queue that empties now and then is a burst, which waiting cures; one that never
    does is standing, and waiting makes it longer (Nichols and Jacobson, Controlling queue delay, ACM Queue 10(5), 2012;
    RFC 8289). Why the loop's lag and not the CPU: it rises too when other programs take the core or a call blocks the
    loop, when the process looks idle (of CPU as the signal: Beyer et al., Site Reliability Engineering, ch. 21).
    Weakness: what a session costs shows only after it was let in. A crowd that comes within one window passes whole,
    and those who are in stay in: a limit on the number of sessions must stand beside it. It also cannot tell whose
    fault the lag is: beside other busy programs it refuses those whom the process could have served later.
    """

    def __init__(self) -> None:
        self._probes: deque[tuple[float, float]] = deque()
        self.overloaded = False

    def note(self, at_s: float, lag_s: float) -> None:
        """Take a probe that ran at `at_s` (rising), `lag_s` after it was due."""
        probes = self._probes
        probes.append((at_s, lag_s))
        # The first goes when the others cover a window without it, each from when it was due: to go by when they ran
        # would leave two that are 0.25 s late a moment short of one, for ever.
        while len(probes) > AT_LEAST and probes[1][0] - probes[1][1] <= at_s - WINDOW_S:
            probes.popleft()
        if self.overloaded:
            self.overloaded = sum(lag <= LOW_S for _, lag in probes) < PUNCTUAL
        elif lag_s > HIGH_S and len(probes) >= AT_LEAST:
            since_s = probes[0][0] - probes[0][1]  # when the first of them was due
            self.overloaded = at_s - since_s >= WINDOW_S and self.smallest_s > HIGH_S

    @property
    def smallest_s(self) -> float:
        """The smallest lag of the window, 0 before the first probe."""
        return min((lag for _, lag in self._probes), default=0.0)


class LoopWatch:
    """Probes the running loop for as long as it runs."""

    def __init__(self) -> None:
        self.lag = StandingLag()
        self._due_s = 0.0

    def begin(self) -> None:
        """Set the first probe; runs inside the loop."""
        self._next(asyncio.get_running_loop())

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_s = loop.time() + EVERY_S
        loop.call_at(self._due_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.lag.note(now, max(now - self._due_s, 0.0))  # a clock's last digits may call it before it was due
        self._next(loop)
