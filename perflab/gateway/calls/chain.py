"""The parts around the HTTP client in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.gateway.calls.call import CallWorld, CodeCall, Generate
from perflab.gateway.flags import implementation

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from perflab.gateway.calls.call import Count

# Innermost first. A call passes dedup > rate limit > bulkhead > retry > breaker > batch > client:
# - dedup first, since a call that is shared costs no rate and no share;
# - rate limit before bulkhead, since who is over the rate should not hold a place while others wait for one;
# - retry inside the bulkhead: a call that waits to be tried again still holds its caller's place, so that a caller
#   whose calls fail does not get more of them;
# - breaker inside retry: every attempt counts, the breaker opens after 5 failed attempts and not after 5 failed
#   calls of 4 attempts, and a retry that meets it open ends. (Outside retry it would see a fifth of the failures.)
# - batch last: what it sends has passed everything, and each item's failure goes back through its own caller's parts.
CHAIN = ("batch", "breaker", "retry", "bulkhead", "rate_limit", "dedup")


def plain_call(world: CallWorld) -> Generate:
    """Return the call without any part around it."""
    post, url = world.client.post, f"{world.url}/v1/generate"

    async def generate(call: CodeCall) -> dict[str, Any]:
        return await post(url, {"prompt": call.prompt, "language": call.language}, call.headers)

    return generate


def build_chain(flags: Mapping[str, str], world: CallWorld) -> Generate:
    """Return the call with the chosen parts around it; a part that is off leaves no trace."""
    generate = plain_call(world)
    for flag in CHAIN:
        generate = implementation(flag, flags[flag]).build(generate, world)
    return generate


def any_part(flags: Mapping[str, str]) -> bool:
    """Say whether anything stands around the client."""
    return any(flags[flag] != "off" for flag in CHAIN)


def counter(registry: CollectorRegistry) -> Count:
    """Return a function that counts what the parts do, by the name of the event."""
    from prometheus_client import Counter

    events = Counter("gateway_generator_calls", "What became of calls", ["event"], registry=registry)
    return lambda event: events.labels(event).inc()
