"""Ways of doing the same work, side by side on one server: paired blocks in random order, the first way twice."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeVar

import numpy as np

from perflab.errors import UsageError
from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding, vetoed
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.conclude import ArmJudged
from perflab.experiments.strategies.experiment import BASE, FigureSpec, StrategyExperiment, Target
from perflab.experiments.strategies.run import ExperimentResult, Sizes
from perflab.experiments.study import Study
from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck, Verdict
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.instrument.proc import descendants, stat
from perflab.stats.schedule import balanced_blocks, block_seed

QUICK_BLOCKS, FULL_BLOCKS = 14, 40  # 14: a step seen in every block passes Holm over 400 ways, 400 * 2^(1 - n) <= 0.05
MEDIAN = FigureSpec("p50_ms", "response median", "ms", 0.05)
ONE_START = "one server process for all blocks: how starts differ from each other is not in the interval"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Done:
    """What a way did in one block: float64 [operations] milliseconds, and a digest of its answers.

    `cpu_s`: what this process used in the operations alone; None = whatever it used in the whole block.
    """

    ms: np.ndarray
    answers: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    cpu_s: float | None = None

    @property
    def written(self) -> Done:
        """The same without answers: what a driver says of a write depends on the way of writing."""
        return replace(self, answers="")


Work = Callable[[np.random.Generator], Done]


@dataclass(frozen=True)
class Contest:
    """One question. `ways`: name to work, the first one what is done without the strategy.

    `pids`: the servers whose CPU (children included) and memory are the price beside this process' own; none: this
    process alone. `strategies` names a way's strategy where it is not `strategy`. `plans`: way to its query plan;
    `facts`: way to a fixed price, such as the size of an index. `unlike`: ways that give other answers on purpose.
    `before` runs before every way of every block, not measured: it brings the same state back.
    """

    key: str
    strategy: str
    title: str
    condition: str
    ways: Mapping[str, Work]
    pids: tuple[int, ...] = ()
    strategies: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[FigureSpec, ...] = ()
    unlike: tuple[str, ...] = ()
    before: Callable[[str], None] | None = None
    price: str = ""
    turns: str = ""

    @property
    def base(self) -> str:
        """The way that the others are compared with."""
        return next(iter(self.ways))


def run_contest(contest: Contest, blocks: int, seed: int) -> ExperimentResult:
    """Run every way once a block on the same random numbers, the first one twice; one warming block is thrown away.

    One process and one server serve all blocks, so that intervals hold the spread between blocks, not between starts.
    """
    arms = {BASE: contest.ways[contest.base], NULL: contest.ways[contest.base],
            **{name: work for name, work in contest.ways.items() if name != contest.base}}  # fmt: skip
    order = balanced_blocks(list(arms), blocks, seed)
    rows = []
    for block, names in enumerate((order[0], *order)):
        for name in names:
            row = _measured(contest, name, arms[name], block - 1, np.random.default_rng(block_seed(seed, block)))
            if block:
                rows.append(row)
    told = StrategyExperiment(
        key=contest.key, strategy=contest.strategy, title=contest.title, condition=contest.condition, work=_not_started,
        arms=tuple(name for name in contest.ways if name != contest.base), base=contest.base,
        figures=(MEDIAN, *contest.figures), strategies=contest.strategies, price=contest.price, turns=contest.turns,
    )  # fmt: skip
    return ExperimentResult(told, tuple(rows), Sizes(blocks, 0.0, fresh=True))


async def _not_started(target: Target) -> NoReturn:
    raise UsageError("This comparison has no system to start", "it is run by run_contest")


def _measured(contest: Contest, name: str, work: Work, block: int, rng: np.random.Generator) -> dict[str, Any]:
    if contest.before:
        contest.before(contest.base if name in (BASE, NULL) else name)
    pids = [pid for root in contest.pids for pid in (root, *descendants(root))]
    before, own = {pid: _cpu(pid) for pid in pids}, time.process_time()
    done = work(rng)
    after = {pid for root in contest.pids for pid in (root, *descendants(root))}
    spent = time.process_time() - own if done.cpu_s is None else done.cpu_s
    spent += sum(max(_cpu(pid) - before.get(pid, 0.0), 0.0) for pid in after)
    seen = [one for pid in (after or {os.getpid()}) if (one := stat(pid))]
    return {
        "arm": name, "block": block, "requests": int(done.ms.size), "failed": 0,
        "cpu_ms_per_request": 1000 * spent / done.ms.size, "p50_ms": float(np.quantile(done.ms, 0.5)),
        "p95_ms": float(np.quantile(done.ms, 0.95)), "memory_mb": sum(one.rss_bytes for one in seen) / 1e6,
        "answers": done.answers, **done.figures,
    }  # fmt: skip


def _cpu(pid: int) -> float:
    try:
        return process_cpu_s(pid)
    except ProcessLookupError:
        return 0.0


def timed(items: Sequence[Item], one: Callable[[Item], Any]) -> Done:
    """Do one thing after the other, each timed, and digest what came back."""
    took, answers, cpu = np.zeros(len(items)), hashlib.sha256(), 0.0
    for i, item in enumerate(items):
        used, began = time.process_time(), time.perf_counter()
        answer = one(item)
        took[i] = 1e3 * (time.perf_counter() - began)
        cpu += time.process_time() - used
        answers.update(repr(answer).encode())
    return Done(took, answers.hexdigest(), cpu_s=cpu)


async def timed_async(items: Sequence[Item], one: Callable[[Item], Awaitable[Any]]) -> Done:
    """As `timed`, for work that is awaited; records of a database are compared as tuples."""
    took, answers, cpu = np.zeros(len(items)), hashlib.sha256(), 0.0
    for i, item in enumerate(items):
        used, began = time.process_time(), time.perf_counter()
        answer = await one(item)
        took[i] = 1e3 * (time.perf_counter() - began)
        cpu += time.process_time() - used
        answers.update(repr([tuple(row) for row in answer] if isinstance(answer, list) else answer).encode())
    return Done(took, answers.hexdigest(), cpu_s=cpu)


def contest_findings(study: Study, contests: Sequence[Contest], judged: Sequence[ArmJudged],
                     figure: Evidence | None = None) -> list[Finding]:  # fmt: skip
    """Return a finding of kind comparison for each figure of each way, its price and plans beside it."""
    by_key = {contest.key: contest for contest in contests}
    found = []
    for item in judged:
        contest = by_key[item.result.experiment.key]
        if item.judged is None:
            if (span := tied_range(item)) is not None:
                found.append(_tied(study, contest, item, span))
            continue
        said = item.judged.comparison
        checks = (*item.result.null_checks, _same_answers(contest, item))
        found.append(finding(
            study, f"{contest.key}.{_word(item.arm)}.{item.figure.column}", kind="comparison",
            question=f"{contest.title}: what does {item.arm} do to the {item.figure.name}?",
            claim=f"{item.arm} instead of {contest.base} changes the {item.figure.name} by {item.shown} in {said.n} "
            f"interleaved blocks ({contest.condition}).",
            verdict="untrusted" if vetoed(checks) else said.verdict,
            strategy=item.result.experiment.strategy_of(item.arm),
            variant=item.arm, condition=contest.condition, trust=checks, evidence=evidence(figure),
            effect=effect_of_comparison(item.figure.name, said, "ratio" if said.scale == "ratio" else item.figure.unit),
            caveats=(ONE_START, *((said.caveat,) if said.caveat else ())),
            details={"instead of": contest.base, "price": contest.price, "turns": contest.turns,
                     "fixed price": contest.facts.get(item.arm, ""), "plan": contest.plans.get(item.arm, ""),
                     "plan before": contest.plans.get(contest.base, "")},
        ))  # fmt: skip
    return found


def tied_range(item: ArmJudged) -> tuple[float, float, float] | None:
    """Return (least, median, largest) way / base where the blocks are so much alike that no interval can be made.

    That is a step that is the same number in every block, as counts show, or ratios that all lie within the margin
    and are mostly 1, as memory shows. None for anything else: it stays without a verdict.
    """
    own, base = (item.result.column(arm, item.figure.column) for arm in (item.arm, BASE))
    if item.judged is not None or item.figure.in_units or not (np.isfinite(own) & (base > 0)).all():
        return None
    ratios = own / base
    inside = bool((np.abs(np.log(ratios)) < np.log1p(item.figure.margin)).all()) if (ratios > 0).all() else False
    if not (inside or np.allclose(ratios, ratios[0], rtol=1e-9)):
        return None
    return float(ratios.min()), float(np.median(ratios)), float(ratios.max())


def _tied(study: Study, contest: Contest, item: ArmJudged, span: tuple[float, float, float]) -> Finding:
    low, middle, high = span
    blocks, improves = item.result.sizes.blocks, (middle < 1) == item.figure.lower_is_better
    within = abs(np.log(middle)) < np.log1p(item.figure.margin)
    verdict: Verdict = "equivalent" if within else "better" if improves else "worse"
    checks = (*item.result.null_checks, _same_answers(contest, item))
    return finding(
        study, f"{contest.key}.{_word(item.arm)}.{item.figure.column}", kind="comparison",
        question=f"{contest.title}: what does {item.arm} do to the {item.figure.name}?",
        claim=f"{item.arm} instead of {contest.base}: {item.figure.name} times {low:.3g} to {high:.3g}, all of "
        f"{blocks} blocks ({contest.condition}).",
        verdict="untrusted" if vetoed(checks) else verdict,
        strategy=item.result.experiment.strategy_of(item.arm), variant=item.arm, condition=contest.condition,
        trust=checks, caveats=(ONE_START, "the blocks are too much alike for an interval: their whole range is given"),
        effect=Effect(metric=item.figure.name, value=middle, low=low, high=high, unit="ratio", n=blocks,
                      n_unit="pairs", method="range of all blocks"),
        details={"instead of": contest.base, "price": contest.price, "turns": contest.turns},
    )  # fmt: skip


def _word(text: str) -> str:
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in text).split())


def _same_answers(contest: Contest, item: ArmJudged) -> TrustCheck:
    equal, compared = item.result.equal_answers(item.arm)
    return TrustCheck(
        name="the same answers", passed=equal == compared or item.arm in contest.unlike,
        observed=f"{equal} of {compared} blocks" if compared else "writes: nothing is answered", limit="all",
    )  # fmt: skip


def plan_rows(contests: Sequence[Contest]) -> list[dict[str, Any]]:
    """Return one row for each way whose plan is known: before and after, under each other."""
    return [{"question": contest.title, "way": way, "plan": plan}
            for contest in contests for way, plan in contest.plans.items()]  # fmt: skip


def price_rows(contests: Sequence[Contest]) -> list[dict[str, Any]]:
    """Return one row for each way: its fixed price where there is one, and what the strategy costs in words."""
    return [{"question": contest.title, "way": way, "fixed price": contest.facts.get(way, ""), "price": contest.price,
             "turns around": contest.turns} for contest in contests for way in contest.ways
            if way != contest.base or way in contest.facts]  # fmt: skip


def gain_rows(judged: Sequence[ArmJudged], results: Sequence[ExperimentResult]) -> list[dict[str, Any]]:
    """Return one row for each way: its median, and the change of every figure with its interval and verdict."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results:
        for arm in (BASE, *result.experiment.arms):
            name = result.experiment.base if arm == BASE else arm
            rows[result.experiment.key, arm] = {
                "strategy": result.experiment.strategy_of(arm), "question": result.experiment.title, "way": name,
                "median (ms)": float(f"{np.median(result.column(arm, 'p50_ms')):.3g}"),
                "p95 (ms)": float(f"{np.median(result.column(arm, 'p95_ms')):.3g}"),
            }  # fmt: skip
    for item in judged:
        span = tied_range(item)
        told = f"{item.shown} {item.word}" if span is None else f"times {span[0]:.3g} to {span[2]:.3g} in all blocks"
        rows[item.result.experiment.key, item.arm][item.figure.name] = told
    return list(rows.values())


def contest_sentence(judged: Sequence[ArmJudged], result: ExperimentResult) -> str:
    """Say what every way does to the median, with its interval, or why nothing can be said."""
    mine = [item for item in judged if item.result is result and item.figure.column == MEDIAN.column]
    parts = [f"{item.arm} {item.shown} ({item.word})" for item in mine]
    told = result.experiment
    void = f" No verdict: {result.failed_null}." if result.failed_null else ""
    return f"{told.title}: median against {told.base}, {result.sizes.blocks} blocks: {'; '.join(parts)}.{void}"


def median_rows(judged: Sequence[ArmJudged]) -> list[dict[str, Any]]:
    """Return one ratio for each way, for the forest plot."""
    return [
        {"label": f"{item.arm} ({item.result.experiment.title})", "value": item.judged.comparison.effect,
         "low": item.judged.comparison.low, "high": item.judged.comparison.high,
         "verdict": item.judged.comparison.verdict}
        for item in judged if item.judged is not None and item.figure.column == MEDIAN.column
    ]  # fmt: skip


def plan_sentence(contests: Sequence[Contest]) -> str:
    """Say in which questions the plan itself changed, which is where a gain grows with the table."""
    changed = [c.title for c in contests if len(set(c.plans.values())) > 1]
    return f"The plan changes for {len(changed)} of {len(contests)} questions: {'; '.join(changed)}."
