"""The contest on admission control: its load is an overload on any machine, and a refusal is a lost call, no crash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.errors import RunCorrupt, SystemFailure
from perflab.experiments.api_streaming import lab
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.admission import callers, capacity, overload
from perflab.experiments.strategies.admission.callers import Heard, hold_calls
from perflab.experiments.strategies.admission.capacity import Capacity, capacity_of
from perflab.experiments.strategies.experiment import BASE
from perflab.experiments.strategies.run import Sizes, run_experiment
from perflab.experiments.study import Study, create_run
from perflab.findings.catalogue import load_strategies
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system
from perflab.wire.frame import Flag, Frame, FrameType, encode_binary


@pytest.fixture
def gateway(root: Path, tmp_path: Path) -> Study:
    system = load_system(root / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "quick", 7, tmp_path)
    return Study(run, system, "23_api_streaming", "quick", 7, default_cores())


def test_both_contests_speak_of_flags_and_conditions_that_exist_and_belong_to_the_notebook(gateway: Study) -> None:
    values = {condition.name: condition.values for condition in gateway.system.condition}
    for experiment in overload.EXPERIMENTS:
        assert gateway.variant(experiment.variant_of(BASE)).flags["admission"] == "off"
        with_it = gateway.variant(experiment.variant_of("admission=by_lag"))
        assert with_it.flags["admission"] == "by_lag"
        assert all(value in values[name] for name, value in experiment.conditions.items())
        assert experiment in lab.EXPERIMENTS and experiment.strategy == "ST-RES-10"
        assert experiment.price and experiment.turns
    assert not {one.key for one in overload.EXPERIMENTS} & {one.key for one in lab.experiments(gateway)}  # at quick


def test_goodput_has_the_refused_as_lost_and_the_share_of_the_admitted_has_them_not() -> None:
    heard = Heard([100.0] * 30 + [1_999.0, 2_000.0, 2_001.0], refused=50, given_up=15, broken=2)
    figures = overload.figures_of(heard, 4.0)
    assert figures == {
        "goodput_per_s": 8.0, "kept_share": 32 / 50, "refused_share": 0.5, "offered_per_s": 25.0,
    }  # fmt: skip
    assert heard.failed == 17 and heard.asked == 100
    assert np.isnan(overload.figures_of(Heard(refused=3), 1.0)["kept_share"])


def test_refusing_without_need_loses() -> None:
    """Whoever refuses half of those that could have been served has half the goodput, however quick the others are."""
    lets_in, refuses = Heard([900.0] * 40), Heard([100.0] * 20, refused=20)
    before, after = (overload.figures_of(heard, 4.0) for heard in (lets_in, refuses))
    assert after["goodput_per_s"] == before["goodput_per_s"] / 2
    assert after["kept_share"] == before["kept_share"] == 1.0 and after["refused_share"] == 0.5


class Socket:
    """A session that is ready, hears so many frames, and then answers; or is closed with a code when it starts."""

    def __init__(self, answers: bool = True, close_code: int = 0) -> None:
        self.answers, self.close_code, self.heard = answers, close_code, 0
        self.waiting: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send_bytes(self, _: bytes) -> None:
        self.waiting.put_nowait(None if self.close_code else _frame(FrameType.CONTROL, b'{"op": "ready"}'))

    async def send_frame(self, wire: bytes, _: Any) -> None:
        self.heard += 1
        if self.heard == 28 and self.answers:  # three frames after the speech
            self.waiting.put_nowait(_frame(FrameType.AUDIO, b"ab"))
            self.waiting.put_nowait(_frame(FrameType.AUDIO, b"ab", Flag.END_OF_TURN))

    async def receive(self) -> Any:
        return SimpleNamespace(data=await self.waiting.get())


def _frame(kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> bytes:
    return encode_binary(Frame(kind, 1, 1, 20, payload, flags))


def held(monkeypatch: pytest.MonkeyPatch, patience_s: float, *sockets: Any) -> Heard:
    """Hold a call on each socket, all at once, with callers of that patience."""
    import aiohttp

    left = list(sockets)

    class Client:
        @asynccontextmanager
        async def ws_connect(self, *_: object, **__: object) -> AsyncIterator[Any]:
            socket = left.pop(0)
            if isinstance(socket, int):
                raise aiohttp.WSServerHandshakeError(None, (), status=socket)  # type: ignore[arg-type]
            yield socket

    monkeypatch.setattr(callers, "PATIENCE_S", patience_s)
    target: Any = SimpleNamespace(
        client=Client(), voice="", variant=SimpleNamespace(flags={"frames": "binary"}), rng=np.random.default_rng(1)
    )
    return asyncio.run(hold_calls(target, np.zeros(len(sockets))))


def test_every_end_of_a_call_is_an_outcome_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = held(monkeypatch, 60.0, Socket(), 503, Socket(close_code=1013), 500, Socket(close_code=1011))
    assert (heard.refused, heard.given_up, heard.broken) == (2, 0, 2)
    assert len(heard.answered_ms) == 1 and heard.asked == 5
    assert heard.answered_ms[0] > 30.0  # from the due end of the speech; it was answered three frames after it
    silent = held(monkeypatch, 0.05, Socket(answers=False))
    assert (silent.given_up, silent.asked) == (1, 1)


def test_the_silence_lasts_as_long_as_callers_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever patience an earlier script of the same process was made for."""
    for patience_s, frames in ((4.0, 600), (0.25, 225), (4.0, 600)):
        monkeypatch.setattr(callers, "PATIENCE_S", patience_s)
        assert len(callers.script_of(np.random.default_rng(1), "binary").silence) == frames


def test_what_one_core_carries_is_measured_once_for_a_run(gateway: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []

    class Nothing:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    costs = iter((100.0, 80.0, None) * 2)

    def step(_: Any, __: Any, per_s: float, ___: int) -> Capacity | None:
        steps.append(per_s)
        cost = next(costs)
        return Capacity(cost, per_s) if cost else None  # calls failed at the last: it was too much

    monkeypatch.setattr(capacity, "started", lambda *_: Nothing())
    monkeypatch.setattr(capacity, "_step", step)
    found = capacity_of(gateway, overload.OVERLOADED)
    assert found.per_s == 12.5 and steps == pytest.approx([capacity.FIRST_PER_S, 6.0, 11.25])
    assert capacity_of(gateway, overload.BELOW_CAPACITY) == found and len(steps) == 3  # read back
    path = gateway.run.folder("samples") / "admission.capacity.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"commit": "another"}))
    capacity_of(gateway, overload.OVERLOADED)
    assert len(steps) == 6


def test_a_calibration_begins_without_what_an_interrupted_one_left(
    gateway: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = gateway.run.folder("trials") / "admission-capacity" / "gateway.sqlite"
    left.parent.mkdir(parents=True)
    left.write_text("histories of the very sessions that come again")
    seen: list[bool] = []

    @contextmanager
    def start(*_: Any) -> Iterator[None]:
        seen.append(left.exists())
        yield

    monkeypatch.setattr(capacity, "started", start)
    monkeypatch.setattr(capacity, "_step", lambda *_: Capacity(100.0, 1.5))
    capacity_of(gateway, overload.OVERLOADED)
    assert seen == [False]


@pytest.mark.parametrize("damage", ["{", "[]", None, 0.0, float("nan"), -3.0, "dear", "gone"])
def test_a_damaged_calibration_is_one_line_that_says_what_to_delete(
    damage: Any, gateway: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "started", lambda *_: nullcontext())
    monkeypatch.setattr(capacity, "_step", lambda *_: Capacity(100.0, 1.5))
    capacity_of(gateway, overload.OVERLOADED)
    path = gateway.run.folder("samples") / "admission.capacity.json"
    body = json.loads(path.read_text())
    cost = {} if damage == "gone" else {"cpu_ms_per_call": damage}
    body = {name: value for name, value in body.items() if name != "cpu_ms_per_call"} | cost
    path.write_text(damage if damage in ("{", "[]") else json.dumps(body))
    with pytest.raises(RunCorrupt, match="What one core carries cannot be read") as caught:
        capacity_of(gateway, overload.OVERLOADED)
    assert f"Delete {path}" in str(caught.value) and "\n" not in str(caught.value)


def test_nobody_is_sent_to_a_notebook_that_is_not_there_for_what_this_one_measures(gateway: Study) -> None:
    """The guide names it as the one that is to run the strategy."""
    planned = {one.id: one.notebook for one in load_strategies(gateway.system.resolve(gateway.system.strategies))}
    written = {path.stem for path in gateway.system.path.parents[2].glob("notebooks/*.ipynb")}
    measured = {one.strategy_of(arm) for one in lab.EXPERIMENTS for arm in one.arms}
    assert {planned[strategy] for strategy in measured} <= written
    assert planned["ST-RES-10"] == lab.NOTEBOOK


def test_a_system_that_fails_at_a_light_load_has_no_capacity(gateway: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(capacity, "started", lambda *_: Nothing())
    monkeypatch.setattr(capacity, "_step", lambda *_: None)
    with pytest.raises(SystemFailure, match=r"No call was answered at 1\.5/s") as caught:
        capacity_of(gateway, overload.OVERLOADED)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("experiment", "times"), [(overload.OVERLOADED, 2.0), (overload.BELOW_CAPACITY, 0.5)])
def test_calls_come_at_so_many_times_what_one_core_carries(
    experiment: Any, times: float, gateway: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[np.ndarray] = []

    async def hold(_: Any, arrivals: np.ndarray) -> Heard:
        came.append(arrivals)
        return Heard([100.0] * arrivals.size)

    async def nothing(*_: Any) -> float:
        return 0.25

    for name, made in (("hold_calls", hold), ("_busy", nothing), ("_quiet", nothing)):
        monkeypatch.setattr(overload, name, made)
    monkeypatch.setattr(overload, "capacity_of", lambda *_: Capacity(20.0, 30.0))  # 50 a second
    work = experiment.fit(gateway, experiment)
    target: Any = SimpleNamespace(rng=np.random.default_rng(1), seconds=20.0, running=None, block=0)
    done = asyncio.run(work(target))
    assert came[0].size / 20.0 == pytest.approx(times * 50, rel=0.1)
    assert done.figures["one_core_per_s"] == 50.0 and done.figures["client_cpu"] == 0.25
    target.seconds = 0.5
    asyncio.run(work(target))
    assert came[1].max() > overload.LEAST_S - 1  # a block is never too short for an overload


@pytest.mark.slow
def test_below_what_one_core_carries_calls_are_answered_in_every_arm(
    gateway: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "capacity_of", lambda *_: Capacity(1000.0, 1.0))  # one call every two seconds
    seen = run_experiment(gateway, overload.BELOW_CAPACITY, Sizes(blocks=1, seconds=6.0, fresh=False))
    assert {row["arm"] for row in seen.rows} == {BASE, NULL, "admission=by_lag"}
    for row in seen.rows:
        assert row["offered_per_s"] > 0 and row["one_core_per_s"] == 1.0
        assert 0 <= row["refused_share"] <= 1 and row["client_cpu"] > 0
    assert len({row["offered_per_s"] for row in seen.rows}) == 1  # the same calls in every arm
