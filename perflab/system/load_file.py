"""Read a system's TOML file and say what is wrong with it, one clear line for each fault."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from perflab.errors import SystemFileError, UsageError
from perflab.system.load_source import load_file_faults
from perflab.system.needs import need_faults
from perflab.system.spec import System
from perflab.system.tables.load import Measure
from perflab.system.tables.processes import Process
from perflab.system.texts import placeholders, text_faults
from perflab.system.variant import BASELINE, same_program

SCHEMA = 1


def load_system(path: str | Path, *, starts: bool = True) -> System:
    """Return the system in the TOML file at `path`; raises SystemFileError with the first fault.

    `starts`: its processes are to run on this machine, so that their programs must be here.
    """
    system, faults = check_system(Path(path), starts=starts)
    if faults or system is None:
        more = f" (and {len(faults) - 1} more: perflab system check {path})" if len(faults) > 1 else ""
        raise SystemFileError(f"{path}: {faults[0]}{more}")
    return system


def check_system(path: Path, *, starts: bool = True) -> tuple[System | None, list[str]]:
    """Return the system, or None, and every fault of the file as one line; `starts` as of `load_system`."""
    if not path.is_file():
        return None, [f"no such file (looked for {path.absolute()}); a system is described by a TOML file"]
    raw = path.read_bytes()
    try:
        body = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return None, [f"not valid TOML: {error}"]
    try:
        system = System.model_validate({**body, "path": path.resolve(), "digest": hashlib.sha256(raw).hexdigest()})
    except ValidationError as error:
        return None, shape_faults(error)
    if "judge" not in system.model_fields_set and same_program(system, BASELINE, system.judge):
        system = system.model_copy(update={"judge": BASELINE})  # there is no other variant that a page could speak of
    faults = [*_file_faults(system, starts), *_name_faults(system), *_server_faults(system), *text_faults(system)]
    faults += [*load_file_faults(system), *_strategy_faults(system)]
    return system, [*faults, *need_faults(system), *_card_faults(system)]


def shape_faults(error: ValidationError) -> list[str]:
    """Return one line for each fault of a file's shape: unknown and missing keys, values of another type.

    What follows from another fault is left out: a list of which one entry is wrong counts as empty.
    """
    items = error.errors()
    wrong = {item["loc"][0] for item in items if len(item["loc"]) > 1}
    told = [i for i in items if i["type"] != "too_short" or len(i["loc"]) > 1 or i["loc"][0] not in wrong]
    return [_fault_line(item) for item in told]


def _fault_line(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "file"
    problem = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        problem = "unknown key"
    elif item["type"] == "missing":
        problem = "is required and missing"
    elif item["type"] == "tuple_type":
        one = "[[...]] in place of [...]" if isinstance(item["input"], dict) else f"[{item['input']!r}, ...]"
        problem = f"must be a list, such as {one}"
    return f"{where}: {problem}"


def missing_servers(system: System) -> list[str]:
    """Return one line for each server that cannot be started here, with its remedy.

    No fault of the file: a variant that does not use the server runs without it.
    """
    from perflab.system.servers.server import required

    lacking = {s.name: required(s.kind) for s in system.server if not s.own_url}
    return [f"server {name}: {what}" for name, what in lacking.items() if what]


def _server_faults(system: System) -> list[str]:
    from perflab.system.servers.own import url_fault

    flags = {flag.name: flag.names for flag in system.flag}
    faults = [
        f"server {s.name}: {fault}" for s in system.server if s.own_url and (fault := url_fault(s.kind, s.own_url))
    ]
    for server in system.server:
        for flag, values in server.when.items():
            unknown = [value for value in values if value not in flags.get(flag, ())]
            if flag not in flags:
                faults.append(f"server {server.name}: when names flag {flag!r}, flags are {', '.join(flags) or 'none'}")
            elif unknown:
                faults.append(f"server {server.name}: flag {flag} has no value {', '.join(map(repr, unknown))}")
    return [*faults, *_settings_faults(system)]


def _settings_faults(system: System) -> list[str]:
    """A setting may name the URL of a server further up; nothing else of the file's placeholders is known by then."""
    faults, above = [], set[str]()
    for server in system.server:
        for key, value in server.settings.items():
            try:
                names = placeholders(value if isinstance(value, str) else "")
            except ValueError as error:
                faults.append(f"server {server.name}: setting {key} = {value!r}: {error}")
                continue
            if any(name not in above for name in names):
                faults.append(f"server {server.name}: setting {key} = {value!r}: only {{server:NAME}} of a server "
                              "further up can stand in a setting")  # fmt: skip
        above.add(f"server:{server.name}")
    return faults


def _file_faults(system: System, starts: bool) -> list[str]:
    faults = [] if system.schema_ == SCHEMA else [f"schema = {system.schema_}: this perflab reads schema {SCHEMA}"]
    for key, name in (
        ("load.file", system.load.file),
        ("targets", system.targets),
        ("strategies", system.strategies),
        ("cards", system.cards),
        ("source", system.source),
    ):
        if name and not system.resolve(name).exists():
            faults.append(f"{key} = {name!r}: no such file (looked for {system.resolve(name)})")
    for process in system.process:
        if process.cwd and not system.resolve(process.cwd).is_dir():
            faults.append(f"process {process.name}: cwd = {process.cwd!r}: no such folder")
        elif starts and (lacking := _missing_program(system, process)):
            faults.append(f"process {process.name}: command = [{lacking!r}, ...]: no such program on this machine")
    return faults


def _missing_program(system: System, process: Process) -> str:
    """Return the program of a command where this machine has none of that name; "" where it has, or none can tell.

    A path is relative to `cwd`; without one the process runs in a folder that is not there yet. A name is looked for
    where this process's PATH says, so that none can tell where the process has a PATH of its own.
    """
    parts = [part for part in process.command if "{" not in part and "=" not in part]
    if not process.command or process.command[0] not in parts:
        return ""
    program = parts[0]
    if program == "env" and len(process.command) > 1:
        rest = [part for part in process.command[1:] if "=" not in part and part != "{flags}"]
        program = rest[0] if rest and not rest[0].startswith("-") and "{" not in rest[0] else program
    own_path = "PATH" in process.env or any(part.startswith("PATH=") for part in process.command)
    if own_path if "/" not in program else not (Path(program).is_absolute() or process.cwd):
        return ""
    found = system.resolve(process.cwd) / program if "/" in program else shutil.which(program)
    return "" if found and (shutil.which(found) or Path(found).is_file()) else program


def _strategy_faults(system: System) -> list[str]:
    """A value's strategy is one of the file's own catalogue, where it names one."""
    if not system.strategies or not system.resolve(system.strategies).is_file():
        return []
    from perflab.findings.catalogue import load_strategies

    try:
        known = {strategy.id for strategy in load_strategies(system.resolve(system.strategies))}
    except UsageError as error:
        return [] if system.cards else [f"strategies: {error}".rstrip(".")]  # with cards it is told as theirs
    return [
        f"flag {flag.name}: value {value.value!r}: strategies has no {value.strategy}"
        for flag in system.flag
        for value in flag.values
        if value.strategy and value.strategy not in known
    ]


def _card_faults(system: System) -> list[str]:
    """A card is of a strategy that the catalogue has."""
    if not system.cards or not system.resolve(system.cards).exists():
        return []
    if not system.strategies:
        return ["cards: needs strategies, the catalogue that they belong to"]
    from perflab.findings.catalogue import load_cards, load_strategies

    try:
        load_cards(system.resolve(system.cards), load_strategies(system.resolve(system.strategies)))
    except UsageError as error:
        return [f"cards: {error}".rstrip(".")]
    return []


def _name_faults(system: System) -> list[str]:
    faults: list[str] = []
    groups: dict[str, tuple[Any, ...]] = {
        "process or server": (*system.process, *system.server),
        "flag": system.flag,
        "scenario": system.scenario,
        "condition": system.condition,
    }
    for kind, items in groups.items():
        names = [item.name for item in items]
        faults += [f"{kind} {name!r} is defined twice" for name in sorted({n for n in names if names.count(n) > 1})]
    scenarios = {s.name for s in system.scenario}
    faults += [
        f"target_scenario.{target} = {name!r}: no such scenario"
        for target, name in system.target_scenario.items()
        if name not in scenarios
    ]
    faults += [f"measure {m.metric!r}: {problem}" for m in system.measure for problem in _measure_faults(m, scenarios)]
    for condition in system.condition:
        faults += [
            f"condition {condition.name}: {value!r} is not one of its values"
            for value in (condition.default, *condition.judged)
            if value not in condition.values
        ]
    faults += [
        f"spans.sum {s.name!r}: rows = {s.rows!r} is the unit of work: leave rows out"
        for s in system.spans.sum
        if s.rows == system.load.unit_kind
    ]
    if not system.system_processes:
        faults.append('process: none has role = "system"; there is nothing to measure')
    if system.judge not in ("baseline", "optimised"):
        faults.append(f"judge = {system.judge!r}: must be baseline or optimised")
    elif system.judge != BASELINE and same_program(system, BASELINE, system.judge):
        faults.append(f"judge = {system.judge!r}: no flag's optimised value differs from its first one, so that there "
                      "is no such variant: leave judge out, or give a flag")  # fmt: skip
    return faults


def _measure_faults(measure: Measure, scenarios: set[str]) -> list[str]:
    faults = []
    of_rows = ("latency", "rate_per_min", "megabytes_per_min", "error_percent", "sustained_users")
    if measure.kind in of_rows and not measure.rows:
        faults.append(f"kind {measure.kind} needs rows")
    if measure.scenario and measure.scenario not in scenarios:
        faults.append(f"no such scenario {measure.scenario!r}")
    return faults
