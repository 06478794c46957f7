"""Where a value lies in a log-linear histogram: the buckets of HdrHistogram, in whole numbers only."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.errors import StatisticError

LARGEST = (1 << 63) - 1
MOST_COUNTERS = 1 << 20  # 8 MiB of counters: a blob from outside must not choose how much memory we take
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class Layout:
    """The buckets for values from `lowest` to `highest` with `digits` significant decimal digits.

    Values below 2 * 10^digits units have a bucket each; above, every power of two is split into as many equal
    buckets, so a bucket is never wider than 10^-digits of its values. The unit is `lowest` rounded down to a power
    of two. `highest` is rounded up to the end of its power of two: `limit` is the largest value with a bucket.
    Raises StatisticError for limits that no histogram can have. Source: HdrHistogram, AbstractHistogram (G. Tene).
    """

    lowest: int = 1
    highest: int = HOUR_NS
    digits: int = 3

    def __post_init__(self) -> None:
        given = f"lowest {self.lowest}, highest {self.highest}, {self.digits} digits"
        if not 1 <= self.digits <= 5:
            raise StatisticError(f"A histogram of {given}", "it has 1 to 5 significant digits")
        if not 1 <= self.lowest <= self.highest // 2 or self.highest > LARGEST:
            raise StatisticError(f"A histogram of {given}", "1 <= lowest <= highest / 2 < 2^62 must hold")
        if self.unit_magnitude + self.half_magnitude > 61:
            raise StatisticError(f"A histogram of {given}", "its buckets would not fit 63 bits", "Take fewer digits")
        if self.counters > MOST_COUNTERS:
            raise StatisticError(f"A histogram of {given} has {self.counters:,} counters",
                                 f"at most {MOST_COUNTERS:,} are kept", "Take fewer digits")  # fmt: skip

    @property
    def unit_magnitude(self) -> int:
        """log2 of the width of the finest bucket."""
        return self.lowest.bit_length() - 1

    @property
    def half_magnitude(self) -> int:
        """log2 of the buckets in one power of two."""
        return int(2 * 10**self.digits - 1).bit_length() - 1

    @property
    def powers(self) -> int:
        """How many powers of two the buckets reach, the finest counted as one."""
        end, count = 1 << (self.half_magnitude + 1 + self.unit_magnitude), 1
        while end <= self.highest:
            count += 1
            if end > LARGEST // 2:
                break
            end <<= 1
        return count

    @property
    def counters(self) -> int:
        """How many counters there are."""
        return (self.powers + 1) << self.half_magnitude

    @property
    def limit(self) -> int:
        """The largest value that has a counter; at least `highest`."""
        return min((1 << (self.half_magnitude + self.unit_magnitude + self.powers)) - 1, LARGEST)

    @property
    def mask(self) -> int:
        """The bits in which values of the finest power differ."""
        return ((2 << self.half_magnitude) - 1) << self.unit_magnitude

    def index(self, value: int) -> int:
        """Return the counter of a value in [0, limit]."""
        power = (value | self.mask).bit_length() - self.unit_magnitude - self.half_magnitude - 1
        return (power << self.half_magnitude) + (value >> (power + self.unit_magnitude))

    def bounds(self, index: int) -> tuple[int, int]:
        """Return the smallest and the largest value that a counter counts."""
        power = max((index >> self.half_magnitude) - 1, 0)
        shift = power + self.unit_magnitude
        low = (index - (power << self.half_magnitude)) << shift
        return low, low + (1 << shift) - 1
