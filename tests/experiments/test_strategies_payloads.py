"""The experiments on payloads: real content, bounded decoding, and figures that a planted defect would change."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import brotli
import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from perflab.experiments.api_streaming import conclude, knee, lab
from perflab.experiments.conclude.parts import vetoed
from perflab.experiments.strategies.arrivals import Arrivals
from perflab.experiments.strategies.payloads import EXPERIMENTS, break_even, codings, content, link, reading, sparse
from perflab.experiments.strategies.payloads.codings import Coded, Coding
from perflab.experiments.strategies.payloads.listeners import Board
from perflab.experiments.study import Study, create_run
from perflab.findings.finding import TrustCheck
from perflab.gateway.state.schema import SCHEMA
from perflab.report.figures.break_even import break_even as break_even_figure
from perflab.stats.interval import Interval
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system
from tests.gateway.processes import gateway, world
from tests.gateway.variants import LIGHT


def us(value: float, spread: float = 0.1) -> Interval:
    return Interval(value, value * (1 - spread), value * (1 + spread), 0.95, 12, "order statistics")


def coded(plain: int, left: int, encode_us: float, decode_us: float = 0.0, label: str = "zstd") -> Coded:
    return Coded("history", Coding(label, label, 3, bytes, bytes), plain, left, us(encode_us), us(decode_us))


@pytest.fixture
def study(root: Path, tmp_path: Path) -> Study:
    system = load_system(root / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "quick", 7, tmp_path)
    return Study(run, system, "23_api_streaming", "quick", 7, default_cores())


# --- content and reading


def test_sessions_are_filled_once_with_real_text_and_code(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
    content.fill_file(path)
    content.fill_file(path)
    with closing(sqlite3.connect(path)) as connection:
        count = {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("history", "artefacts")}
        newest = connection.execute("SELECT max(id) FROM history WHERE session = 3").fetchone()[0]
        codes = [row[0] for row in connection.execute("SELECT code FROM artefacts")]
    assert count == {"history": content.SESSIONS * 2 * content.TURNS, "artefacts": content.SESSIONS * content.ARTEFACTS}
    assert newest - sparse.last_seen(3) == sparse.NEW
    assert all(compile(code, "artefact", "exec") for code in set(codes)) and len(set(codes)) > 20
    assert len(set(content.paragraphs())) > 300


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_an_answer_that_unfolds_to_too_much_is_refused(coding: str) -> None:
    encode = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.ZstdCompressor().compress}[coding]
    assert reading.decoded(encode(b"[1]"), coding, "application/json") == [1]
    with pytest.raises(ValueError, match="no more is unfolded"):
        reading.decoded(encode(bytes(reading.LARGEST + 10)), coding, "application/json")


def test_a_coding_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="'deflate'"):
        reading.decoded(b"", "deflate", "application/json")


def test_the_digest_is_of_the_values_and_sees_one_that_is_wrong() -> None:
    rows = [{"id": 4, "text": "a"}]
    plain, packed, wrong = reading.Answers(), reading.Answers(), reading.Answers()
    plain.bodies[0] = (gzip.compress(json.dumps(rows).encode()), "gzip", "application/json")
    packed.bodies[0] = (msgspec.msgpack.encode(rows), "", "application/msgpack")
    wrong.bodies[0] = (json.dumps([{"id": 4, "text": "b"}]).encode(), "", "application/json")
    assert plain.digest() == packed.digest() != wrong.digest()
    assert packed.mean_bytes < plain.mean_bytes


# --- break-even


@given(st.integers(1000, 100_000), st.floats(0.05, 0.95), st.floats(1, 1e5), st.floats(0, 1e3))
def test_at_the_crossing_nothing_is_gained_and_below_it_something(
    plain: int, share: float, encode_us: float, decode_us: float
) -> None:
    one = coded(plain, int(plain * share), encode_us, decode_us)
    crossing = break_even.crossing_mbit(one)
    assert break_even.seconds_gained(one, crossing) == pytest.approx(0, abs=1e-12)
    assert break_even.seconds_gained(one, crossing / 2) > 0 > break_even.seconds_gained(one, crossing * 2)
    low, high = break_even.crossing_bounds(one)
    assert low < crossing < high


def test_the_worked_example_of_the_model() -> None:
    assert break_even.seconds_gained(coded(13_000, 4_000, 90, 10), 10) == pytest.approx(7.1e-3)


def test_what_saves_no_byte_never_pays_and_the_figure_says_so() -> None:
    useless, good = coded(600, 610, 5, label="useless"), coded(16_000, 4_000, 50, 10, label="good")
    assert break_even.crossing_mbit(useless) == 0
    assert break_even.fastest_at([useless], "history", 1.0) is None
    assert break_even.fastest_at([useless, good], "history", 1.0) is good
    rows = break_even.curve_rows([useless, good], "history", ["useless 3", "good 3"])
    drawn = break_even_figure(rows, "t", "link rate (Mbit/s)", "sooner by (ms)", "Mbit/s")
    assert "good 3 gains below 1,600 Mbit/s" in drawn.alt and "useless 3 never" in drawn.alt
    assert "good 3 1,600 Mbit/s (1,455 to 1,778)" in break_even.sentence([good], ["good 3"])


def test_every_coding_is_held_to_the_body_and_a_lossy_one_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {"history": json.dumps([{"text": text} for text in content.paragraphs()[:20]]).encode()}
    assert all(check.passed for check in codings.same_after_decoding(bodies))
    whole = codings.codings()
    broken = replace(whole[0], decode=lambda body: whole[0].decode(body)[:-1])
    monkeypatch.setattr(codings, "codings", lambda: (broken, *whole[1:]))
    assert not codings.same_after_decoding(bodies)[0].passed


def test_the_table_of_codings_has_every_level_once() -> None:
    body = " ".join(content.paragraphs()[:30]).encode()
    table = codings.measure({"history": body}, seed=3, rounds=6)
    assert [one.coding.label for one in table] == [coding.label for coding in codings.codings()]
    assert all(one.coded < one.plain and one.encode_us.value > 0 for one in table)
    assert {one.row()["content"] for one in table} == {f"history ({len(body):,} bytes)"}


# --- link, listeners


def test_the_paced_link_loses_nothing_and_is_never_faster_than_its_rate() -> None:
    sent = np.random.default_rng(5).integers(0, 256, 60_000, dtype=np.uint8).tobytes()

    async def scenario() -> tuple[bytes, float]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(3) + sent)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with link.link_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 8.0) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            begin = time.perf_counter()
            writer.write(b"ask")
            got = await reader.read(-1)
            took = time.perf_counter() - begin
            writer.close()
        server.close()
        return got, took

    got, took = asyncio.run(scenario())
    assert got == b"ask" + sent
    assert took > 8 * len(sent) / 8e6 - link.BEHIND_S


def test_the_board_waits_for_all_and_counts_what_comes_twice() -> None:
    async def scenario() -> None:
        board, first, second = Board(2), set[int](), set[int]()
        board.saw(7, first)
        assert not await board.by_all(7, 0.01)
        board.saw(7, second)
        assert await board.by_all(7, 0.01) and board.doubled == 0
        board.saw(7, second)
        assert board.doubled == 1

    asyncio.run(scenario())


# --- the notebook's own parts


def rung(simple: np.ndarray, slow: np.ndarray | None = None, failed: int = 0, late_ms: float = 0.5) -> knee.Rung:
    slow = np.zeros(0) if slow is None else slow
    both = np.concatenate([simple, slow])
    met = Arrivals(both, np.full(both.size, late_ms), failed, np.arange(both.size))
    ended = np.linspace(0.01, 9.9, both.size) ** 1.01 % 10
    return knee.Rung("optimised", 6000, 10.0, met, {"simple": simple, "complex": slow}, ended, 20.0, 15.0)


def test_a_rung_holds_by_its_simple_requests_its_failures_and_its_complex_ones() -> None:
    fast = np.random.default_rng(1).uniform(1, 5, 900)
    assert rung(fast, np.full(100, 150.0)).held
    assert not rung(fast, np.full(100, 2500.0)).held
    assert not rung(fast, failed=20).held
    assert not rung(fast * 40).held
    rate = rung(fast).rate()
    assert rate is not None and rate.low is not None and rate.low < 5400 < (rate.high or 0) * 1.05
    assert not rung(fast, late_ms=60.0).checks[0].passed
    said = knee.knee_sentence([rung(fast), rung(fast * 40)])
    assert "optimised holds 6,000/min (p95 4." in said and "failed)" in said
    assert "optimised holds no rung and misses 6,000/min" in knee.knee_sentence([rung(fast * 40)])
    steep = replace(rung(fast * 40), per_min=24_000)
    assert "optimised was not asked below 24,000/min and misses 24,000/min" in knee.knee_sentence([steep])


def test_a_rung_whose_requests_fail_is_not_trusted() -> None:
    fast = np.random.default_rng(1).uniform(1, 5, 900)
    assert not vetoed(rung(fast, failed=9).checks) and vetoed(rung(fast, failed=20).checks)


def test_refused_requests_are_no_throughput(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Answer:
        status = 200

        async def __aenter__(self) -> Answer:
            asked.append("")
            self.status = 503 if len(asked) % 2 else 200
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def read(self) -> bytes:
            return b""

    monkeypatch.setattr(knee, "cpu_now", lambda _: {})
    client = SimpleNamespace(request=lambda *_, **__: Answer())
    target: Any = SimpleNamespace(
        rng=np.random.default_rng(2), seconds=0.3, client=client, api="", running=None,
        variant=SimpleNamespace(name="optimised"),
    )  # fmt: skip
    seen = asyncio.run(knee._arrive(target, 6_000))
    assert seen.met.failed > 5 and seen.ended_s.size == seen.met.latency_ms.size == len(asked) - seen.met.failed


def test_the_link_says_nothing_where_identical_arms_differ(monkeypatch: pytest.MonkeyPatch, study: Study) -> None:
    monkeypatch.setattr(conclude, "link_sentence", lambda _: "It holds.")
    for passed, verdict in ((True, "reported"), (False, "untrusted")):
        check = TrustCheck(name="identical arms measure alike", passed=passed, observed="", limit="")
        seen: Any = SimpleNamespace(null_checks=(check,))
        assert conclude.link_finding(study, seen).verdict == verdict


def test_the_mix_is_that_of_the_load_file_and_the_same_for_every_variant() -> None:
    asked = knee.draw(np.random.default_rng(3), 4000)
    assert asked == knee.draw(np.random.default_rng(3), 4000)
    assert 0.08 < np.mean([one.tag == "complex" for one in asked]) < 0.12
    assert {one.method for one in asked} == {"GET", "POST"}


def test_what_is_not_measured_is_named(root: Path) -> None:
    system = load_system(root / "data/systems/voice_gateway.toml")
    study: Any = SimpleNamespace(system=system, quick=True)
    said = lab.still_open(study)
    assert "ST-API-07 gRPC" in said and not {"ST-NET-03", "ST-API-02"} & {word.strip(";") for word in said.split()}
    assert "ST-API-07" not in lab.still_open(study, ["ST-API-07"])
    kept = {one.key: one.arms for one in lab.experiments(study)}
    assert "voice-path" not in kept and set(kept["compression"]) < set(EXPERIMENTS[0].arms)
    flags = {flag.name: flag.names for flag in system.flag}
    for setting in (part for one in lab.EXPERIMENTS for arm in one.arms for part in arm.split("+")):
        name, _, value = setting.partition("=")
        assert value in flags[name]


def pool_row(size: str, p95: float) -> dict[str, Any]:
    return {"pool": size, "p95 (ms)": p95, "p95 low": 0.9 * p95, "p95 high": 1.1 * p95, "requests": 400}


def test_the_pool_that_starves_and_the_one_that_is_enough_are_named() -> None:
    sizes = {"none": 190.0, "4": 900.0, "8": 185.0, "100": 180.0}
    said = lab.pool_sentence([pool_row(size, p95) for size, p95 in sizes.items()])
    assert said.startswith("With httpx, without a pool, p95 is 190 ms (171 to 209, n = 400)")
    assert "slower than no pool at all: 4 connections (p95 900 ms). From 8 connections on (185 ms)" in said
    assert "no pool here is surely slower" in lab.pool_sentence([pool_row("none", 190.0), pool_row("4", 180.0)])


@pytest.mark.slow
def test_the_reading_work_gets_the_same_values_from_every_way_of_sending(tmp_path: Path) -> None:
    """Two real gateways, one at the baseline, one that codes and packs what it sends: one digest, fewer bytes."""

    async def read(running: Any, flags: dict[str, str]) -> Any:
        async with aiohttp.ClientSession() as client:
            target: Any = SimpleNamespace(
                api=running.api, client=client, rng=np.random.default_rng(9), seconds=0.5, block=0,
                running=SimpleNamespace(trial_dir=tmp_path), variant=SimpleNamespace(flags=flags),
            )  # fmt: skip
            content.fill_file(running.database)
            return await reading.read(target)

    seen = []
    with world(tmp_path) as around:
        for name, flags in (("a", LIGHT), ("b", LIGHT | {"compression": "by_class", "serialiser": "msgpack"})):
            with gateway(around, name, flags) as running:
                seen.append(asyncio.run(read(running, flags)))
    plain, small = seen
    assert (plain.failed, small.failed) == (0, 0) and plain.latency_ms.size == small.latency_ms.size > 10
    assert plain.answers == small.answers
    column = reading.BYTES.column
    assert small.figures[column] < plain.figures[column] / 2
