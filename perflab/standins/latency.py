"""Think times of the stand-ins: every named profile with its source, in one table.

Think time is a parameter of the world around the system, never part of the system's own latency. It counts from the
moment at which the stand-in knows that a turn has ended. A source that tells voice to voice, from the end of the user's
speech, tells more: the service's wait for that end is in its figure, and the stand-in waits by itself. `ended_s` is the
part that is therefore taken away, so that end of speech to first audio is what the source tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from perflab.errors import UsageError
from perflab.standins.draws import lognormal_quantile, uniform


@dataclass(frozen=True, slots=True)
class LatencyProfile:
    """Think time: a lognormal figure of a source less the wait for the end of the turn that it holds, at least 0.

    Median of the source's figure in s, sigma of its logarithm (0 = constant), cap in s (a draw above becomes it), and
    `ended_s` s of it that passed before the turn was known to have ended. How long a service of the table waits, t s,
    is not published; `ended_s` is the stand-in's own default. Where a client asks for that silence, end of speech to
    first audio is the source's figure whatever t is; where it asks for another, it is t - `ended_s` too long.
    """

    name: str
    median_s: float
    sigma: float
    source: str
    cap_s: float = math.inf
    ended_s: float = 0.0

    def quantile(self, u: float) -> float:
        """Return the think time in s at quantile `u` of (0, 1)."""
        told = lognormal_quantile(u, self.median_s, self.sigma) if self.sigma else self.median_s
        return max(0.0, min(told, self.cap_s) - self.ended_s)

    def cdf(self, seconds: float) -> float:
        """Return P(think time <= seconds); the cap is an atom, and so is 0 where the figure is below `ended_s`."""
        told = seconds + self.ended_s
        if seconds < 0.0:
            return 0.0
        if told >= self.cap_s:
            return 1.0
        if self.sigma == 0.0:
            return float(told >= self.median_s)
        return NormalDist().cdf(math.log(told / self.median_s) / self.sigma) if told > 0.0 else 0.0


_TABLE = (
    LatencyProfile("aa-fast", 0.630, 0.25, "Artificial Analysis, Big Bench Audio: Gemini 2.5 native audio, mean "
                   "time to first audio 0.63 s; sigma assumed"),
    LatencyProfile("gpt-rt-1.5", 1.152, 0.26, "kwindla/aiewf-eval README at 0c4fba8: gpt-realtime-1.5, turns without "
                   "tool, voice to voice (from the end of speech, the wait for the end of the turn in it): median "
                   "1152 ms, maximum 2304 ms, 96 ms of leading silence included; sigma fitted to the maximum; 300 ms "
                   "less for that wait, which the stand-in waits by itself", ended_s=0.3),
    LatencyProfile("gemini-3.1-min", 1.632, 0.46, "kwindla/aiewf-eval README at 0c4fba8: gemini-3.1-flash-live "
                   "minimal, turns without tool, voice to voice (as above): median 1632 ms, maximum 5664 ms; sigma "
                   "fitted to the maximum, cap 6 s; 300 ms less for the wait for the end of the turn", cap_s=6.0,
                   ended_s=0.3),
    LatencyProfile("const-300", 0.300, 0.0, "constant: for measuring the system, not for judging voice response"),
    LatencyProfile("const-0", 0.0, 0.0, "no think time: for capacity and equivalence runs"),
    LatencyProfile("const-20", 0.020, 0.0, "constant: a service next door, for measuring clients and their pools"),
    LatencyProfile("codegen-120", 0.120, 0.30, "stated assumption: a small code generator next door, median 120 ms, "
                   "sigma 0.3; no published figure"),
)  # fmt: skip
PROFILES: dict[str, LatencyProfile] = {profile.name: profile for profile in _TABLE}


def profile_named(name: str) -> LatencyProfile:
    """Return the profile of this name; raises UsageError that lists the names."""
    if name not in PROFILES:
        raise UsageError(f"latency profile {name!r} is unknown", f"must be one of {', '.join(PROFILES)}")
    return PROFILES[name]


def think_time_s(profile: str, seed: int, session: int, turn: int) -> float:
    """Return the think time in s of one turn; pure, keyed by (seed, session, turn): variants meet the same upstream."""
    return profile_named(profile).quantile(uniform(seed, "think", session, turn))


def prompt_think_time_s(profile: str, seed: int, prompt: str) -> float:
    """Return the think time in s for one prompt; pure, keyed by (seed, prompt)."""
    return profile_named(profile).quantile(uniform(seed, "prompt", prompt))
