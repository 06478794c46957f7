"""The voice gateway for tests in which nobody speaks."""

from __future__ import annotations

from perflab.system.spec import System


def light(system: System) -> System:
    """Return the system with the raw upstream in its baseline: the SDK alone takes 3 s of CPU at each start."""
    flags = [
        flag.model_copy(update={"values": flag.values[::-1]}) if flag.name == "upstream" else flag
        for flag in system.flag
    ]
    return system.model_copy(update={"flag": type(system.flag)(flags)})
