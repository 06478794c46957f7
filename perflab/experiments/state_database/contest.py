"""Ways of doing the same work, side by side on one server: paired blocks in random order, the first way twice."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeVar

import numpy as np

from perflab.errors import UsageError
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.conclude import ArmJudged
from perflab.experiments.strategies.experiment import BASE, STANDARD, FigureSpec, StrategyExperiment, Target
from perflab.experiments.strategies.run import ExperimentResult, Sizes
from perflab.findings.finding import Verdict
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.instrument.proc import descendants
from perflab.stats.schedule import balanced_blocks, block_seed

QUICK_BLOCKS, FULL_BLOCKS = 14, 40  # 14: a step seen in every block passes Holm over 400 ways, 400 * 2^(1 - n) <= 0.05
MEMORY = "memory_mb"
MEDIAN = FigureSpec("p50_ms", "response median", "ms", 0.05)
TAIL, FEWEST = "p95_ms", 20  # of fewer operations the 95th percentile is little else than the largest
FEW = f"fewer than {FEWEST} operations a block"
TIMED = (*(figure for figure in STANDARD if figure.column != MEMORY), MEDIAN)  # memory has rounds of its own
Item = TypeVar("Item")
Span = tuple[float, float, float]  # least, median, largest ratio of the blocks, or difference in the figure's unit


@dataclass(frozen=True)
class Done:
    """What a way did in one block: float64 [operations] milliseconds, and a digest of its answers.

    `cpu_s`: what this process used in the operations alone; None = whatever it used in the whole block. `requests`:
    by how many the CPU is divided, where more was asked than is timed in `ms`; None = as many as are timed.
    """

    ms: np.ndarray
    answers: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    cpu_s: float | None = None
    requests: int | None = None

    @property
    def written(self) -> Done:
        """The same without answers: what a driver says of a write depends on the way of writing."""
        return replace(self, answers="")


Work = Callable[[np.random.Generator], Done]


@dataclass(frozen=True)
class Contest:
    """One question. `ways`: name to work, the first one what is done without the strategy.

    `pids`: the servers whose CPU and memory (children included) are the price beside this process' own; none: this
    process alone. `standing`: way to the MB that it keeps while it does not work, where that is anything.
    `strategies` names a way's strategy where it is not `strategy`. `plans`: way to its query plan;
    `facts`: way to a fixed price, such as the size of an index. `unlike`: ways that give other answers on purpose.
    `gives_up`: way to what it no longer keeps, which no figure of it shows.
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
    standing: Mapping[str, float] = field(default_factory=dict)
    unlike: tuple[str, ...] = ()
    gives_up: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[str], None] | None = None
    price: str = ""
    turns: str = ""

    @property
    def base(self) -> str:
        """The way that the others are compared with."""
        return next(iter(self.ways))

    @property
    def arms(self) -> dict[str, Work]:
        """What runs in each block: the base, the base again, and the other ways."""
        others = {name: work for name, work in self.ways.items() if name != self.base}
        return {BASE: self.ways[self.base], NULL: self.ways[self.base], **others}

    def prepare(self, arm: str) -> None:
        """Bring back the state that every way of every block begins with."""
        if self.before:
            self.before(self.base if arm in (BASE, NULL) else arm)

    def family(self) -> tuple[int, ...]:
        """Return the processes of its servers that run now."""
        return tuple(pid for root in self.pids for pid in (root, *descendants(root)))


@dataclass(frozen=True)
class _Held(StrategyExperiment):
    """A contest as an experiment: judged by what its rounds show, and by nothing else."""

    @property
    def all_figures(self) -> tuple[FigureSpec, ...]:
        """The figures of these rounds."""
        return self.figures


def held(
    contest: Contest, figures: tuple[FigureSpec, ...], rows: Sequence[dict[str, Any]], sizes: Sizes
) -> ExperimentResult:
    """Return rows of a contest as the result of an experiment that is judged by `figures`."""
    told = _Held(
        key=contest.key, strategy=contest.strategy, title=contest.title, condition=contest.condition, work=_not_started,
        arms=tuple(name for name in contest.ways if name != contest.base), base=contest.base,
        figures=figures, strategies=contest.strategies, price=contest.price, turns=contest.turns,
    )  # fmt: skip
    return ExperimentResult(told, tuple(rows), sizes)


def run_contest(contest: Contest, blocks: int, seed: int, *, screening: bool = False) -> ExperimentResult:
    """Run every way once a block on the same random numbers, the first one twice; one warming block is thrown away.

    One process and one server serve all blocks, so that intervals hold the spread between blocks, not between starts.
    `screening`: few blocks, to find what to confirm: nothing of it is published.
    """
    arms, rows = contest.arms, []
    order = balanced_blocks(list(arms), blocks, seed)
    for block, names in enumerate((order[0], *order)):
        for name in names:
            row = _measured(contest, name, arms[name], block - 1, np.random.default_rng(block_seed(seed, block)))
            if block:
                rows.append(row)
    return timed_result(contest, rows, screening=screening)


def timed_result(contest: Contest, rows: Sequence[dict[str, Any]], *, screening: bool = False) -> ExperimentResult:
    """Return rows that `run_contest` measured as its result."""
    blocks = 1 + max(int(row["block"]) for row in rows)
    return held(contest, (*TIMED, *contest.figures), rows, Sizes(blocks, 0.0, fresh=not screening))


async def _not_started(target: Target) -> NoReturn:
    raise UsageError("This comparison has no system to start", "it is run by run_contest")


def _measured(contest: Contest, name: str, work: Work, block: int, rng: np.random.Generator) -> dict[str, Any]:
    contest.prepare(name)
    before, own = {pid: _cpu(pid) for pid in contest.family()}, time.process_time()
    done = work(rng)
    after = contest.family()
    spent = time.process_time() - own if done.cpu_s is None else done.cpu_s
    spent += sum(max(_cpu(pid) - before.get(pid, 0.0), 0.0) for pid in after)
    requests = done.ms.size if done.requests is None else done.requests
    return {
        "arm": name, "block": block, "requests": requests, "failed": 0,
        "cpu_ms_per_request": 1000 * spent / requests, "p50_ms": float(np.quantile(done.ms, 0.5)),
        TAIL: float(np.quantile(done.ms, 0.95)) if done.ms.size >= FEWEST else float("nan"),
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


def tied_range(item: ArmJudged) -> Span | None:
    """Return (least, median, largest) way / base where the blocks are so much alike that no interval can be made.

    That is a step that is the same number in every block, as counts show, or steps that all lie within the margin,
    or all beyond it on one side. Of a figure in units the steps are differences. None for anything else: it stays
    without a verdict.
    """
    own, base = (item.result.column(arm, item.figure.column) for arm in (item.arm, BASE))
    if item.judged is not None or not own.size or not np.isfinite([own, base]).all():
        return None
    if item.figure.in_units:
        steps, low, high = own - base, -item.figure.margin, item.figure.margin
    elif (base > 0).all():
        steps, low, high = own / base, 1 / (1 + item.figure.margin), 1 + item.figure.margin
    else:
        return None
    inside, least, most = ((low < steps) & (steps < high)).all(), float(steps.min()), float(steps.max())
    if not (inside or least >= high or most <= low or np.allclose(steps, steps[0], rtol=1e-9)):
        return None
    return least + 0.0, float(np.median(steps)) + 0.0, most + 0.0  # no -0


def tied_verdict(item: ArmJudged, span: Span) -> Verdict:
    """Return the verdict on a step whose range in all blocks is `span`: by its median and the figure's margin."""
    step, limit = (span[1], item.figure.margin) if item.figure.in_units else np.log([span[1], 1 + item.figure.margin])
    if abs(step) < limit:
        return "equivalent"
    return "better" if (step < 0) == item.figure.lower_is_better else "worse"


def span_text(figure: FigureSpec, span: Span) -> str:
    """Say the range of all blocks: ``times 0.5 to 0.5``, ``+0.1 to +0.3 MB``."""
    if figure.in_units:
        return f"{span[0]:+.3g} to {span[2]:+.3g} {figure.unit}"
    return f"times {span[0]:.3g} to {span[2]:.3g}"


def price_rows(contests: Sequence[Contest]) -> list[dict[str, Any]]:
    """Return one row for each way: its fixed price where there is one, and what the strategy costs in words."""
    return [{"question": contest.title, "way": way, "fixed price": contest.facts.get(way, ""), "price": contest.price,
             "turns around": contest.turns} for contest in contests for way in contest.ways
            if way != contest.base or way in contest.facts]  # fmt: skip


def gain_rows(judged: Sequence[ArmJudged], results: Sequence[ExperimentResult]) -> list[dict[str, Any]]:
    """Return one row for each way: its median, and the change of every figure with its interval and verdict.

    What one contest alone looks at stands in the column ``besides``.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results:
        for arm in (BASE, *result.experiment.arms):
            name = result.experiment.base if arm == BASE else arm
            rows[result.experiment.key, arm] = {
                "strategy": result.experiment.strategy_of(arm), "question": result.experiment.title, "way": name,
                "median (ms)": float(f"{np.median(result.column(arm, 'p50_ms')):.3g}"),
                "p95 (ms)": _tail(result, arm),
            }  # fmt: skip
    for item in judged:
        row = rows[item.result.experiment.key, item.arm]
        if item.figure in TIMED or item.figure.column == MEMORY:
            row[item.figure.name] = _told(item)
        else:
            said = f"{item.figure.name}: {_told(item)}"
            row["besides"] = f"{row['besides']}; {said}" if "besides" in row else said
    return list(rows.values())


def _tail(result: ExperimentResult, arm: str) -> float | None:
    """Return the median tail; None where a block has too few operations for one."""
    middle = float(np.median(result.column(arm, TAIL)))
    return float(f"{middle:.3g}") if np.isfinite(middle) else None


def _told(item: ArmJudged) -> str:
    """Return a change and its verdict, or why there is none."""
    if (span := tied_range(item)) is not None:
        word: str = "untrusted" if item.result.failed_null else tied_verdict(item, span)
        confirmed = item.result.sizes.fresh or word == "untrusted"
        return f"{span_text(item.figure, span)} in all blocks {word}{'' if confirmed else ', not confirmed'}"
    if item.judged is not None:
        return f"{item.shown} {item.word}"
    no_tail = item.figure.column == TAIL and _tail(item.result, item.arm) is None
    return f"{item.word}: {FEW if no_tail else item.problem}"


def contest_sentence(judged: Sequence[ArmJudged], result: ExperimentResult) -> str:
    """Say what every way does to the median, with its interval, or why nothing can be said."""
    mine = [item for item in judged if item.result is result and item.figure.column == MEDIAN.column]
    parts = [f"{item.arm} {item.shown} ({item.word})" for item in mine]
    told = result.experiment
    void = f" No verdict: {result.failed_null}." if result.failed_null else ""
    return f"{told.title}: median against {told.base}, {result.sizes.blocks} blocks: {'; '.join(parts)}.{void}"


def median_rows(judged: Sequence[ArmJudged]) -> list[dict[str, Any]]:
    """Return one ratio for each way, for the forest plot; of a screening no verdict is drawn."""
    return [
        {"label": f"{item.arm} ({item.result.experiment.title})", "value": item.judged.comparison.effect,
         "low": item.judged.comparison.low, "high": item.judged.comparison.high,
         "verdict": item.judged.comparison.verdict if item.result.sizes.fresh else "not confirmed"}
        for item in judged if item.judged is not None and item.figure.column == MEDIAN.column
    ]  # fmt: skip


def plan_sentence(contests: Sequence[Contest]) -> str:
    """Say in which questions the plan itself changed, which is where a gain grows with the table."""
    known = [c for c in contests if len(c.plans) > 1]
    changed = [c.title for c in known if len(set(c.plans.values())) > 1]
    named = f": {'; '.join(changed)}" if changed else ""
    return f"The plan changes for {len(changed)} of the {len(known)} questions whose plans are known{named}."
