"""What machine and software a result comes from, and whether two results may be compared."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from perflab import __version__

UNKNOWN = "unknown"
# Facts that may differ between comparable runs: they say when and where, not what was measured with.
INFORMATIVE = frozenset({"boot_id", "host", "commit"})
# Packages that `make test` adds where it can, and that no measured code imports: a run before it is like one after it.
FOR_CHECKS = frozenset({"pesq"})


def fingerprint(root: Path | None = None) -> dict[str, Any]:
    """Return the facts that make two measurements comparable; what the machine hides is "unknown", never left out.

    `root`: the folder whose requirements.txt is the lock file; by default the working directory, or the next one above
    it that has one: a notebook in a folder of its own has the environment of its project. Takes about 0.1 s.
    """
    return {
        "cpu_model": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "affinity": _core_list(os.sched_getaffinity(0)),
        "memory_bytes": _memory_bytes(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "clocksource": _text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "transparent_huge_pages": _chosen(_text("/sys/kernel/mm/transparent_hugepage/enabled")),
        "aslr": _text("/proc/sys/kernel/randomize_va_space"),
        "cgroup_cpu": cgroup_cpu(),
        "cgroup_memory": _cgroup_memory(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python_build": f"{' '.join(platform.python_build())}, {platform.python_compiler()}",
        "perflab_version": __version__,
        "lockfile": _file_digest((root or _project(Path.cwd())) / "requirements.txt"),
        "packages": _packages_digest(),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "boot_id": _text("/proc/sys/kernel/random/boot_id"),
    }


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return one phrase for each fact that forbids comparing `a` with `b`, such as "cpu_model differs (X, Y)".

    A fact that only one of them states counts as a difference: what nobody recorded cannot be shown to be equal.
    """
    names = [name for name in {**a, **b} if name not in INFORMATIVE]
    return [
        f"{name} differs ({a.get(name, 'not recorded')}, {b.get(name, 'not recorded')})"
        for name in names
        if a.get(name) != b.get(name)
    ]


def short_fingerprint(facts: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that are equal exactly when two fingerprints are comparable."""
    kept = sorted((name, str(value)) for name, value in facts.items() if name not in INFORMATIVE)
    return hashlib.sha256(repr(kept).encode()).hexdigest()[:12]


def _project(here: Path) -> Path:
    return next((folder for folder in (here, *here.parents) if (folder / "requirements.txt").is_file()), here)


def _text(path: str) -> str:
    """Read a one-line file of the kernel; virtual machines and containers lack many of them."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return UNKNOWN


def _cpu_model() -> str:
    for line in _text("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or UNKNOWN


def _core_list(cores: set[int]) -> str:
    return ",".join(str(core) for core in sorted(cores))


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _chosen(options: str) -> str:
    """Return the bracketed word of "always [madvise] never"."""
    return options.partition("[")[2].partition("]")[0] or options


def cgroup_cpu() -> str:
    """Return the CPU quota as "quota period" in microseconds, of cgroup v2 or v1; "max" without one, or unknown."""
    unified = _text("/sys/fs/cgroup/cpu.max")
    if unified != UNKNOWN:
        return unified
    quota, period = (_text(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
    return UNKNOWN if UNKNOWN in (quota, period) else f"{'max' if quota == '-1' else quota} {period}"


def _cgroup_memory() -> str:
    unified = _text("/sys/fs/cgroup/memory.max")
    if unified != UNKNOWN:
        return unified
    limit = _text("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    return "max" if limit.isdigit() and int(limit) >= 2**60 else limit  # v1 writes "no limit" as a huge number


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else "none"


def _packages_digest() -> str:
    """Digest name and version of everything installed beside perflab, and the interpreter's own version."""
    told = (dist.metadata for dist in metadata.distributions())  # each look at it parses the whole file
    named = ((str(facts["Name"]), facts["Version"]) for facts in told)
    found = {f"{name}=={version}" for name, version in named if name.lower() not in FOR_CHECKS}
    return hashlib.sha256("\n".join([sys.version, *sorted(found)]).encode()).hexdigest()[:16]
