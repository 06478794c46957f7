"""The texts of a system's file: which placeholders stand where, and what would fail only once the system starts."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from urllib.parse import urlsplit

from perflab.system.spec import System
from perflab.system.tables.processes import Process

PLACEHOLDERS = ("python", "trial_dir", "seed", "flags", "system_dir")
_PORT = re.compile(r"port:([a-z][a-z0-9_]*)")
_IN_TEXT = re.compile(r"\{port:([a-z][a-z0-9_]*)\}")


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a text as ``name`` or ``name:spec``; raises ValueError at a stray brace."""
    parsed = string.Formatter().parse(text)
    return [f"{field}:{spec}" if spec else field for _, field, spec, _ in parsed if field is not None]


def text_faults(system: System) -> list[str]:
    """Return one line for each text that could not be filled in, or would ask for what nobody gives."""
    given = {*system.ports, *(name for process in system.process for name in _ports_of(process))}
    faults = [fault for where, text in _started(system) for fault in _unknown(system, where, text, None)]
    faults += [fault for where, text in _asked(system) for fault in _unknown(system, where, text, given)]
    faults += _unheard_flags(system)
    for process in system.process:
        faults += [f"process {process.name}: {fault}" for fault in _ready_faults(process)]
        if fault := _format_fault(process.flag_format):
            faults.append(f"process {process.name}: flag_format = {process.flag_format!r}: {fault}")
    return faults


def _unheard_flags(system: System) -> list[str]:
    """Return a fault for flags of which the system would never hear: all of its variants would be one program."""
    if any("{flags}" in process.command for process in system.system_processes):
        return []
    seen = {name for server in system.server for name in server.when}  # told by the server's URL, empty or not
    unheard = [flag.name for flag in system.flag if flag.name not in seen and not flag.client]
    if not unheard:
        return []
    return [
        f'flag {", ".join(unheard)}: no process is handed it: put "{{flags}}" into the command of one with role = '
        '"system"; for variables of the environment: command = ["env", "{flags}", "./server"], '
        'flag_format = "{name}={value}"; where only the load file takes it: client = true'
    ]


def _started(system: System) -> Iterator[tuple[str, str]]:
    """Yield the texts with which processes start, and whose they are; these may name ports of their own."""
    for process in system.process:
        log = [process.log.file] if process.log else []
        command = [part for part in process.command if part != "{flags}"]
        for text in (*command, *process.env.values(), process.after, *log):
            yield f"process {process.name}", text


def _asked(system: System) -> Iterator[tuple[str, str]]:
    """Yield the texts that say where a process answers: a port in them must be one that a process is given."""
    for process in system.process:
        for text in (process.ready.http, process.ready.https, process.ready.tcp):
            yield f"process {process.name}: ready", text
    for name, text in system.endpoints.items():
        yield f"endpoints.{name}", text
    yield "metrics.url", system.metrics.url


def _ports_of(process: Process) -> list[str]:
    return [name for text in (*process.command, *process.env.values()) for name in _IN_TEXT.findall(text)]


def _unknown(system: System, where: str, text: str, given: set[str] | None) -> list[str]:
    """Return the faults of one text; `given`: the ports that it may name, None = any."""
    try:
        names = placeholders(text)
    except ValueError as error:
        return [f"{where}: {text!r}: {error}; a brace that is meant is written twice"]
    known = {
        *PLACEHOLDERS,
        *(f"condition:{condition.name}" for condition in system.condition),
        *(f"server:{server.name}" for server in system.server),
    }
    faults = []
    for name in names:
        port = _PORT.fullmatch(name)
        if name == "flags":
            faults.append(f"{where}: {{flags}} in {text!r} must be an argument of its own, in command")
        elif port and given is not None and port[1] not in given:
            ports = ", ".join(sorted(given)) or "none"
            faults.append(f"{where}: no process is given port {port[1]!r} ({text!r}); ports of commands are {ports}")
        elif not port and name not in known:
            faults.append(
                f"{where}: unknown placeholder {{{name}}} in {text!r}; known are "
                f"{', '.join('{' + p + '}' for p in PLACEHOLDERS)}, {{port:NAME}}, {{condition:NAME}}, {{server:NAME}}"
            )
    return faults


def _ready_faults(process: Process) -> list[str]:
    ready = process.ready
    if ready.log:
        try:
            re.compile(ready.log)
        except re.error as error:
            return [f"ready.log = {ready.log!r}: no regular expression: {error}"]
    text = ready.tcp or ready.http or ready.https
    shape = _IN_TEXT.sub("1", text)
    if "{" in shape:  # what else stands there is known only at the start
        return []
    if ready.tcp and not re.fullmatch(r".+:[0-9]{1,5}", shape):
        return [f"ready.tcp = {text!r}: must be HOST:PORT, such as 127.0.0.1:{{port:NAME}}"]
    if text and not ready.tcp and not _is_url(shape):
        return [f"ready = {text!r}: must be a URL, such as http://127.0.0.1:{{port:NAME}}/"]
    return []


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # no number, or none of a port
        return False


def _format_fault(text: str) -> str:
    try:
        text.format(name="name", value="value")
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return "only {name} and {value} can stand in it"
    return ""
