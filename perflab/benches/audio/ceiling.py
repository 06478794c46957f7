"""The machine's ceiling, and how much of it the resampler uses."""

from __future__ import annotations

from perflab.audio.kernels.ceiling import measure_ceiling
from perflab.benches.audio.contest import Contest, circumstances, hold
from perflab.benches.audio.resampling import SESSIONS, our_resampler
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 10
UNITS = 2.06  # two units, and 3 % for a clock that moves between the two measurements
LEAST = 0.9  # every core starts one a cycle, also one that does a register in two halves: less was measured wrongly
WHOLE = 100.0  # percent: nothing does more than the ceiling, unless the ceiling was measured too low


def bars(say: Say) -> list[Bar]:
    """Measure multiply-adds per second with independent chains, check them by the clock, hold the resampler to them.

    Both figures are held from two sides: a ceiling that is too low would pass below its own limit, and flatter the
    share of it that is used.
    """
    ceiling = measure_ceiling()
    kernel, work = our_resampler(48_000, SESSIONS, 100.0)
    needed = kernel.taps.size * kernel.frame_out
    taken = hold(Contest("", "", work, work, SESSIONS, 0.0)).ours_us
    share = 100 * needed / (taken / 1e6) / ceiling.macs_per_s
    say(f"  {ceiling.macs_per_s / 1e9:.1f} G multiply-adds/s at {ceiling.clock_hz / 1e9:.2f} GHz; "
        f"resampler {taken:.2f} us per session")  # fmt: skip
    detail = {"gmacs_per_s": ceiling.macs_per_s / 1e9, "clock_ghz": ceiling.clock_hz / 1e9, **circumstances()}
    used = {**detail, "macs_per_frame": needed, "us_per_session": taken}
    started, share_told = ceiling.fma_per_cycle, "48 to 16 kHz, int16 to int16, as a share of the ceiling"
    return [
        Bar("fma-clock", "multiply-add instructions per clock cycle, which no x86 core exceeds", started, "<=", UNITS,
            "per cycle", detail=detail),
        Bar("fma-least", "the same, which no core that multiplies and adds in one stays below", started, ">=", LEAST,
            "per cycle", detail=detail),
        Bar("fir-share", share_told, share, ">=", 75, "%", detail=used),
        Bar("fir-most", f"{share_told}, which is none where it is exceeded", share, "<=", WHOLE, "%", detail=used),
    ]  # fmt: skip
