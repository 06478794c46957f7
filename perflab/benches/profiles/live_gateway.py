"""The loaded gateway that the bars look at: one launch for many short captures, or one launch per profiled process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perflab.errors import InstrumentFailure
from perflab.experiments.profile import source_root
from perflab.experiments.study import Study
from perflab.experiments.trial import Segment, Trial, TrialSpec, run_trial
from perflab.instrument.gates import REJECT_SAMPLES
from perflab.instrument.interface import Target
from perflab.instrument.pyspy import RATE_HZ, PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable
from perflab.system.launch import RunningSystem
from perflab.system.process import child_setup

SETTLE_S = 5.0
SHORT_SETTLE_S = 1.5  # of a gateway that is launched for one capture: start-up is taken out of it anyway
USERS = 20
LONGEST_S = 290.0
Key = tuple[str, str]

_HOG = """
import time
duty, period = float({duty}), 0.02
while True:
    end = time.monotonic() + duty * period
    while time.monotonic() < end:
        pass
    time.sleep((1 - duty) * period) if duty < 1 else None
"""


@dataclass(frozen=True)
class Live:
    """The running gateway as an instrument's target."""

    target: Target
    folder: Path
    core: int

    @property
    def root(self) -> Path:
        """The folder whose functions count as own."""
        return self.target.source_root

    def sampled(self, view: str, seconds: float, rate_hz: int = RATE_HZ) -> ProfileTable:
        """Return one short py-spy capture."""
        pyspy = PySpy(view, rate_hz=rate_hz)  # type: ignore[arg-type]
        return pyspy.parse(pyspy.capture(self.target, seconds, self.folder), self.root)


def on_live_gateway(
    study: Study, plant: str, work: Callable[[Live], None], *, variant: str = "baseline", mixed: bool = False
) -> Trial:
    """Launch one gateway under load and call `work` beside it; the load ends when `work` does, after 290 s at most.

    `mixed`: all kinds of users in the proportions of the system's file, not its primary ones alone.
    """
    folder = study.run.folder("profiles")

    def during(running: RunningSystem) -> bool:
        time.sleep(SETTLE_S)
        process = running.processes["gateway"]
        target = Target(source_root(study), pid=process.pid, log_path=process.log_path, cores=study.cores.others)
        work(Live(target, folder, study.cores.system[0]))
        return False

    return run_trial(study, _spec(study, plant, variant, LONGEST_S, mixed), during=during, again=True)


def scalene_on_gateway(
    study: Study, plant: str, seconds: float, variant: str = "baseline", mixed: bool = False
) -> ProfileTable:
    """Launch a fresh gateway under scalene, load it, and return its table; raises InstrumentFailure."""
    scalene, root, tables = Scalene(min_samples=REJECT_SAMPLES), source_root(study), []
    folder = study.run.folder("profiles")

    def during(running: RunningSystem) -> bool:
        time.sleep(SHORT_SETTLE_S)
        process = running.processes["gateway"]
        target = Target(root, pid=process.pid, log_path=process.log_path, cores=study.cores.others)
        tables.append(scalene.parse(scalene.capture(target, seconds, folder), root))
        return True

    run_trial(
        study,
        _spec(study, plant, variant, seconds + 30, mixed),
        wrap={"gateway": lambda argv, env: scalene.wrap(argv, env, folder, root)},
        during=during,
        again=True,
    )
    return tables[0]


def _spec(study: Study, plant: str, variant: str, length: float, mixed: bool) -> TrialSpec:
    return TrialSpec(
        name=f"bench-{variant}", variant=variant, steps=((0.0, USERS), (length, 0)), duration_s=length,
        segments=(Segment("bench", 0.0, length, USERS, SETTLE_S),), seed=study.seed, drain_s=1.0, plant=plant,
        users=dict(study.system.load.users) if mixed else {},
    )  # fmt: skip


@contextmanager
def hog(core: int, duty: float) -> Iterator[None]:
    """Burn a share of one core beside the target, in stretches of 20 ms."""
    if duty <= 0:
        yield
        return
    popen = subprocess.Popen([sys.executable, "-c", _HOG.format(duty=duty)], preexec_fn=child_setup((core,)))
    try:
        time.sleep(0.2)
        yield
    finally:
        popen.kill()
        popen.wait()


def own_order(shares: dict[Key, float]) -> list[Key]:
    """Return own functions by share: no libraries, no event loop, no start-up; all instruments can see these."""
    return [key for key in shares if not key[0].startswith("<") and key[1] != "<module>"]


def attempt(work: Callable[[], ProfileTable]) -> tuple[ProfileTable | None, str]:
    """Return a table, or why there is none: a capture that fails is a miss, and said so."""
    try:
        return work(), ""
    except InstrumentFailure as error:
        return None, str(error)
