"""Find the policies: a module of this package with a NAME is one, so a new policy is a new file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

import perflab.cache.policies as package
from perflab.cache.policies.interface import Misses, Policy
from perflab.cache.trace import Trace, check_capacity
from perflab.errors import UsageError


@cache
def policies() -> dict[str, Policy]:
    """Return all policies by name."""
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    return {module.NAME: cast(Policy, module) for module in modules if hasattr(module, "NAME")}


def simulate(policy: str, trace: Trace, capacity: int, *, ttl_s: float = 0.0) -> Misses:
    """Run one policy over the trace from an empty cache and count what it missed, first requests included.

    `capacity`: bytes where the trace has sizes, else objects. `ttl_s`: seconds after which an object expires, for TTL.
    Raises UsageError for an unknown policy, a capacity below 1, and a policy that needs times the trace has not.
    """
    found = policies().get(policy)
    if found is None:
        raise UsageError(f"No policy {policy!r}", f"policies are {', '.join(policies())}")
    missed, missed_bytes = found.run(trace, check_capacity(capacity, "bytes" if trace.sizes is not None else "objects"),
                                     ttl_s)  # fmt: skip
    return Misses(trace.requests, int(missed), trace.bytes(), int(missed_bytes))


def warmed(policy: str, trace: Trace, capacity: int, warm_up: int, *, ttl_s: float = 0.0) -> Misses:
    """Count what the policy missed after the first `warm_up` requests, which fill the cache and are not judged.

    Two simulations, whose counts are subtracted: what is deterministic misses the same in both. Belady's optimum looks
    ahead, so its two simulations see different futures: it is refused. So is W-TinyLFU with sizes, whose sketch is laid
    out by the mean size in the trace, which the beginning alone does not have.
    """
    if policy == "Belady":
        raise UsageError("Belady after a warm-up", "a policy that does not look ahead", "Simulate the whole trace")
    if policy == "W-TinyLFU" and trace.sizes is not None:
        raise UsageError("W-TinyLFU after a warm-up on a trace with sizes", "every object counted as one",
                         "Drop the sizes, or simulate the whole trace")  # fmt: skip
    if not 0 < warm_up < trace.requests:
        raise UsageError(f"A warm-up of {warm_up} requests", f"1 to {trace.requests - 1}, so that some are judged")
    whole = simulate(policy, trace, capacity, ttl_s=ttl_s)
    early = simulate(policy, trace.head(warm_up), capacity, ttl_s=ttl_s)
    return Misses(whole.requests - early.requests, whole.missed - early.missed, whole.bytes - early.bytes,
                  whole.missed_bytes - early.missed_bytes)  # fmt: skip
