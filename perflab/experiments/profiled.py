"""Which process of a system a profile looked at, and how much of the system's CPU that one used."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.experiments.profile import ProfilePass, profiled_process
from perflab.experiments.study import Study
from perflab.experiments.units_of_work import Window, cpu_in_window, system_cpu_in_window

NO_CHILDREN = 0.9  # of a process and its children: the sensor's ticks move the ratio by some percent
MOST = 0.5  # of the system's CPU; with less, the first place of the profile can be far from that of the system


@dataclass(frozen=True)
class Profiled:
    """The profiled process; `part` of the system's CPU is its own (0..1), `others` were not looked at.

    `alone`: its share of the CPU that it and its children used.
    """

    process: str
    part: float = 1.0
    others: tuple[str, ...] = ()
    alone: float = 1.0

    @property
    def speaks(self) -> bool:
        """Whether it used enough of the system's CPU to say what costs most there."""
        return self.part >= MOST

    @property
    def caveat(self) -> str:
        """Say what was not looked at; "" where nothing was left out."""
        if not self.others:
            return ""
        return (
            f"profiled: the process {self.process}, {100 * self.part:.0f} % of the system's CPU; not looked at: "
            f"{', '.join(self.others)}"
        )

    @property
    def next_step(self) -> str:
        """Say how to have the rest looked at; "" where the profile speaks for the system."""
        if self.speaks:
            return ""
        return (
            'Profile the rest: put another process with role = "system" first in the system\'s file, and let a server '
            "run with one worker, which is then the process itself"
        )


def profiled(study: Study, sampled: ProfilePass) -> Profiled:
    """Return the profiled process with its part of the system's CPU, from a pass of py-spy.

    Other processes are told by the unwatched stretches. Children, which an instrument of one process does not see
    either, by py-spy's first window: CPU of the process alone over that with its children; above 90 % there are said
    to be none, as the sensor's ticks alone move that ratio by some percent, so `part` is at most 1/9 too large.
    """
    trial, name = sampled.trial, profiled_process(study)
    if trial is None:
        return Profiled(name)
    others = [p.name for p in study.system.system_processes if p.name != name]
    family = sum(cpu_in_window(trial, name, span) for span in sampled.unwatched)
    everybody = sum(system_cpu_in_window(trial, study.system, span) for span in sampled.unwatched)
    part = family / everybody if others and everybody > 0 else 1.0
    alone = _alone(sampled, name)
    if alone >= NO_CHILDREN:
        return Profiled(name, part, tuple(others))
    return Profiled(name, part * alone, (f"what {name} started", *others), alone)


def _alone(sampled: ProfilePass, name: str) -> float:
    """Return the share of the process alone in its CPU with its children's, in py-spy's first window; 1 if unknown."""
    assert sampled.trial is not None
    capture = next((c for c, _ in sampled.captures.values() if c.instrument == "pyspy"), None)
    if capture is None or capture.window_s <= 0:
        return 1.0
    span = Window(capture.started_ns, capture.started_ns + int(capture.window_s * 1e9))
    family = cpu_in_window(sampled.trial, name, span)
    return capture.cpu_s / family if family > 0 else 1.0
