"""`perflab load`: start a variant, drive it, print response times."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from perflab.cli.chosen_variant import chosen_variant
from perflab.cli.output import output_file
from perflab.errors import EXIT_BROKEN, EXIT_OK, EXIT_UNTRUSTED, UsageError
from perflab.experiments.study import Study, command_run, reports_folder
from perflab.runs import exclusive, write_atomic
from perflab.system.cores import default_cores, stay_on
from perflab.system.load_file import load_system
from perflab.system.spec import System
from perflab.system.tables.settings import Condition

SETTLE_SHARE = 0.25
PROGRESS_S = 5.0


@dataclass(frozen=True)
class RemoteWorkers:
    """Workers on other machines: the `master` that this machine joins, or how many join here and where."""

    master: str = ""
    count: int = 0
    bind: str = "127.0.0.1"


def run_load_command(
    system_path: str, variant: str, users: int, seconds: float, workers: int, remote: RemoteWorkers,
    conditions: list[str], hdr_file: str, as_json: bool,
) -> int:  # fmt: skip
    """Run one closed load; exit code 2 when no unit succeeded, 3 when generator or stand-ins are not to be believed."""
    system = load_system(system_path, starts=not remote.master)
    chosen = parse_conditions(system, conditions)
    log = _log_path(hdr_file, remote.master)
    if remote.master:
        return add_workers(system, users, seconds, workers, remote.master, chosen, variant)
    from perflab.experiments.conclude.parts import trust_of, vetoed, world_on_time
    from perflab.experiments.ladder import level_of
    from perflab.experiments.settling import settling_caveats
    from perflab.experiments.trial import Segment, TrialSpec, run_trial
    from perflab.experiments.units_of_work import SILENT_AFTER_S

    chosen_variant(system, variant)
    check_reachable(system, remote)
    reports = reports_folder()
    with exclusive(reports), command_run(system, reports) as run:
        cores = default_cores()
        stay_on(cores.others)
        study = Study(run, system, "load", "quick", 7, cores)
        settle = min(SETTLE_SHARE * seconds, 5.0)
        spec = TrialSpec(
            name=f"load-{users}", variant=variant, steps=((0.0, users), (seconds, 0)), duration_s=seconds,
            segments=(Segment("load", 0.0, seconds, users, settle),), conditions=chosen, seed=7, workers=workers,
            users=dict(system.load.users), remote_workers=remote.count, bind=remote.bind, drain_s=SILENT_AFTER_S,
        )  # fmt: skip
        trial = run_trial(study, spec, on_tick=None if as_json else Progress(seconds, spec.drain_s).tell)
    # Response times are the system's only where the world around it answered when it meant to.
    level, trust = level_of(study, trial, "load"), (*trust_of([trial]), *world_on_time(study, [trial], "load"))
    _print(level, trust, trial.facts.generator, as_json)
    for note in settling_caveats([level.settling]):
        typer.echo(f"perflab: note: {note}", err=True)
    if log:
        _write_log(log, trial, system.load.unit_kind)
    return exit_code(level.finished, level.failed, vetoed(trust))


def exit_code(finished: int, failed: int, refused: bool) -> int:
    """Return 2 for a load of which no unit succeeded: its response times are of nothing; 3 for one not to be judged."""
    if failed >= finished:
        typer.echo(f"perflab: no unit succeeded ({failed} of {finished} failed)", err=True)
        return EXIT_BROKEN
    return EXIT_UNTRUSTED if refused else EXIT_OK


def check_reachable(system: System, remote: RemoteWorkers) -> None:
    """Raise UsageError where workers of other machines would be sent to their own loopback.

    Their units would fail, and the response times would be those of a part of the users under the name of all.
    """
    if not remote.count or is_loopback(remote.bind.rpartition(":")[0] or remote.bind):
        return
    for name, url in system.endpoints.items():
        if is_loopback(host := urlsplit(url).hostname or ""):
            raise UsageError(
                f"--remote-workers {remote.count}: endpoint {name} of {system.path.name} is at {host}",
                "on another machine that is the worker's own loopback",
                "Give a system's file whose processes listen at, and whose endpoints name, an address of this machine",
            )


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is reached from its own machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def parse_conditions(system: System, texts: list[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as conditions of the system; raises UsageError naming what there is."""
    known, chosen = {c.name: c for c in system.condition}, {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"Condition {text!r} has no value", "a condition is NAME=VALUE", _conditions_text(known))
        if name not in known:
            raise UsageError(f"Unknown condition {text!r}", f"conditions are {', '.join(known) or 'none'}")
        if value not in known[name].values:
            raise UsageError(f"Condition {name} has no value {value!r}", f"values are {', '.join(known[name].values)}")
        chosen[name] = value
    return chosen


def _conditions_text(known: Mapping[str, Condition]) -> str:
    """Say what may be typed."""
    return "; ".join(f"{name}={'|'.join(one.values)}" for name, one in known.items()) or "This system has none"


def add_workers(
    system: System, users: int, seconds: float, workers: int, master: str, conditions: dict[str, str], variant_name: str
) -> int:
    """Join a load master that runs elsewhere, with `workers` local workers; their rows go to the master at the end."""
    from perflab.experiments.units_of_work import SILENT_AFTER_S
    from perflab.load.plan import LoadPlan
    from perflab.load.runner import run_load
    from perflab.runs import new_run_id

    folder = reports_folder() / "workers" / new_run_id("worker")  # made by the load once its plan is checked
    plan = LoadPlan(
        name="workers", host="", endpoints={}, users=dict(system.load.users), primary=system.load.primary,
        steps=((0.0, users), (seconds, 0)), duration_s=seconds, out_dir=str(folder), workers=workers, master=master,
        flags=chosen_variant(system, variant_name).flags, conditions=system.conditions(**conditions),
        options=dict(system.load.options), drain_s=SILENT_AFTER_S,
    )  # fmt: skip
    result = run_load(plan, system.resolve(system.load.file))
    typer.echo(f"{result.rows} rows of this machine's workers went to {master}")
    return EXIT_OK


def _log_path(hdr_file: str, master: str) -> Path | None:
    """Return where the interval log goes, if anywhere."""
    if hdr_file and master:
        raise UsageError("--hdr with --master", "the response times are with the master", "Give --hdr to the master")
    return output_file("--hdr", hdr_file)


def _write_log(path: Path, trial: Any, kind: str) -> None:
    from perflab.experiments.interval_log import interval_log

    text, units = interval_log(trial, kind, "load")
    write_atomic(path, text)
    typer.echo(f"{units} response times are in {path} (HdrHistogram interval log)", err=True)


class Progress:
    """How far a load is, a line every 5 s; after its last second, once, what it still waits for."""

    def __init__(self, seconds: float, drain_s: float) -> None:
        self._seconds, self._drain_s, self._next = seconds, drain_s, 0.0

    def tell(self, at: float) -> None:
        """Print the line that is due `at` seconds after the load began, if any."""
        if at < min(self._next, self._seconds) or self._next == math.inf:
            return
        if at < self._seconds:
            typer.echo(f"  {at:.0f} of {self._seconds:.0f} s", err=True)
            self._next = at - at % PROGRESS_S + PROGRESS_S
            return
        over = f"  {self._seconds:.0f} of {self._seconds:.0f} s"
        typer.echo(f"{over}; waiting up to {self._drain_s:.0f} s for the last answers", err=True)
        self._next = math.inf


def _finite(value: Any) -> Any:
    """Return the value with None for each NaN or infinity in it: JSON has neither, and its readers refuse both."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(level: Any, trust: Any, generator: dict[str, float], as_json: bool) -> None:
    from perflab.experiments.conclude.load import level_row
    from perflab.experiments.units_of_work import failures_text

    row = level_row(level)
    if as_json:
        checks = [check.model_dump() for check in trust]
        typer.echo(json.dumps(_finite({"level": row, "generator": generator, "trust": checks})))
        return
    for name in ("p50", "p95"):
        interval = getattr(level, name)
        said = f"{interval.value:.0f} ms [{interval.low:.0f}, {interval.high:.0f}]" if interval else "too few units"
        typer.echo(f"response {name}: {said} (n = {level.n})")
    failed = failures_text(level.failed, level.finished, level.failed_as)
    typer.echo(
        f"{level.throughput_per_s:.2f} units/s, {failed} failed, CPU "
        f"{level.cpu_percent:.0f} % of a core, memory {level.memory_mb:.0f} MB"
    )
    for check in trust:
        if not check.passed:
            typer.echo(f"{'veto' if check.veto else 'warning'}: {check.name}: {check.observed} (limit: {check.limit})")
