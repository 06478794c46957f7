"""Open arrivals: times are those of a Poisson process, and a stall is charged to every request that was due in it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from perflab.errors import UsageError
from perflab.experiments.strategies.arrivals import arrivals_at, open_arrivals, poisson_times


def test_times_are_those_of_a_poisson_process() -> None:
    times = poisson_times(np.random.default_rng(1), 1000.0, 20.0)
    gaps = np.diff(times)
    assert (gaps >= 0).all() and times[-1] < 20.0
    assert len(times) == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # exponential: spread equals mean


def test_the_same_numbers_give_the_same_times() -> None:
    first, second = (poisson_times(np.random.default_rng(9), 200.0, 2.0) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize(("per_s", "seconds"), [(0.0, 1.0), (10.0, 0.0), (-1.0, 1.0)])
def test_a_rate_or_length_of_nothing_is_refused(per_s: float, seconds: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        poisson_times(np.random.default_rng(1), per_s, seconds)


def test_what_waits_for_a_stalled_server_is_timed_from_when_it_was_due() -> None:
    """A server that does one request at a time, the first of which takes 300 ms: the 20 behind it waited too."""

    async def drive() -> np.ndarray:
        turn = asyncio.Lock()

        async def send(i: int) -> bool:
            async with turn:
                await asyncio.sleep(0.3 if i == 0 else 0.0)
            return True

        return (await arrivals_at(np.arange(21) * 0.01, send)).latency_ms

    latency = asyncio.run(drive())
    assert latency[0] >= 300
    assert (latency[1:] >= 300 - 10 * np.arange(1, 21) - 1).all()


def test_refused_and_broken_requests_count_as_failed_and_have_no_latency() -> None:
    async def send(i: int) -> bool:
        if i % 4 == 0:
            raise ConnectionResetError
        return i % 4 != 1

    seen = asyncio.run(open_arrivals(np.random.default_rng(2), 400.0, 0.5, send))
    assert seen.latency_ms.size + seen.failed == seen.late_ms.size
    assert abs(seen.failed - seen.late_ms.size / 2) <= 1


def test_a_defect_of_the_workload_is_no_failed_request() -> None:
    async def send(i: int) -> bool:
        raise KeyError("a defect")

    with pytest.raises(KeyError, match="a defect"):
        asyncio.run(open_arrivals(np.random.default_rng(2), 50.0, 0.2, send))
