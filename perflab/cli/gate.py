"""`perflab gate`: does the suspect stand against the last good? The exit code is for CI."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import typer

from perflab.cli.chosen_variant import chosen_variant
from perflab.cli.gate_text import Said
from perflab.cli.output import output_file
from perflab.environment import fingerprint, short_fingerprint
from perflab.errors import EXIT_OK, EXIT_UNTRUSTED, UsageError
from perflab.experiments.study import Study, create_run, reports_folder
from perflab.history.store import HistoryStore
from perflab.history.timeline import Suspect, Timeline, timelines, unjudged_sentence
from perflab.runs import Run, concluded, exclusive, write_atomic
from perflab.strict_json import json_text
from perflab.system.checkout import at_ref, repository_of, with_sources, with_world_of
from perflab.system.cores import default_cores, stay_on
from perflab.system.load_file import load_system
from perflab.system.spec import System
from perflab.system.variant import BASELINE

VARIANT = "variant:"
SHIPPED = (BASELINE, "optimised")


@dataclass(frozen=True)
class Named:
    """A figure of the history that looks worse."""

    figure: str
    metric: str
    suspect: Suspect
    variant: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        at = f"commit {self.suspect.commit[:12]}" if self.suspect.commit else f"run {self.suspect.run_id}"
        return f"{self.figure}: {self.suspect.moved} since {at} ({self.suspect.why})"


@dataclass(frozen=True)
class LastGood:
    """What the suspect is held against."""

    system: System
    variant: str
    name: str


def run_gate(
    baseline: str, words: Sequence[str], system_path: str, variant: str, metric: str, always: bool, json_file: str
) -> int:
    """Look for a suspect, measure it against the last good, print what moved; return the exit code."""
    sizes, report = parse_sizes(words), output_file("--json", json_file)
    system, reports = load_system(system_path), reports_folder()
    chosen = variant or system.judge
    _check_sizes(sizes, metric)
    # A typing error must not be a green gate: the last good is resolved before there may be nothing to measure.
    with _last_good(baseline, system, chosen) as (good, suspect):
        for name, arm in ((chosen, suspect), (good.variant, good.system)):
            chosen_variant(arm, name)
        series = _series(system, reports)
        suspects = _suspects(series)
        for named in suspects:
            typer.echo(f"The history suspects {named}", err=True)
        measured, left = _of_variant(suspects, chosen)
        if not (measured or metric or always):
            return _only_elsewhere(left, chosen, json_file) if left else _no_suspect(series, json_file)
        from perflab.experiments.gate import FIRST, USUAL, check_blocks, gate_plan
        from perflab.experiments.gate import run_gate as measure
        from perflab.report.calibration import calibration_of

        judged = columns_of(metric) if metric else _columns_of_all(measured) or USUAL
        check_blocks(int(sizes.get("blocks", FIRST)), judged)
        with exclusive(reports), concluded(_run(suspect, system, sizes, reports)) as run:
            cores = default_cores()
            stay_on(cores.others)
            study = Study(run, suspect, "gate", "quick", run.manifest.rng_seed, cores)
            plan = gate_plan(study, sizes, judged)
            count = f"{plan.blocks} to {plan.most}" if plan.stop else str(plan.blocks)
            typer.echo(f"Measuring {count} blocks {{last good, last good again, suspect}}: {good.name} against "
                       f"{system.path.name} as it stands, {plan.users} users", err=True)  # fmt: skip
            found = measure(study, good.system, (good.variant, chosen), plan, judged, sizes.get("margin"))
    said = Said(found, system, chosen, good.name, calibration_of(run), tuple(map(_not_measured, left)))
    typer.echo("\n".join(said.lines))
    for warning in found.warnings:
        typer.echo(f"perflab: note: {warning}", err=True)
    if report:
        body = {**said.as_dict(), "suspects": [asdict(s) for s in suspects], "run": run.id}
        write_atomic(report, json_text(body, indent=1))
    return said.exit_code


def _check_sizes(sizes: dict[str, float], metric: str) -> None:
    """Raise UsageError for what no history could make measurable: an unknown metric, blocks that confirm nothing.

    Without a metric the history says how many figures are judged; here it is held to what one of them needs.
    """
    judged = columns_of(metric) if metric else ("",)
    if "blocks" in sizes:
        from perflab.experiments.gate import check_blocks

        check_blocks(int(sizes["blocks"]), judged)


def _run(suspect: System, system: System, sizes: dict[str, float], reports: Path) -> Run:
    return create_run(suspect, str(system.path), "quick", int(sizes.get("seed", 7)), reports)


def _series(system: System, reports: Path) -> list[Timeline]:
    """Return the history of this system on this machine."""
    mine = short_fingerprint(fingerprint())
    store = HistoryStore(reports)
    renewed = store.renew()
    rows, problems = store.rows("system = ? AND fingerprint = ?", (system.name, mine))
    for problem in (*renewed, *problems):
        typer.echo(f"perflab: {problem}", err=True)
    return timelines(rows) if rows else []


def _suspects(series: Sequence[Timeline]) -> list[Named]:
    """Return what looks worse."""
    found = [(line, line.suspect()) for line in series]
    return [Named(line.key.label, line.key.metric, suspect, line.key.variant) for line, suspect in found if suspect]


def _of_variant(suspects: Sequence[Named], chosen: str) -> tuple[list[Named], list[Named]]:
    """Return the suspects that measuring a variant decides on, and those of other variants, which it cannot clear.

    Left out are single flags and the arms of laboratories: nobody ships them, and their own notebook measures them.
    """
    measured = [named for named in suspects if named.variant in ("", chosen)]
    return measured, [named for named in suspects if named.variant in SHIPPED and named not in measured]


def _not_measured(named: Named) -> str:
    return f"{named.figure} (pass --variant {named.variant})"


def _only_elsewhere(left: Sequence[Named], chosen: str, json_file: str) -> int:
    """Refuse to clear what would not be measured: every suspect is a figure of another variant."""
    names = [_not_measured(named) for named in left]
    said = f"Refused to judge variant {chosen}: the history suspects other variants alone: {'; '.join(names)}."
    typer.echo(said)
    if json_file:
        body = {"outcome": "refused", "exit_code": EXIT_UNTRUSTED, "figures": [], "says": said, "not_measured": names}
        write_atomic(Path(json_file), json_text({**body, "suspects": [asdict(named) for named in left]}, indent=1))
    return EXIT_UNTRUSTED


def _no_suspect(series: Sequence[Timeline], json_file: str) -> int:
    said = "No suspect in the history of this system on this machine; nothing was measured (--always measures anyway)"
    unjudged = unjudged_sentence(series) if series else "The history of this system on this machine is empty."
    typer.echo("\n".join(filter(None, (said, unjudged))))
    if json_file:
        body = {"outcome": "no suspect", "exit_code": EXIT_OK, "figures": [], "unjudged": unjudged}
        write_atomic(Path(json_file), json_text(body))
    return EXIT_OK


@contextmanager
def _last_good(baseline: str, system: System, variant: str) -> Iterator[tuple[LastGood, System]]:
    """Yield the last good and the suspect, which differ in nothing but what is to be compared."""
    if baseline.startswith(VARIANT):
        yield LastGood(system, baseline.removeprefix(VARIANT), f"variant {baseline.removeprefix(VARIANT)}"), system
    elif baseline.endswith(".toml"):
        other = load_system(baseline)
        yield LastGood(with_world_of(other, system), variant, f"system file {baseline}"), system
    else:
        with at_ref(system, baseline) as (old, commit):
            good = LastGood(with_world_of(old, system), variant, f"{baseline} ({commit[:12]})")
            yield good, with_sources(system, repository_of(system))


def columns_of(metric: str) -> tuple[str, ...]:
    """Return the figures of the gate that a metric is decided by: CPU, memory, response p50, p95.

    A rate or a capacity (requests per minute, users per core) rests on CPU and on response time. A time that names no
    percentile may be the tail (a target's p95) or the middle: both decide.
    """
    text = metric.lower()
    if "cpu" in text:
        return ("cpu_ms_per_unit",)
    if "memory" in text or "rss" in text:
        return ("memory_mb",)
    if "added" in text:
        return ("added_p50_ms",)
    if re.search(r"p9\d", text):
        return ("p95_ms",)
    if "p50" in text:
        return ("p50_ms",)
    if "error" not in text and any(word in text for word in ("rate", "users", "sessions", "throughput")):
        return ("cpu_ms_per_unit", "p50_ms")
    if any(word in text for word in ("latency", "response", "time")):
        return ("p50_ms", "p95_ms")
    raise UsageError(
        f"The gate cannot measure {metric!r} again", "CPU, latency, p95, memory or a metric of the history"
    )


def _columns_of_all(suspects: Sequence[Named]) -> tuple[str, ...]:
    """Return the figures that decide on all suspects; what the gate cannot measure again is named on stderr."""
    found: dict[str, None] = {}
    for named in suspects:
        try:
            found |= dict.fromkeys(columns_of(named.metric))
        except UsageError as error:
            typer.echo(f"perflab: note: {error}", err=True)
    return tuple(found)


class _Sizes(argparse.ArgumentParser):
    """A parser whose faults are usage errors of one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"After --: {message}", "sizes are --users, --blocks, --units, --limit-s, --cap-s, --margin, --seed"
        )


def parse_sizes(words: Sequence[str]) -> dict[str, float]:
    """Return the sizes of the measurement that were given after `--`; raises UsageError for any other word."""
    parser = _Sizes(prog="perflab gate --", add_help=False, allow_abbrev=False)
    for name, kind in (("users", int), ("blocks", int), ("units", int), ("seed", int), ("limit-s", float),
                       ("cap-s", float), ("margin", float)):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind)
    given = {name: value for name, value in vars(parser.parse_args(list(words))).items() if value is not None}
    for name, value in given.items():
        if name == "margin" and value >= 1:
            raise UsageError(f"After --: margin is {value:g}", "a share below 1: 0.05 = 5 %")
        most = 10_000 if name in ("users", "blocks", "units") else 2**31
        if not (0 < value <= most or (name == "seed" and value == 0)):
            raise UsageError(f"After --: {name} is {value:g}", f"above 0 and at most {most:,}")
    return given
