"""Erlang B and C: how long calls wait for one of c servers when arrivals are Poisson and service exponential."""

from __future__ import annotations

from perflab.errors import StatisticError


def erlang_b(servers: int, offered: float) -> float:
    """Return the share of arrivals that find all `servers` busy and leave; `offered` = arrival rate * mean service.

    The recursion B(k) = a B(k-1) / (k + a B(k-1)) never overflows, unlike the formula with factorials.
    """
    _check(servers, offered)
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Return the share of arrivals that have to wait (M/M/c); `offered` must be below `servers`."""
    _check(servers, offered)
    if offered >= servers:
        raise StatisticError(f"`offered` is {offered:g} Erlang on {servers} servers", "it must be below their number",
                             "The queue grows without end: add servers")  # fmt: skip
    blocked = erlang_b(servers, offered)
    return blocked / (1 - (offered / servers) * (1 - blocked))


def mean_wait_s(servers: int, arrivals_per_s: float, service_s: float) -> float:
    """Return the mean time in the queue of M/M/c, seconds: C / (c / service - arrivals).

    Weakness: with bursty arrivals (squared variation 4) reality waits up to 1.5 times as long; simulate then.
    """
    _check_times(service_s=service_s)
    waiting = erlang_c(servers, arrivals_per_s * service_s)
    return waiting / (servers / service_s - arrivals_per_s)


def servers_needed(arrivals_per_s: float, service_s: float, longest_mean_wait_s: float) -> int:
    """Return the fewest servers whose mean wait is at most `longest_mean_wait_s`."""
    _check_times(longest_mean_wait_s=longest_mean_wait_s, service_s=service_s)
    _check(1, arrivals_per_s * service_s)
    servers = int(arrivals_per_s * service_s) + 1
    while mean_wait_s(servers, arrivals_per_s, service_s) > longest_mean_wait_s:
        servers += 1
    return servers


def _check_times(**seconds: float) -> None:
    for name, value in seconds.items():
        if not 0 < value < float("inf"):
            raise StatisticError(f"`{name}` is {value:g}", "it must be above zero and finite")


def _check(servers: int, offered: float) -> None:
    if servers < 1:
        raise StatisticError(f"`servers` is {servers}", "it must be at least 1")
    if not 0 <= offered < float("inf"):
        raise StatisticError(f"`offered` is {offered!r}", "it must be zero or more")
