"""What this machine can and cannot measure, each with the line that mends it: the table of `perflab doctor`."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path

from perflab.environment import UNKNOWN, cgroup_cpu
from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.clock import read_clock
from perflab.instrument.noise import PRESSURE, cgroup_file
from perflab.instrument.window import kill_group


@dataclass(frozen=True)
class Capability:
    """One thing that measuring may need; `remedy` is the line that mends its absence, empty when available."""

    name: str
    available: bool
    detail: str
    remedy: str = ""


def capabilities(cores: Set[int] | None = None) -> list[Capability]:
    """Probe everything (about one second); the order is that of the doctor's table.

    `cores`: those that a study may use; None = those that this process may use.
    """
    checks: list[Callable[[], Capability]] = [
        lambda: _cores(cores or os.sched_getaffinity(0)),
        _limits,
        _clock,
        _bytecode,
        _attach,
        _yama,
        _memray,
        _debugger,
        _scalene,
        _pressure,
        _counters,
        _energy,
        _netem,
        _promtool,
        _chromium,
        lambda: _server("redis"),
        lambda: _server("postgres"),
        lambda: _server("nginx"),
    ]
    return [check() for check in checks]


def _cores(usable: Set[int]) -> Capability:
    allowed = len(usable)
    enough = allowed >= 2
    detail = f"{allowed} of {os.cpu_count()} cores may be used ({platform.machine()}, Linux {platform.release()})"
    return Capability(
        "cores",
        enough,
        detail,
        "" if enough else "Give the machine two cores: the system and the load must not share one",
    )


def _limits() -> Capability:
    found = [
        f"{name} = {path.read_text().strip()}" for name in ("cpu.max", "memory.max") if (path := cgroup_file(name))
    ]
    if not found and (quota := cgroup_cpu()) != UNKNOWN:
        found = [f"cpu.max = {quota} (cgroup version 1)"]
    limited = any("cpu.max" in text and "max" not in text.split("=")[1] for text in found)
    return Capability(
        "no CPU quota",
        not limited,
        "; ".join(found) or "no cgroup limit",
        "Remove the CPU quota of the container (docker run without --cpus)" if limited else "",
    )


def _clock() -> Capability:
    seen = read_clock(5000)
    good = seen.monotonic and seen.cost_ns < 1000
    return Capability(
        "clock",
        good,
        f"one reading costs {seen.cost_ns:.0f} ns, smallest step {seen.tick_ns} ns",
        "" if good else "Use a kernel clock source that is read without a system call (tsc, kvm-clock)",
    )


def _bytecode() -> Capability:
    """Whether started processes find their modules compiled: without, each start takes about twice the CPU."""
    forbidden = sys.dont_write_bytecode
    return Capability(
        "compiled modules",
        not forbidden,
        "not kept: each process that starts compiles what it imports anew" if forbidden else "kept between processes",
        "unset PYTHONDONTWRITEBYTECODE (the make targets do), or python -m compileall -q .venv once"
        if forbidden
        else "",
    )


def _attach() -> Capability:
    """Start a child that sleeps and let py-spy read it."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        problems = probe.check_pyspy(child.pid)
    finally:
        kill_group(child)
    detail = problems[0].given if problems else "py-spy read the stack of a child"
    return Capability(
        "py-spy attach", not problems, detail, f"{problems[0].code}: {problems[0].mend}" if problems else ""
    )


def _yama() -> Capability:
    scope = probe.YAMA.read_text().strip() if probe.YAMA.exists() else "none"
    free = scope in ("none", "0") or proc.may_trace()
    return Capability(
        "Yama",
        free,
        f"ptrace_scope is {scope}" if scope != "none" else "the kernel has no Yama",
        "" if free else "sysctl kernel.yama.ptrace_scope=0, or run as root",
    )


def _tool(name: str, programs: tuple[str, ...], remedy: str, use: str) -> Capability:
    found = next(filter(None, map(shutil.which, programs)), None)
    return Capability(name, bool(found), found or f"not found; {use}", "" if found else remedy)


def _module(name: str, module: str, remedy: str) -> Capability:
    problems = probe.check_importable(module, sys.executable)
    return Capability(name, not problems, problems[0].given if problems else "importable", remedy if problems else "")


def _memray() -> Capability:
    return _module("memray", "memray", "pip install memray")


def _scalene() -> Capability:
    return _module("scalene", "scalene", "pip install scalene")


def _debugger() -> Capability:
    return _tool(
        "memray attach (gdb or lldb)",
        ("gdb", "lldb"),
        "apt install gdb",
        "memray is launched around the system instead",
    )


def _pressure() -> Capability:
    there = PRESSURE.exists()
    return Capability(
        "pressure (PSI)",
        there,
        "/proc/pressure/cpu" if there else "the kernel reports no pressure",
        "" if there else "Boot with psi=1; run-queue delay is used instead",
    )


def _counters() -> Capability:
    there = count_instructions() > 0
    return Capability(
        "hardware counters",
        there,
        "perf events of the core" if there else "the machine exposes no counters of its cores",
        "" if there else "Use bare metal or a virtual machine with a PMU; CPU time is used instead",
    )


def _energy() -> Capability:
    zones = list(Path("/sys/class/powercap").glob("intel-rapl:*")) if Path("/sys/class/powercap").exists() else []
    readable = any(os.access(zone / "energy_uj", os.R_OK) for zone in zones)
    return Capability(
        "energy counters (RAPL)",
        readable,
        f"{len(zones)} power zones" if zones else "no power zones",
        "" if readable else "Run as root on bare metal; energy is modelled from CPU time instead",
    )


def _netem() -> Capability:
    module = Path(f"/lib/modules/{platform.release()}")
    there = any(module.rglob("sch_netem.ko*")) if module.exists() else Path("/sys/module/sch_netem").exists()
    tool = shutil.which("tc") is not None
    detail = f"tc {'found' if tool else 'not found'}, module sch_netem {'found' if there else 'not found'}"
    return Capability(
        "netem",
        there and tool,
        detail,
        ""
        if there and tool
        else "apt install iproute2 and a kernel with sch_netem; links are impaired in user space instead",
    )


def _promtool() -> Capability:
    return _tool(
        "promtool", ("promtool",), "apt install prometheus", "alert rules are then not checked by Prometheus itself"
    )


def _chromium() -> Capability:
    programs = ("chromium", "chromium-browser", "google-chrome")
    return _tool("chromium", programs, "apt install chromium", "pages are then not looked at in a browser")


def _server(kind: str) -> Capability:
    from perflab.system.servers.kinds import kind_named

    found = kind_named(kind)
    place = found.programs()
    return Capability(
        f"{found.TITLE} server",
        place is not None,
        (f"from the wheel {found.WHEEL}" if found.WHEEL else "of this machine")
        if place
        else f"none here: {found.REMEDY}; systems that use it need a url",
        "" if place else f"{found.REMEDY}, or give the url of a server of your own in the system's file",
    )


def count_instructions() -> int:
    """Ask the kernel to count this process's instructions for a moment: 0 where the core has no counter or forbids it.

    A `cpu` folder in /sys/bus/event_source does not say that anything counts: virtual machines show it masked.
    """
    number = {"x86_64": 298, "aarch64": 241}.get(platform.machine())
    if number is None:
        return 0
    attributes = struct.pack("<IIQ104x", 0, 112 + 8, 1)  # type hardware, size, config instructions
    libc = ctypes.CDLL(None, use_errno=True)
    counter = libc.syscall(number, ctypes.create_string_buffer(attributes), 0, -1, -1, 0)
    if counter < 0:
        return 0
    try:
        sum(range(10_000))
        return int(struct.unpack("<Q", os.read(counter, 8))[0])
    finally:
        os.close(counter)
