"""The audio bars are measured on one core, but for those of two threads; afterwards the process has its cores back."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.benches import audio
from perflab.benches.audio import contest, mixing, opus, tones
from perflab.benches.audio.material import FEW
from perflab.benches.audio.threads import ThreadGain
from perflab.benches.bar import Bar
from perflab.stats.interval import Interval
from perflab.system.cores import default_cores, given_cores, staying_on

TIMES = [1e-6 * k for k in range(1, 12)]
ONE = Interval(1.0, 1.0, 1.0, 0.95, 9, "planted")


def used() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0)))


def seen(at: dict[str, tuple[int, ...]], name: str, value: Any) -> Any:
    """Return a function that notes on which cores it is called."""

    def called(*given: Any, **named: Any) -> Any:
        at[name] = used()
        return value

    return called


def test_a_part_runs_on_one_core_and_two_threads_on_all_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    at: dict[str, tuple[int, ...]] = {}
    before = used()
    monkeypatch.setattr(opus, "empty_calls", seen(at, "calls", (TIMES, TIMES)))
    monkeypatch.setattr(opus, "against_bare", seen(at, "bare", (ONE, ONE)))
    monkeypatch.setattr(opus, "two_threads", seen(at, "threads", ThreadGain(ONE, 1.0)))
    said: list[str] = []
    bars = audio.run({"opus"}, said.append)
    one = default_cores().others[:1]
    assert at == {"calls": one, "bare": one, "threads": given_cores()} and used() == before
    assert said[0] == f"on core {one[0]}"
    assert {tuple(bar.detail["cores"]) for bar in bars} == {one}  # told after the threads gave their cores back


def test_a_part_that_breaks_gives_the_cores_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(say: Any) -> list[Bar]:
        raise KeyboardInterrupt

    before = used()
    monkeypatch.setattr(tones, "bars", broken)
    with pytest.raises(KeyboardInterrupt):
        audio.run({"tones"}, lambda line: None)
    assert used() == before


def test_threads_that_are_there_already_stay_on_the_core_too() -> None:
    found: list[set[int]] = []
    moved, done = threading.Event(), threading.Event()

    def wait() -> None:
        moved.wait(5)
        found.append(os.sched_getaffinity(0))
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    with staying_on(default_cores().others[:1]):
        moved.set()
        assert done.wait(5)
    thread.join()
    assert found == [set(default_cores().others[:1])]


@pytest.mark.parametrize(("spins_s", "waited_s"), [(0.0, 0.02), (0.11, 0.14), (9.0, 2.0)])
def test_a_contest_begins_when_no_thread_of_a_library_spins(
    spins_s: float, waited_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads of BLAS spin for a while after a product, and process CPU time counts them."""
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(contest, "time", SimpleNamespace(process_time=lambda: min(clock.now, spins_s), sleep=sleep))
    monkeypatch.setattr(contest, "time_paired", lambda *given: pytest.fail("timed"))
    with pytest.raises(pytest.fail.Exception, match="timed"):
        contest.hold(contest.Contest("x", "x", int, int, 1, 1.0))
    assert clock.now == pytest.approx(waited_s)


def test_a_contest_takes_several_frames_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame again and again trains the branch predictor: no call may get what the one before it got."""
    given: list[np.ndarray] = []
    for name in ("mix_minus", "level"):
        monkeypatch.setattr(mixing, name, lambda pcm, out: given.append(pcm))
    for raced in (mixing._mix_contest(3), *mixing.level_contests(None)):
        given.clear()
        for _ in range(FEW + 1):
            raced.ours()
        assert len({id(pcm) for pcm in given}) == FEW and given[0] is given[FEW]
    given.clear()
    monkeypatch.setattr(mixing, "FRAMES", 1)
    raced = mixing.level_contests(SimpleNamespace(rms=lambda raw, width: given.append(raw), max=lambda raw, width: 0))[
        -1
    ]
    for _ in range(FEW + 1):
        raced.theirs()
    assert len(set(map(bytes, given))) == FEW and given[0] == given[FEW]


def test_what_judges_speech_is_among_the_versions_that_a_bar_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = SimpleNamespace(version=lambda name: f"{name} 1", PackageNotFoundError=LookupError)
    monkeypatch.setattr(contest, "metadata", installed)
    told = contest.circumstances()
    assert [told[name] for name in ("pesq", "pystoi", "pocketsphinx")] == ["pesq 1", "pystoi 1", "pocketsphinx 1"]
