"""What every capture says about its window, whichever the instrument."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from perflab.instrument.interface import Target
from perflab.instrument.units import read_units, units_between
from perflab.instrument.window import Window

_DISTRIBUTION = {"pyspy": "py-spy"}


def circumstances(target: Target, window: Window, instrument: str) -> dict[str, Any]:
    """Return the fields of a Capture that describe the target over the window, and who looked."""
    end_ns = window.start_ns + int(window.seconds * 1e9)
    units = units_between(read_units(target.units_path), window.start_ns, end_ns)
    return {
        "window_s": window.seconds,
        "pid": target.pid,
        "cpu_s": window.cpu_s,
        "run_delay": window.run_delay,
        "kernel_share": window.kernel_share,
        "started_ns": window.start_ns,
        "schedstat_before": (window.before.run_s, window.before.wait_s),
        "schedstat_after": (window.after.run_s, window.after.wait_s),
        "work_units": units,
        "unit": "call" if target.units_path else "",
        "source_root": str(target.source_root.resolve()),
        "versions": versions(instrument),
    }


@lru_cache
def versions(instrument: str) -> dict[str, str]:
    """Return the versions that a table may depend on."""
    name = _DISTRIBUTION.get(instrument, instrument)
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for package in ("perflab", name):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
