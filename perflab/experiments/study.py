"""A study: one run of one system, as a notebook or a command sees it."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from perflab.errors import PerflabError, UsageError
from perflab.experiments.code_state import changes_digest, commit_of, perflab_commit
from perflab.experiments.effort import Effort, sizes_of
from perflab.findings.finding import EvidenceLevel, Finding, dump_findings
from perflab.runs import Manifest, Run, concluded, list_runs, machine_free, new_run_id, write_atomic
from perflab.system.cores import Cores, default_cores, stay_on
from perflab.system.load_file import load_system
from perflab.system.spec import System
from perflab.system.variant import Variant, variant

EFFORTS = ("quick", "full")


def reports_folder() -> Path:
    """Return where runs are kept: `PERFLAB_REPORTS`, or `reports/` below the project or the working directory."""
    if os.environ.get("PERFLAB_REPORTS"):
        return Path(os.environ["PERFLAB_REPORTS"]).resolve()
    here = Path.cwd().resolve()
    project = next((p for p in (here, *here.parents) if (p / "pyproject.toml").is_file()), here)
    return project / "reports"


@dataclass(frozen=True)
class Study:
    """What every experiment needs: where to write, what to measure, on which cores, how thoroughly."""

    run: Run
    system: System
    notebook: str
    effort: str
    seed: int
    cores: Cores
    time_scale: float = 1.0

    @property
    def sizes(self) -> Effort:
        """The counts and lengths of this study's effort."""
        return sizes_of(self.effort, self.time_scale)

    @property
    def quick(self) -> bool:
        """Whether this study takes minutes and its evidence is marked so."""
        return self.effort == "quick"

    @property
    def level(self) -> EvidenceLevel:
        """The evidence level of what is measured here."""
        return "measured-quick" if self.quick else "measured-full"

    @property
    def load_file(self) -> Path:
        """The locust file that drives the system."""
        return self.system.resolve(self.system.load.file)

    def variant(self, name: str) -> Variant:
        """Return a variant of the system by name."""
        return variant(self.system, name)

    def progress(self, step: str, done: float, total: float, detail: str = "", left_s: float | None = None) -> None:
        """Tell whoever watches the run what is happening."""
        self.run.progress(f"{self.notebook}: {step}", done, total, detail, left_s)

    def save_findings(self, findings: Sequence[Finding]) -> None:
        """Replace this notebook's findings; the page is rebuilt from them."""
        write_atomic(self.run.folder("findings") / f"{self.notebook}.json", dump_findings(list(findings)))


@dataclass(frozen=True)
class Asked:
    """The settings that a notebook is opened with, which must be those of its run; `digest`: of the system's file."""

    effort: str
    seed: int
    time_scale: float
    digest: str

    @property
    def text(self) -> str:
        """The settings in words."""
        return f"effort {self.effort}, rng_seed {self.seed}, time_scale {self.time_scale:g}"

    def unlike(self, manifest: Manifest) -> list[str]:
        """Return one phrase for each setting in which a run was measured otherwise."""
        own = {"effort": manifest.effort, "rng_seed": manifest.rng_seed,
               "time_scale": float(manifest.notes.get("time_scale", 1.0))}  # fmt: skip
        asked = {"effort": self.effort, "rng_seed": self.seed, "time_scale": self.time_scale}
        found = [f"{name} {own[name]}, not {asked[name]}" for name in own if own[name] != asked[name]]
        same = manifest.system_digest == self.digest
        return found if same else [*found, f"{manifest.system}, since changed or not the one that is asked for"]

    def opened(self, path: Path) -> Run:
        """Return the run in a folder; raises UsageError naming every setting in which it was measured otherwise."""
        run = Run.open(path)
        if other := self.unlike(run.manifest):
            raise UsageError(
                f"Run {run.id} was measured with {'; '.join(other)}",
                "a run has one effort, seed, time scale and system",
                "Give the run's own, or start a new run with an empty run_dir",
            )
        return run


def create_run(system: System, system_path: str, effort: str, seed: int, reports: Path, planted: str = "") -> Run:
    """Start a new run: its folder, manifest, environment fingerprint and the commit of the system's own repository."""
    from perflab.environment import fingerprint

    if effort not in EFFORTS:
        raise UsageError(f"Unknown effort {effort!r}", f"effort is one of {', '.join(EFFORTS)}")
    manifest = Manifest(
        run_id=new_run_id(effort),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        system=system_path,
        system_name=system.name,
        system_digest=system.digest,
        effort="full" if effort == "full" else "quick",
        domain=system.domain,
        rng_seed=seed,
        commit=commit_of(system.path.parent),
        perflab_commit=perflab_commit(),
        changes_digest=changes_digest(system, reports_folder()),
        command=" ".join(sys.argv[1:]),
        fingerprint=fingerprint(),
        planted=planted,
    )
    return Run.create(reports, manifest)


def command_run(system: System, reports: Path, seed: int = 7) -> AbstractContextManager[Run]:
    """Start a run of one command at quick effort, which says at the end of the block how it ended."""
    return concluded(create_run(system, str(system.path), "quick", seed, reports))


def open_study(
    notebook: str,
    system: str,
    effort: str,
    domain: str,
    rng_seed: int,
    run_dir: str,
    needs: Sequence[str] = (),
    time_scale: float = 1.0,
) -> Study:
    """Return the study that a notebook works in.

    With an empty `run_dir` (a notebook opened by hand) a notebook that needs others takes the latest run of the
    same system and settings in which those are done, and one that needs none starts a run of its own; either says so.
    Raises UsageError where the run in `run_dir` was measured with other settings: it would hold two in one comparison.
    """
    described = load_system(system_path(system))
    if domain and domain != described.domain:
        raise UsageError(f"domain {domain!r} does not match the system's", f"{system} is of domain {described.domain}")
    asked = Asked(effort, rng_seed, time_scale, described.digest)
    with machine_free():  # by hand nothing holds it: then at least nobody else may be measuring now
        run = asked.opened(Path(run_dir)) if run_dir else _run_by_hand(described, system, asked, needs, notebook)
    cores = default_cores()
    stay_on(cores.others)
    return Study(run, described, notebook, effort, rng_seed, cores, time_scale)


def _run_by_hand(system: System, path: str, asked: Asked, needs: Sequence[str], notebook: str) -> Run:
    if not needs:
        run = create_run(system, path, asked.effort, asked.seed, reports_folder())
        run.update(command=f"notebook {notebook}")  # the kernel's own arguments say nothing
        atexit.register(_left, run)
        run.note("time_scale", asked.time_scale)
        print(f"No run_dir given: started run {run.id}")
        return run
    for run in list_runs(reports_folder())[0]:
        done = {step.name for step in run.manifest.steps if step.status == "done"}
        if set(needs) <= done and not asked.unlike(run.manifest):
            print(f"No run_dir given: reading run {run.id}")
            return run
    raise UsageError(
        f"No run of {system.name} has {', '.join(needs)} at {asked.text}",
        "a notebook reads a run of its own settings",
        f"Make one with: perflab spike --system {path} --effort {asked.effort}, or give the settings of a run",
    )


def _left(run: Run) -> None:
    """Say of a run whose kernel ends that it is over: nobody knows whether all of its cells were run."""
    with suppress(PerflabError, OSError):
        run.reload()
        if run.manifest.status == "running":
            run.update(status="interrupted")


def system_path(text: str) -> Path:
    """Return the TOML's path: as given, or relative to the project when a notebook runs in its own folder."""
    path = Path(text)
    if path.is_absolute() or path.exists():
        return path
    beside = reports_folder().parent / path
    return beside if beside.exists() else path
