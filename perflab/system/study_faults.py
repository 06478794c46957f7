"""What a study of a system asks of its file beyond what starting it asks: ports of its own, targets that are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perflab.errors import NotComparable, SystemFileError, UsageError
from perflab.system.spec import System
from perflab.units import convert

if TYPE_CHECKING:
    from perflab.findings.catalogue import Target

# The unit in which each kind of measure gives its figure.
UNITS = {
    "latency": "ms",
    "rate_per_min": "requests/min",
    "megabytes_per_min": "MB/min",
    "error_percent": "%",
    "cpu_percent": "%",
    "memory_percent": "%",
    "sustained_users": "users",
}


def require_study(system: System) -> None:
    """Raise SystemFileError with the first reason why a study of the system would break, or judge nothing."""
    if faults := study_faults(system):
        more = f" (and {len(faults) - 1} more: perflab system check {system.path.name})" if len(faults) > 1 else ""
        raise SystemFileError(f"{system.path}: {faults[0]}{more}")


def study_faults(system: System) -> list[str]:
    """Return one line for each reason why the notebooks of a study would break, or silently judge nothing.

    Starting a variant and driving it needs none of this: these are no faults of the file.
    """
    return [*_fixed_ports(system), *_target_faults(system)]


def measured_targets(system: System) -> tuple[int, list[str]]:
    """Return how many targets of the system's domain have a measure, and the ids of those that have none.

    Raises UsageError for a target file that cannot be read.
    """
    metrics = {measure.metric for measure in system.measure}
    own = _targets(system)
    return sum(t.metric in metrics for t in own), [t.id for t in own if t.metric not in metrics]


def _fixed_ports(system: System) -> list[str]:
    """Return a fault for each port that all instances of the system would share: variants run side by side."""
    if not system.flag:
        return []
    return [
        f"{where}: port {port} is fixed, and the screening of flags runs instances side by side: write {{port:NAME}} "
        "there, and hand it to the process by an argument or by env"
        for where, port in _ports_written(system)
    ]


def _ports_written(system: System) -> Iterator[tuple[str, int]]:
    for name, port in system.ports.items():
        yield f"ports.{name}", port
    for process in system.process:
        ready = process.ready
        if port := _written(f"tcp://{ready.tcp}" if ready.tcp else ready.http or ready.https):
            yield f"process {process.name}: ready", port
    for name, text in system.endpoints.items():
        if port := _written(text):
            yield f"endpoints.{name}", port


def _written(text: str) -> int:
    """Return the port that a URL holds as a number, or by its scheme; 0 where a placeholder says where it goes."""
    where = re.sub(r"^[^/]*//", "", text).split("/", 1)[0]
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        return (
            0 if "{" in where else parts.port or {"http": 80, "ws": 80, "https": 443, "wss": 443}.get(parts.scheme, 0)
        )
    except ValueError:  # told as a fault of the text
        return 0


def _target_faults(system: System) -> list[str]:
    """Return why targets and measures do not meet, so that a target would be left out without a word."""
    unit = system.load.unit_kind
    lacking = f"11_baseline_load, 30_prototype and 40_scalability need a latency target for {unit}s"
    if not system.targets:
        return [f"targets: no file is named; {lacking}"]
    if not system.resolve(system.targets).is_file():  # told as a fault of the file
        return []
    try:
        own = _targets(system)
    except UsageError as error:
        return [f"targets: {error}".rstrip(".")]
    if not own:
        return [f"targets: none is of the domain {system.domain!r}, {_domains(system)}"]
    latency = {m.metric for m in system.measure if m.kind == "latency" and m.rows == unit}
    faults = [] if any(t.metric in latency for t in own) else [
        f'targets: {lacking}: one whose metric a [[measure]] with kind = "latency" and rows = "{unit}" has'
    ]  # fmt: skip
    metrics = list(dict.fromkeys(t.metric for t in own))
    for measure in system.measure:
        if measure.metric not in metrics:
            faults.append(f"measure {measure.metric!r}: no target of the domain {system.domain!r} has this metric; "
                          f"they have {_listed(metrics)}")  # fmt: skip
    return [*faults, *_unlike_units(system, own)]


def _unlike_units(system: System, own: Sequence[Target]) -> list[str]:
    kinds = {measure.metric: measure.kind for measure in system.measure}
    faults = []
    for target in own:
        if target.metric not in kinds:
            continue
        if kinds[target.metric] == "latency" and target.value <= 0:
            faults.append(f"target {target.id}: {target.value:g} {target.unit} is no limit of a time: must be above 0")
        given = UNITS[kinds[target.metric]]
        try:
            convert(1.0, given, target.unit)
        except NotComparable:
            faults.append(f"target {target.id}: unit {target.unit!r} cannot be compared with {given!r}, in which a "
                          f"measure of kind {kinds[target.metric]} gives its figure")  # fmt: skip
    return faults


def _targets(system: System) -> list[Target]:
    return [target for target in _all_targets(system) if target.domain == system.domain]


def _domains(system: System) -> str:
    return f"they are of {_listed(list(dict.fromkeys(target.domain for target in _all_targets(system))))}"


def _all_targets(system: System) -> tuple[Target, ...]:
    from perflab.findings.catalogue import load_targets

    return load_targets(system.resolve(system.targets)) if system.targets else ()


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing"
