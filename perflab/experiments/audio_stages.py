"""What the audio stages cost inside the gateway, by who computes them: Python, compiled frame by frame, or at once.

The clients speak at 48 kHz and are resampled both ways, and the network for voice activity hears every session: the
same stages in every arm, on the same speech, in paired blocks of fresh processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.blocks import BlockPlan, BlockResult, run_blocks
from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding, percent_change, trust_of, vetoed
from perflab.experiments.null_arm import ADDED_MARGIN_MS, CPU_MARGIN, MEMORY_MARGIN, NULL, P95_MARGIN
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.stats.compare import Comparison
from perflab.stats.selection import Confirmed, confirm_family

STAGES = "client_audio=pcm48k+voice_activity=silero"
ARMS: dict[str, tuple[str, str]] = {  # arm: its strategy, and what it is called
    "pipeline=per_frame_numba": ("ST-AUDIO-10", "compiled, frame by frame"),
    "pipeline=batched": ("ST-COMPUTE-02", "compiled, all sessions every 20 ms"),
    "pipeline=batched+tick=ms5": ("ST-AUDIO-08", "compiled, all sessions every 5 ms"),
}
PLAIN = "Python and numpy, frame by frame"
USERS = 12  # what one core carries when every stage is computed in Python
OPTIONS = {"think_s": 0.3, "phrase_max_s": 1.2}
FIGURES = (  # column, name, margin, whether it is compared in milliseconds
    ("cpu_ms_per_unit", "CPU per turn", CPU_MARGIN, False),
    ("added_p50_ms", "time added", ADDED_MARGIN_MS, True),
    ("p95_ms", "response p95", P95_MARGIN, False),
    ("memory_mb", "peak memory", MEMORY_MARGIN, False),
)


@dataclass(frozen=True)
class StageQuestion:
    """Arms that are compared in one set of blocks.

    `under` is laid under all of them; `plain` names the way without any, `against` says it in a sentence, `world` the
    load; `asks` has a place for the name of an arm. `key` names the trials and `ordinal` the findings; `condition` is
    that of the findings, part of what the history knows a series by.
    """

    key: str
    ordinal: int
    under: str
    arms: Mapping[str, tuple[str, str]]
    plain: str
    against: str
    world: str
    asks: str
    condition: str = ""
    users: int = USERS


PIPELINE = StageQuestion(
    "stages", 8, STAGES, ARMS, PLAIN, f"the same stages in {PLAIN}",
    f"{USERS} clients at 48 kHz, a network listening to each", "What do the audio stages cost in the gateway, {}?",
)  # fmt: skip


@dataclass(frozen=True)
class StageJudged:
    """One figure of one arm against the plain stages."""

    arm: str
    column: str
    figure: str
    judged: Confirmed

    @property
    def said(self) -> Comparison:
        """The comparison, judged within its family."""
        return self.judged.comparison

    @property
    def shown(self) -> str:
        """The change with its interval."""
        if self.said.scale == "ratio":
            return percent_change(self.said)
        return f"{self.said.effect:+.1f} ms [{self.said.low:+.1f}, {self.said.high:+.1f}]"


@dataclass(frozen=True)
class Stages:
    """All figures of all arms, their blocks, and the checks on them."""

    judged: tuple[StageJudged, ...]
    blocks: BlockResult
    trust: tuple[TrustCheck, ...]
    problems: tuple[str, ...]
    asked: StageQuestion = PIPELINE

    def of(self, arm: str, column: str = "cpu_ms_per_unit") -> StageJudged | None:
        """Return one figure of one arm; None where it could not be computed."""
        return next((one for one in self.judged if (one.arm, one.column) == (arm, column)), None)

    def forest(self) -> list[dict[str, Any]]:
        """Return the ratio of CPU per turn of each arm, for the figure."""
        return [{"label": self.asked.arms[one.arm][1], "value": one.said.effect,
                 "low": one.said.low, "high": one.said.high,
                 "verdict": self._word(one)} for one in self.judged if one.column == "cpu_ms_per_unit"]  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per arm: the medians of its blocks, and each change with its interval."""
        rows: list[dict[str, Any]] = [{"stages": self.asked.plain, **self._medians("baseline")}]
        for arm in dict.fromkeys(one.arm for one in self.judged):
            changes = {f"{one.figure}: change": f"{one.shown} {self._word(one)}" for one in self.judged
                       if one.arm == arm and one.column in ("cpu_ms_per_unit", "added_p50_ms")}  # fmt: skip
            rows.append({"stages": self.asked.arms[arm][1], **self._medians(arm), **changes})
        return rows

    def _medians(self, arm: str) -> dict[str, Any]:
        import numpy as np

        return {f"{name} ({'MB' if column == 'memory_mb' else 'ms'})": round(float(np.median(found)), 1)
                for column, name, _, _ in FIGURES if (found := self.blocks.column(arm, column)).size}  # fmt: skip

    def _word(self, one: StageJudged) -> str:
        return "untrusted" if vetoed(self.trust) else one.said.verdict

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        told = "; ".join(f"{called}: CPU per turn {cpu.shown} {self._word(cpu)}, {self._waits(arm)}"
                         for arm, (_, called) in self.asked.arms.items() if (cpu := self.of(arm)))  # fmt: skip
        failed = [f"{check.name}: {check.observed}" for check in self.trust if check.veto and not check.passed]
        blocks = len(self.blocks.column("baseline", "block"))
        return (
            f"Against {self.asked.against} ({self.asked.world}; {blocks} blocks): "
            f"{told or 'nothing could be compared'}." + (f" No verdict: {'; '.join(failed)}." if failed else "")
        )

    @property
    def table_sentence(self) -> str:
        """Say what the tick is paid with and what a shorter one gives back, in medians."""
        import numpy as np

        plain, slow, fast = (float(np.median(self.blocks.column(arm, "added_p50_ms"))) for arm in
                             ("baseline", "pipeline=batched", "pipeline=batched+tick=ms5"))  # fmt: skip
        return (
            f"The gateway adds {plain:.1f} ms to a turn when each frame is worked on at once in Python, {slow:.1f} ms "
            f"when all sessions wait for a tick of 20 ms, {fast:.1f} ms with a tick of 5 ms (medians of the blocks)."
        )

    def _waits(self, arm: str) -> str:
        added = self.of(arm, "added_p50_ms")
        return f"time added {added.shown}" if added else "time added unknown"


def in_the_gateway(study: Study) -> Stages:
    """Measure all ways of computing in paired blocks of fresh processes, with a null arm."""
    return measured(study, PIPELINE, study.sizes.blocks, study.sizes.units_per_user)


def measured(study: Study, asked: StageQuestion, blocks: int, units_per_user: int) -> Stages:
    """Measure the arms of a question in paired blocks of fresh processes, with a null arm."""
    base = f"{study.system.judge}+{asked.under}"
    arms = {"baseline": base, NULL: base, **{arm: f"{base}+{arm}" for arm in asked.arms}}
    plan = BlockPlan(blocks, asked.users, units_per_user, OPTIONS,
                     10.0 + 2.0 * units_per_user * study.system.load.probe_seconds)  # fmt: skip
    found = run_blocks(study, arms, plan, asked.key)
    trust = trust_of([read_trial(study, name) for name in found.trials], side_by_side=True, paired=True)
    checks = (*trust, *found.null_checks, *map(found.failing_alike, asked.arms))
    return judge_stages(found, tuple(asked.arms), checks, asked)


def judge_stages(
    blocks: BlockResult, arms: tuple[str, ...], trust: tuple[TrustCheck, ...], asked: StageQuestion = PIPELINE
) -> Stages:
    """Compare each arm with the plain stages; Holm over the arms for each figure by itself.

    A figure that cannot be computed is left out for that arm, and `problems` says why.
    """
    judged: list[StageJudged] = []
    problems: list[str] = []
    for column, name, margin, in_ms in FIGURES:
        compared: dict[str, Comparison] = {}
        for arm in arms:
            try:
                compare = blocks.compare_ms if in_ms else blocks.compare
                compared[arm] = compare(arm, column, margin)
            except StatisticError as error:
                problems.append(f"{name} of {arm} cannot be computed, because {error}")
        judged += [StageJudged(one.name, column, name, one) for one in confirm_family(compared)] if compared else []
    return Stages(tuple(judged), blocks, trust, tuple(problems), asked)


def conclude_stages(study: Study, stages: Stages, figure: Evidence | None) -> list[Finding]:
    """Return one finding for each figure of each arm."""
    return [_finding(study, stages, one, figure) for one in stages.judged]


def _finding(study: Study, stages: Stages, one: StageJudged, figure: Evidence | None) -> Finding:
    asked = stages.asked
    strategy, called = asked.arms[one.arm]
    flag = one.arm.replace("=", "-").replace("+", "-").replace("_", "-")
    return finding(
        study, f"{asked.ordinal}.{flag}.{one.column.replace('_', '-')}", kind="comparison", stage="confirmed",
        question=asked.asks.format(called), condition=asked.condition, strategy=strategy,
        variant=f"{study.system.judge}+{asked.under}+{one.arm}",
        verdict="untrusted" if vetoed(stages.trust) else one.said.verdict,
        claim=f"{called[0].upper()}{called[1:]} changes {one.figure} by {one.shown} in {one.said.n} blocks, against "
        f"{asked.against} ({asked.world}).",
        effect=effect_of_comparison(one.figure, one.said, "ratio" if one.said.scale == "ratio" else "ms"),
        trust=stages.trust, evidence=evidence(figure),
        caveats=(*((one.said.caveat,) if one.said.caveat else ()), *stages.problems),
        details={"flag": one.arm, "adjusted_p": one.judged.adjusted_p, "pairs": one.said.n},
    )  # fmt: skip
