"""What a session costs in memory: the growth while sessions are filled in, without what the first request costs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perflab.experiments.strategies.state import lazy, per_session, pruned, stores
from perflab.experiments.strategies.state.filling import SESSIONS


class Answer:
    """An answer that says when it is read."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def read(self) -> bytes:
        self.told.append("asked")
        return b""


class Client:
    """A client that writes down what it asks."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def get(self, url: str) -> Answer:
        return Answer(self.told)


class Target:
    """A started system of which nothing but its memory is looked at."""

    api, running = "", None

    def __init__(self, told: list[str]) -> None:
        self.client = Client(told)


def test_the_growth_while_sessions_are_filled_in_is_shared_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    sizes = iter([114.7, 118.0])

    def memory_mb(_: Any) -> float:
        told.append("weighed")
        return next(sizes)

    async def fill(target: Any, turns: int) -> None:
        told.append(f"filled with {turns}")

    monkeypatch.setattr(per_session, "memory_mb", memory_mb)
    monkeypatch.setattr(per_session, "fill", fill)
    monkeypatch.setattr(per_session, "SETTLE_S", 0.0)
    found: dict[str, float] = asyncio.run(per_session.weighed_fill(Target(told), 40))  # type: ignore[arg-type]
    assert told == ["asked", "weighed", "filled with 40", "weighed"]
    assert found == {per_session.PER_SESSION.column: pytest.approx(1e3 * 3.3 / SESSIONS)}


def test_it_is_a_figure_of_the_stores_and_the_others_say_why_it_is_none_of_theirs() -> None:
    assert per_session.PER_SESSION in stores.EXPERIMENT.all_figures
    for other in (lazy.LISTED, lazy.OPENED, pruned.EXPERIMENT):
        assert per_session.PER_SESSION not in other.all_figures
        assert "no memory per session is told: the" in other.price and "store's file" in other.price
