"""The machine's ceiling, and how much of it the resampler uses."""

from __future__ import annotations

from perflab.audio.kernels.ceiling import measure_ceiling
from perflab.benches.audio.contest import Contest, circumstances, hold
from perflab.benches.audio.resampling import SESSIONS, our_resampler
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 10
UNITS = 2.06  # two units, and 3 % for a clock that moves between the two measurements


def bars(say: Say) -> list[Bar]:
    """Measure multiply-adds per second with independent chains, check them by the clock, hold the resampler to them."""
    ceiling = measure_ceiling()
    kernel, work = our_resampler(48_000, SESSIONS, 100.0)
    needed = kernel.taps.size * kernel.frame_out
    taken = hold(Contest("", "", work, work, SESSIONS, 0.0)).ours_us
    share = 100 * needed / (taken / 1e6) / ceiling.macs_per_s
    say(f"  {ceiling.macs_per_s / 1e9:.1f} G multiply-adds/s at {ceiling.clock_hz / 1e9:.2f} GHz; "
        f"resampler {taken:.2f} us per session")  # fmt: skip
    detail = {"gmacs_per_s": ceiling.macs_per_s / 1e9, "clock_ghz": ceiling.clock_hz / 1e9, **circumstances()}
    return [
        Bar("fma-clock", "multiply-add instructions per clock cycle, which no x86 core exceeds",
            ceiling.fma_per_cycle, "<=", UNITS, "per cycle", detail=detail),
        Bar("fir-share", "48 to 16 kHz, int16 to int16, as a share of the ceiling", share, ">=", 75, "%",
            detail={**detail, "macs_per_frame": needed, "us_per_session": taken}),
    ]  # fmt: skip
