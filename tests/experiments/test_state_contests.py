"""Ways of doing the same work: a planted step is found, wrong answers void it, and every question can be asked."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.errors import RunCorrupt
from perflab.experiments.conclude.parts import given_up
from perflab.experiments.education import broadcast, fan_out, leaderboard, locks
from perflab.experiments.state_database import (
    analytics,
    commits,
    journals,
    precompute,
    replicas,
    serialisers,
    sqlite_connections,
    sqlite_settings,
    statements,
)
from perflab.experiments.state_database import contest as contest_module
from perflab.experiments.state_database import laboratory as laboratory_module
from perflab.experiments.state_database.contest import (
    FEWEST,
    Contest,
    Done,
    contest_sentence,
    gain_rows,
    median_rows,
    plan_sentence,
    price_rows,
    run_contest,
    tied_range,
    timed,
)
from perflab.experiments.state_database.contest_findings import contest_findings
from perflab.experiments.state_database.laboratory import Laboratory, hold, laboratory
from perflab.experiments.state_database.place import Place
from perflab.experiments.state_database.plan_points import plan_points
from perflab.experiments.state_database.plans import IndexGain
from perflab.experiments.state_database.questions import QUESTIONS
from perflab.experiments.state_database.way_memory import memory_rounds
from perflab.experiments.strategies.conclude import judge_arms
from perflab.experiments.strategies.state import EXPERIMENTS
from perflab.experiments.study import Study, create_run
from perflab.report.deliverables.strategy_guide import decide
from perflab.report.run_page import tables_of
from perflab.stats.interval import Interval
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system
from perflab.system.servers.server import embedded
from perflab.system.variant import variant

from .test_state_database import small  # noqa: F401  # a fixture

ROOT = Path(__file__).resolve().parents[2]
WAYS = ("fast", "alike")  # against the slow one


@pytest.fixture
def lab(small: Place) -> Iterator[Laboratory]:  # noqa: F811
    with laboratory(small) as opened:
        yield opened


@pytest.fixture
def study(tmp_path: Path) -> Study:
    system = load_system(ROOT / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "full", 7, tmp_path)
    return Study(run, system, "24_state_database", "full", 7, default_cores())


class KnownTime:
    """The clocks of a contest: what work is said to take passes on them, spread by a hundredth, and nothing else."""

    def __init__(self) -> None:
        self.now, self.rng = 100.0, np.random.default_rng(5)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds * float(np.exp(self.rng.normal(0, 0.01)))

    def process_time(self) -> float:
        return self.now

    perf_counter = process_time


@pytest.fixture
def known_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest_module, "time", KnownTime())


def spin(seconds: float, answer: str = "right", count: int = 6) -> Any:
    """Take a known time, plus a little that differs from block to block; of the test's clock with `known_time`."""

    def work(rng: np.random.Generator) -> Done:
        def one(extra: float) -> str:
            clock = contest_module.time
            if isinstance(clock, KnownTime):
                clock.pass_by(seconds * (1 + extra))
            return answer

        return timed((0.1 * rng.random(count)).tolist(), one)

    return work


def planted(**ways: Any) -> Contest:
    names = {name.replace("_", " "): work for name, work in ways.items()}
    return Contest(key="planted", strategy="ST-STATE-18", title="a planted step", condition="known work", ways=names,
                   plans={name: f"plan of {name}" for name in names}, price="nothing", turns="never")  # fmt: skip


@pytest.mark.usefixtures("known_time")
def test_a_planted_gain_is_found_and_what_is_the_same_is_not(study: Study) -> None:
    contest = planted(**{name: spin(ms / 1e3, count=20) for name, ms in (("slow", 0.6), ("fast", 0.3), ("alike", 0.6))})
    result = run_contest(contest, 14, 7)
    judged = judge_arms([result])
    by = {(f.variant, f.effect.metric): f for f in contest_findings(study, [contest], judged) if f.effect}
    cpu = by["fast", "CPU per request"]
    assert cpu.verdict == "better" and 0.4 < cpu.effect.value < 0.62 and cpu.effect.n == 14
    assert (cpu.kind, cpu.strategy, cpu.stage) == ("comparison", "ST-STATE-18", "")
    assert cpu.details["plan before"] == "plan of slow" and cpu.details["price"] == "nothing"
    assert by["alike", "CPU per request"].verdict in ("equivalent", "trivial", "inconclusive")
    fast = [f for (way, _), f in by.items() if way == "fast"]
    assert {f.effect.metric for f in fast} == {"CPU per request", "response median", "response p95"}  # no memory
    assert decide(fast).startswith("adopt if memory")  # the one that no contest shows; a noisy p95 may be open too
    tables = [(f.variant, name, rows) for f in by.values() for name, rows in tables_of(f)]
    assert [way for way, *_ in tables] == ["fast", "alike"]  # once for each way, on the first of its figures
    assert tables[0][1:] == (
        "plans",
        [{"way": "slow", "plan": "plan of slow"}, {"way": "fast", "plan": "plan of fast"}],
    )
    assert "fast -" in contest_sentence(judged, result)
    assert [row["way"] for row in gain_rows(judged, [result])] == ["slow", "fast", "alike"]
    assert len(median_rows(judged)) == 2
    assert [row["way"] for row in price_rows([contest])] == ["fast", "alike"]
    page = IndexGain("SQLite", {"plain": "SCAN", "indexed": "SEARCH"}, {"plain": 9.0, "indexed": 0.1},
                     Interval(90.0, 80.0, 99.0, 0.95, 40, "order statistics"))  # fmt: skip
    points = plan_points([page], [contest, replace(contest, key="not run"), replace(contest, plans={})], [result])
    assert [row["label"] for row in points] == ["a page of history, SQLite", *(f"a planted step: {w}" for w in WAYS)]
    assert (points[0]["before"], points[0]["after"], points[0]["plan after"]) == (9.0, 0.1, "SEARCH")
    assert points[1]["before"] == pytest.approx(0.6, rel=0.11) and points[1]["after"] == pytest.approx(0.3, rel=0.11)
    assert (points[1]["plan before"], points[1]["plan after"]) == ("plan of slow", "plan of fast")


@pytest.mark.usefixtures("known_time")
def test_what_a_screening_saw_is_not_published(study: Study) -> None:
    contest = planted(slow=spin(0.001), fast=spin(0.0005))
    result = run_contest(contest, 8, 7, screening=True)
    judged = judge_arms([result])
    found = contest_findings(study, [contest], judged)
    by = {f.details["figure"]: f for f in found}
    assert {f.stage for f in found} == {"screened"} and all(f.effect is None for f in found)
    assert (by["CPU per request"].verdict, by["CPU per request"].details["direction"]) == ("reported", "less")
    assert decide(found) == "confirm first: screened only"
    assert "(better, not confirmed)" in contest_sentence(judged, result)
    assert [row["verdict"] for row in median_rows(judged)] == ["not confirmed"]


def test_a_contest_that_the_run_has_is_read_back_and_another_is_measured(
    study: Study,
    small: Place,  # noqa: F811
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(laboratory_module, "FULL_BLOCKS", 2)
    calls = list[str]()

    def made(condition: str) -> Any:
        def make(lab: Laboratory) -> Contest:
            def work(rng: np.random.Generator) -> Done:
                calls.append(condition)
                return Done(rng.random(5), "right")  # too few for a tail, which is NaN

            return replace(planted(slow=work, fast=work), condition=condition)

        return make

    first = hold(study, small, (made("few"),))
    measured = len(calls)
    again = hold(study, small, (made("few"),))
    assert len(calls) == measured > 0
    (one,), (other,) = first.results, again.results
    assert one.sizes == other.sizes and one.experiment.figures == other.experiment.figures
    for name in ("p50_ms", "p95_ms", "cpu_ms_per_request"):
        np.testing.assert_array_equal(one.column("fast", name), other.column("fast", name))
    assert [item.word for item in first.judged] == [item.word for item in again.judged]
    hold(study, small, (made("many"),))
    assert "many" in calls
    path = study.run.folder("samples") / "contest.planted.timed.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(RunCorrupt, match=r"planted.*cannot be read"):
        hold(study, small, (made("many"),))


def test_a_tail_is_told_of_twenty_operations_or_more() -> None:
    def work(count: int) -> Any:
        return lambda rng: Done(1 + rng.random(count), "same")

    few, enough = (run_contest(planted(plain=work(n), other=work(n)), 8, 7) for n in (19, 20))
    assert np.isnan(few.column("other", "p95_ms")).all() and np.isfinite(enough.column("other", "p95_ms")).all()
    reason = "cannot be computed: fewer than 20 operations a block"
    for result, told in ((few, reason), (enough, "times 1 to 1 in all blocks")):
        plain, other = gain_rows(judge_arms([result]), [result])
        assert other["response p95"].startswith(told) and (plain["p95 (ms)"] is None) == (result is few)


def board(after: Any = None, seen: list[str] | None = None) -> leaderboard.Board:
    """Return a board of nothing that notes what comes."""
    told = [] if seen is None else seen

    async def submit(player: int, points: int) -> None:
        told.append("submit")

    async def read(player: int) -> tuple[list[tuple[int, int]], int]:
        told.append("read")
        return [], 0

    return leaderboard.Board(submit, read, after)


def burst(of: leaderboard.Board, traffic: leaderboard.Traffic = leaderboard.WRITTEN) -> Done:
    return asyncio.run(leaderboard._bursts(of, traffic, np.random.default_rng(1)))


def test_cpu_is_shared_by_all_requests_and_a_refresh_is_a_figure_of_its_own() -> None:
    async def refresh() -> None:
        await asyncio.sleep(0.002)

    plain, view = burst(board()), burst(board(refresh))
    asked = leaderboard.BURSTS * (leaderboard.WRITTEN.submissions + leaderboard.WRITTEN.reads + 1)
    assert (plain.requests, view.requests) == (asked, asked)
    assert plain.figures["refresh_ms"] == 0 and view.figures["refresh_ms"] >= 2
    contest = planted(plain=lambda rng: replace(plain, cpu_s=1.3), view=lambda rng: replace(view, cpu_s=2.6))
    result = run_contest(contest, 1, 7)
    assert result.column("base", "cpu_ms_per_request")[0] == pytest.approx(1300 / asked)


def test_a_board_is_measured_where_it_is_read_and_where_it_is_written_with_a_tail_of_both() -> None:
    for traffic, mostly in ((leaderboard.WRITTEN, "submit"), (leaderboard.READ, "read")):
        seen: list[str] = []
        done = burst(board(seen=seen), traffic)
        assert done.ms.size >= FEWEST and leaderboard.BURSTS * traffic.submissions >= FEWEST
        assert max(set(seen), key=seen.count) == mostly
        first = seen[: traffic.submissions + traffic.reads]
        halves = [first[: len(first) // 2].count("read"), first[len(first) // 2 :].count("read")]
        assert abs(halves[0] - halves[1]) <= 1  # the reads lie among the submissions, not before or after them


def test_submissions_and_reads_come_while_a_view_is_refreshed() -> None:
    seen: list[str] = []
    beside = []

    async def refresh() -> None:
        before = len(seen)
        await asyncio.sleep(0.02)
        beside.append(len(seen) - before)

    burst(board(refresh, seen))
    come = leaderboard.WRITTEN.submissions + leaderboard.WRITTEN.reads
    assert len(beside) == leaderboard.BURSTS and min(beside[:-1]) >= come  # beside the last one nothing is due


@pytest.mark.usefixtures("known_time")
def test_a_decision_names_the_question_under_which_a_way_pays(study: Study) -> None:
    fast, slow = spin(0.0003, count=20), spin(0.0006, count=20)
    seldom, often = (
        replace(planted(plain=first, kept=second), key=key, title=key, condition=f"{key}: a long one")
        for key, first, second in (("changed", fast, slow), ("looked-at", slow, fast))
    )
    judged = judge_arms([run_contest(contest, 14, 7) for contest in (seldom, often)])
    said = decide(contest_findings(study, [seldom, often], judged))
    assert said.startswith("adopt if looked-at and memory") and said.endswith("; not if changed")


@pytest.mark.usefixtures("known_time")
def test_a_way_that_answers_otherwise_has_no_verdict(study: Study) -> None:
    contest = planted(slow=spin(0.002), wrong=spin(0.001, "wrong"))
    judged = judge_arms([run_contest(contest, 6, 7)])
    found = contest_findings(study, [contest], judged)
    assert found and {f.verdict for f in found} == {"untrusted"}
    assert all(any(check.name == "the same answers" and not check.passed for check in f.trust) for f in found)


def test_a_plan_is_said_to_change_only_where_both_are_known_and_differ(lab: Laboratory) -> None:
    other = planted(slow=spin(0.001), fast=spin(0.001))
    silent = replace(other, title="no plans", plans={})
    same = statements.prepared(lab)
    assert len(same.plans) == 2
    assert plan_sentence([other, silent, same]) == (
        "The plan changes for 1 of the 2 questions whose plans are known: a planted step."
    )
    assert plan_sentence([silent, same]) == "The plan changes for 0 of the 1 questions whose plans are known."


def test_sqlites_cache_is_measured_full_on_a_connection_that_stays_open(
    small: Place,  # noqa: F811
    monkeypatch: Any,
) -> None:
    opened = []

    def connect(path: Path, **options: Any) -> sqlite3.Connection:
        opened.append(made := plain(path, **options))
        return made

    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    with laboratory(small) as lab:
        contest = sqlite_settings.settings(lab)
        before = len(opened)
        run_contest(contest, 2, 3)
        assert len(opened) == before >= len(contest.ways)
        assert "stays open" in contest.condition
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_reads_stand_beside_commits_that_reach_the_file_under_both_journals(lab: Laboratory) -> None:
    contest = journals.beside_a_writer(lab)
    for name, journal in journals.JOURNALS.items():
        done = contest.ways[name](np.random.default_rng(3))
        commits_seen = done.requests - journals.READS
        assert len(done.ms) == journals.READS and commits_seen > 1 and done.figures["commit_ms"] > 0
        with closing(sqlite3.connect(lab.place.sqlite.with_name(f"journal-{journal}.sqlite"))) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == journal.lower()
            texts = dict(connection.execute("SELECT id, text FROM state"))
        changed = {number: text for number, text in texts.items() if text != f"{number:200}"}
        assert 0 < len(changed) <= commits_seen and all(number % 2 for number in changed)
        done = contest.ways[name](np.random.default_rng(3))  # the null arm: the same rows, and a row found unchanged
        with closing(sqlite3.connect(lab.place.sqlite.with_name(f"journal-{journal}.sqlite"))) as connection:
            again = dict(connection.execute("SELECT id, text FROM state"))  # would be neither written nor synced
        assert len(set(again.values()) - set(texts.values())) > (done.requests - journals.READS) / 2


def test_a_writer_that_fails_fails_the_block(lab: Laboratory, tmp_path: Path) -> None:
    reader = lab.file(tmp_path / "a.sqlite", timeout=0.1)
    journals.fill(reader, "DELETE")
    gone = sqlite3.connect(tmp_path / "a.sqlite", check_same_thread=False)
    gone.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        journals.read_beside(reader, gone, np.random.default_rng(3))


def test_each_way_of_connecting_to_sqlite_opens_as_many_as_it_says(lab: Laboratory, monkeypatch: Any) -> None:
    contest, opened = sqlite_connections.connections(lab), list[Path]()

    def connect(path: Path, **options: Any) -> sqlite3.Connection:
        opened.append(path)
        return plain(path, **options)

    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    seen = {}
    for name, work in contest.ways.items():
        opened.clear()
        done = work(np.random.default_rng(3))
        assert len(done.ms) == sqlite_connections.QUERIES
        seen[name] = len(opened)
    assert list(seen.values()) == [sqlite_connections.QUERIES, 0, 0]


def test_who_finds_no_connection_free_waits_for_one(lab: Laboratory) -> None:
    lend, order = sqlite_connections.pool(lab, 1), list[str]()

    def second() -> None:
        with lend():
            order.append("second")

    with ThreadPoolExecutor(1) as thread:
        with lend():
            waiting = thread.submit(second)
            assert not wait([waiting], timeout=0.1).done
            order.append("first")
        waiting.result(timeout=10)
    assert order == ["first", "second"]
    with pytest.raises(sqlite3.OperationalError), lend() as connection:
        connection.execute("SELECT no_such_column")
    with lend() as again:  # it was given back
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_step_that_is_the_same_in_every_block_is_told_without_an_interval(study: Study) -> None:
    from perflab.experiments.strategies.experiment import FigureSpec

    def counted(count: float) -> Any:
        return lambda rng: Done(1 + rng.random(4), "same", {"made": count})

    def uneven(rng: np.random.Generator) -> Done:
        return Done(1 + rng.random(4), "same", {"made": 8.0 if rng.random() < 0.7 else 1.0})

    contest = Contest(key="counts", strategy="ST-CACHE-19", title="counts", condition="eight callers",
                      ways={"no lock": counted(8.0), "lock": counted(1.0), "idle": counted(8.0),
                            "uneven": uneven},
                      figures=(FigureSpec("made", "times made", "", 0.1),))  # fmt: skip
    result = run_contest(contest, 8, 7)
    judged = judge_arms([result])
    steps = {item.arm: tied_range(item) for item in judged if item.figure.column == "made"}
    assert steps == {"lock": (0.125,) * 3, "idle": (1.0,) * 3, "uneven": None}
    found = {f.variant: f for f in contest_findings(study, [contest], judged) if f.effect.metric == "times made"}
    assert (found["lock"].verdict, found["idle"].verdict) == ("better", "equivalent")
    assert found["lock"].effect.value == 0.125 and found["lock"].effect.method == "range of all blocks"
    shown = {row["way"]: row.get("besides") for row in gain_rows(judged, [result])}
    assert shown["lock"] == "times made: times 0.125 to 0.125 in all blocks better"


@pytest.mark.parametrize("ask", QUESTIONS, ids=lambda ask: ask.__name__)
def test_every_question_can_be_asked_and_its_ways_answer_alike(ask: Any, lab: Laboratory, monkeypatch: Any) -> None:
    monkeypatch.setattr(leaderboard, "PLAYERS", 600)
    contest = ask(lab)
    result = run_contest(contest, 1, 3)
    assert len(contest.ways) >= 2 and contest.price and contest.turns
    for arm in result.experiment.arms:
        equal, compared = result.equal_answers(arm)
        assert equal == compared, arm
    assert all(np.isfinite(row["cpu_ms_per_request"]) and row["p50_ms"] > 0 for row in result.rows)
    read = memory_rounds(contest, lab.renew, 3, rounds=1)
    assert read is None or all(0 <= row["memory_mb"] < 400 for row in read.rows)
    for arm in result.experiment.arms if read else ():
        equal, compared = read.equal_answers(arm)
        assert equal == compared, arm


def test_steps_that_all_lie_beyond_the_margin_are_told_though_ties_leave_no_interval(study: Study) -> None:
    from perflab.experiments.state_database.contest import held
    from perflab.experiments.state_database.way_memory import WORKING
    from perflab.experiments.strategies.run import Sizes

    def rows(arm: str, megabytes: list[float]) -> list[dict[str, Any]]:
        return [{"arm": arm, "block": n, "requests": 1, "failed": 0, "answers": "", "memory_mb": value}
                for n, value in enumerate(megabytes)]  # fmt: skip

    contest = planted(plain=spin(0.0), large=spin(0.0), mixed=spin(0.0))
    seen = [*rows("base", [0.0] * 12), *rows("null", [0.0] * 12), *rows("large", [60.0] * 11 + [60.2]),
            *rows("mixed", [9.0] * 11 + [0.0])]  # fmt: skip
    judged = judge_arms([held(contest, (WORKING,), seen, Sizes(12, 0.0, fresh=True))])
    assert {item.arm: tied_range(item) for item in judged} == {"large": (60.0, 60.0, 60.2), "mixed": None}
    [finding] = contest_findings(study, [contest], judged)
    assert finding.verdict == "worse" and finding.effect.unit == "MB" and "+60 to +60.2 MB" in finding.claim


def test_a_way_that_may_lose_writes_is_not_adopted_for_its_figures_alone(study: Study, lab: Laboratory) -> None:
    contest = commits.asynchronous(lab)
    ways = dict(zip(contest.ways, (spin(0.0006, count=20), spin(0.0003, count=20)), strict=True))
    judged = judge_arms([run_contest(replace(contest, ways=ways, pids=()), 14, 7)])
    found = contest_findings(study, [contest], judged)
    assert found and all("acknowledged writes" in f.details["gives up"] for f in found)


def test_a_flag_of_class_loss_gives_something_up_and_one_that_is_exact_does_not(study: Study) -> None:
    flags = {name: study.variant(f"baseline{name}").flags for name in ("", "+store=write_behind", "+store=pooled")}
    assert given_up(study, flags[""], flags["+store=write_behind"])
    assert given_up(study, flags[""], flags["+store=pooled"]) == {}
    assert given_up(study, flags["+store=write_behind"], flags["+store=write_behind"]) == {}


def test_totals_are_written_as_they_are_read(lab: Laboratory) -> None:
    precompute.dashboard_read(lab)
    contest = precompute.dashboard_write(lab)
    pairs = {"totals": "dash_totals", "totals_view": "dash_shown", "indexed": "dash_view"}

    def asked(sql: str, *values: Any) -> list[str]:
        return sorted(str(row[0]) for row in lab.run(lab.own.fetch(sql, *values)))

    columns = "SELECT substring(indexdef from 'USING .*') FROM pg_indexes WHERE tablename = $1"
    for read, written in pairs.items():
        assert asked(columns, read) == asked(columns, written), written
        assert asked(f"SELECT count(*) FROM {read}") == asked(f"SELECT count(*) FROM {written}"), written
    for way in contest.ways.values():
        way(np.random.default_rng(1))
    touched = f"SELECT count(*) FROM dash_totals WHERE last >= {lab.place.rows}"
    assert asked(touched) == [str(precompute.WRITES)]  # every session in its turn, none of them hot
    assert f"{lab.place.rows:,}" in contest.condition


def test_the_leaderboards_agree_with_plain_python(lab: Laboratory, monkeypatch: Any) -> None:
    monkeypatch.setattr(leaderboard, "PLAYERS", 300)
    boards, points = leaderboard.boards(lab), {player: int(n) for player, n in enumerate(leaderboard.seeds())}
    for name, board in boards.items():
        leaderboard.refill(lab, name)
        lab.run(board.submit(17, 10**6))
        kept = lab.run(lab.own.fetchval("SELECT score FROM scores WHERE player = 17"))
        assert kept == points[17] + 10**6, name  # whatever else it does: what is acknowledged is in the table
        if board.after:
            lab.run(board.after())
        best, rank = lab.run(board.read(17))
        assert (best[0], rank) == ((17, points[17] + 10**6), 0), name
        plain = sorted(({**points, 17: points[17] + 10**6}).items(), key=lambda item: (-item[1], -item[0]))
        assert best == plain[:10], name
        assert lab.run(board.read(plain[200][0]))[1] == 200, name


def test_the_fencing_token_refuses_the_late_write_of_a_paused_holder(lab: Laboratory) -> None:
    alone, fenced, advisory = lab.run(locks.paused_holders(lab.redis, lab.pool(2), lease_ms=40, pause_s=0.12))
    assert (alone.late_write, alone.value) == (
        "taken",
        "old, by the paused holder",
    )  # the planted defect: a lost update
    assert (fenced.late_write, fenced.value) == ("refused", "new")
    assert advisory.value == "new" and advisory.next_waited_ms >= 100  # safe, and it waits for as long as the pause
    assert advisory.late_write == "taken, before the next holder's"
    assert "late write refused" in locks.paused_sentence((alone, fenced, advisory))
    short = locks.paused_sentence((alone, fenced, replace(advisory, next_waited_ms=7, paused_ms=120)))
    assert "waited 7 ms, the pause lasted 120 ms" in short


@pytest.mark.parametrize("kind", ["redis", "advisory"])
def test_nobody_else_is_inside_while_a_lock_is_held(kind: str, lab: Laboratory) -> None:
    client, pool, inside, most = lab.redis, lab.pool(6), 0, 0

    async def enter() -> int:
        nonlocal inside, most
        async with locks.redis_lock(client, "door") if kind == "redis" else locks.advisory_lock(pool, "door") as token:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.003)
            inside -= 1
            return token

    async def crowd() -> list[int]:
        return await asyncio.gather(*(enter() for _ in range(12)))

    tokens = lab.run(crowd())
    assert most == 1
    assert len(set(tokens)) == 12 if kind == "redis" else set(tokens) == {0}  # every holder has a token of its own


def test_a_subscriber_that_is_away_misses_messages_and_a_stream_keeps_them(lab: Laboratory) -> None:
    channel, stream = lab.run(fan_out.missed_while_away(lab.redis, 30))
    assert (channel.sent, channel.received) == (30, 20)
    assert (stream.sent, stream.received) == (30, 30)
    delivered = lab.run(fan_out._delivered(lab.redis, 3, 60))
    assert delivered.ms.shape == (180,) and np.isfinite(delivered.ms).all() and (delivered.ms > 0).all()
    assert "3 receivers" in fan_out.fan_out_sentence((delivered,), (channel, stream))


def test_every_way_of_telling_many_gives_each_of_them_all_messages_in_order(lab: Laboratory) -> None:
    messages = list(range(100, 112))
    ways = (broadcast.channel(lab), *(broadcast.stream(lab.redis, blocking=blocking) for blocking in (False, True)))
    for way in (*ways, *ways):  # a second block must not be given what the first one sent
        done = lab.run(broadcast.delivered(way, messages))
        assert done.answers == repr([messages] * broadcast.LISTENERS)
        assert len(done.ms) == len(messages) * broadcast.LISTENERS and (done.ms > 0).all()


def test_a_message_that_never_comes_ends_the_block(lab: Laboratory, monkeypatch: Any) -> None:
    monkeypatch.setattr(broadcast, "PATIENCE_S", 0.3)
    whole = broadcast.stream(lab.redis, blocking=False)

    async def swallowed(number: int) -> None:
        if number != 3:
            await whole.publish(number)

    with pytest.raises(TimeoutError):
        lab.run(broadcast.delivered(replace(whole, publish=swallowed), [1, 2, 3, 4]))


def test_a_synchronous_commit_loses_nothing_to_a_crash(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(commits, "BEFORE_THE_CRASH_S", 0.6)
    synced, later = commits.crashes(tmp_path / "server.log")
    assert synced.acknowledged > 20 and synced.missing == 0
    assert later.acknowledged > 20 and 0 <= later.missing < later.acknowledged
    assert f"on: 0 of {synced.acknowledged:,}" in commits.crash_sentence((synced, later))


def test_the_replicas_lag_is_seen_and_a_read_at_once_counts_as_old(small: Place, tmp_path: Path) -> None:  # noqa: F811
    with embedded("postgres", tmp_path / "r.log", settings={"replica_of": small.postgres.url}) as follower:
        rest, busy = replicas.lags(small, follower, 40)
    assert (len(rest.windows_ms), len(busy.windows_ms)) == (40, 40)
    for one in (rest, busy):
        assert (one.windows_ms >= 0).all() and one.old_reads == (one.windows_ms > 0).sum()
    assert "(n = 40)" in replicas.lag_sentence((rest, busy))


def test_every_serialiser_gives_the_state_back() -> None:
    for seed in range(20):
        state = serialisers.state_of(np.random.default_rng(seed))
        for name, (dumps, loads) in serialisers.codecs().items():
            assert loads(dumps(state)) == state, name


def test_every_arm_of_the_gateways_experiments_is_a_variant_of_the_system() -> None:
    system = load_system(ROOT / "data/systems/voice_gateway.toml")
    for experiment in EXPERIMENTS:
        base = variant(system, experiment.variant_of("base")).flags
        for arm in experiment.arms:
            changed = variant(system, experiment.variant_of(arm)).flags
            flag, _, value = arm.partition("=")
            assert changed == {**base, flag: value} and changed != base
            of = next(one for one in system.flag if one.name == flag).value_of(value).strategy
            assert experiment.strategy_of(arm) == of, arm  # a pool's card must not be judged by another server


def test_a_full_block_has_operations_enough_for_a_tail_and_never_fewer_than_asked(small: Place) -> None:  # noqa: F811
    with laboratory(small) as quick, laboratory(small, full=True) as full:
        assert [quick.operations(few) for few in (2, 30)] == [2, 30]
        assert [full.operations(few) for few in (2, 30)] == [FEWEST, 30]
        result = run_contest(analytics.per_user(full), 1, 3)
    assert result.column("base", "p95_ms")[0] > 0
