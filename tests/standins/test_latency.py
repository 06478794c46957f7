from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import UsageError
from perflab.standins.conformance import speech
from perflab.standins.draws import uniform
from perflab.standins.latency import PROFILES, LatencyProfile, profile_named, prompt_think_time_s, think_time_s

from .virtual import connected, rows_of, talk, virtual_world, wait

TURNS = 5_000
RANDOM = [name for name, profile in PROFILES.items() if profile.sigma]


def ks_distance(sample: np.ndarray, cdf) -> float:
    """Largest distance of the empirical distribution from `cdf`, below the atom at a cap."""
    ordered = np.sort(sample)
    asked = np.array([cdf(value) for value in ordered])
    inside = asked < 1.0
    steps = np.arange(1, ordered.size + 1) / ordered.size
    return float(max(np.abs(steps - asked)[inside].max(), np.abs(steps - 1 / ordered.size - asked)[inside].max()))


@pytest.mark.parametrize("name", RANDOM)
def test_the_asked_distribution_is_recovered_over_5000_turns(name):
    sample = np.array([think_time_s(name, 3, session, turn) for session in range(1, 101) for turn in range(1, 51)])
    assert sample.size == TURNS
    assert ks_distance(sample, profile_named(name).cdf) <= 0.03


def test_a_wrong_distribution_would_be_seen():
    sample = np.array([think_time_s("aa-fast", 3, 1, turn) for turn in range(TURNS)]) * 1.03
    assert ks_distance(sample, profile_named("aa-fast").cdf) > 0.03


@pytest.mark.slow
def test_sessions_in_virtual_time_recover_the_distribution(tmp_path):
    """5,000 turns through the real session code: from the detected end of a turn to its first reply audio."""
    world = virtual_world(tmp_path, "aa-fast", seed=11, pace=1000.0)
    utterance = speech(4, 1) + bytes(640 * 15)
    for number in range(1, 101):
        session, _ = connected(world, number)
        for _ in range(TURNS // 100):
            talk(session, utterance, chunk=len(utterance))
            wait(world, 4.0)
        session.end("unfinished")
    rows = rows_of(world)
    measured = (rows["first_ns"] - rows["mark2_ns"]) / 1e9
    assert rows.size == TURNS
    assert ks_distance(measured, profile_named("aa-fast").cdf) <= 0.03
    assert np.abs(measured - rows["mark7_ns"] / 1e9).max() < 1e-6


def test_draws_depend_on_the_key_alone_and_differ_between_keys():
    assert think_time_s("aa-fast", 7, 5, 2) == think_time_s("aa-fast", 7, 5, 2)
    draws = {think_time_s("aa-fast", seed, s, t) for seed in range(3) for s in range(10) for t in range(10)}
    assert len(draws) == 300
    assert prompt_think_time_s("codegen-120", 7, "a") != prompt_think_time_s("codegen-120", 7, "b")


def test_neighbouring_keys_are_uncorrelated():
    a = np.array([uniform(1, "think", s, 1) for s in range(4000)])
    b = np.array([uniform(1, "think", s, 2) for s in range(4000)])
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.06
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.06


@given(st.sampled_from(sorted(PROFILES)), st.floats(0.001, 0.999))
def test_cdf_inverts_quantile(name, u):
    profile = profile_named(name)
    value = profile.quantile(u)
    assert 0.0 <= value <= profile.cap_s - profile.ended_s
    if profile.sigma and 0.0 < value < profile.cap_s - profile.ended_s:
        assert profile.cdf(value) == pytest.approx(u, abs=1e-9)


def test_the_cap_holds_and_every_profile_names_its_source():
    profile = profile_named("gemini-3.1-min")
    assert profile.quantile(1 - 1e-9) == pytest.approx(5.7) and profile.cdf(5.7) == 1.0 > profile.cdf(5.69)
    assert all(len(profile.source) > 20 for profile in PROFILES.values())


def test_a_figure_below_the_wait_for_the_end_of_the_turn_is_no_think_time():
    profile = LatencyProfile("low", 0.3, 0.5, "half of its figures are below the wait", ended_s=0.3)
    assert [profile.quantile(u) for u in (0.001, 0.3)] == [0.0, 0.0] and profile.quantile(0.7) > 0.0
    assert profile.cdf(-1e-9) == 0.0 and profile.cdf(0.0) == pytest.approx(0.5)


VOICE_TO_VOICE = [("gpt-rt-1.5", 1.152, 0.26), ("gemini-3.1-min", 1.632, 0.46)]  # of the source, from the end of speech


@pytest.mark.parametrize(("name", "median_s", "sigma"), VOICE_TO_VOICE)
def test_end_of_speech_to_first_audio_is_what_the_source_of_a_voice_to_voice_figure_tells(
    tmp_path, name, median_s, sigma
):
    """From the last voiced window to the reply, whatever the stand-in waits on the way to see that a turn has ended."""
    world = virtual_world(tmp_path, name, seed=5, pace=1000.0)
    utterance = speech(4, 1) + bytes(640 * 15)
    for number in range(1, 41):
        session, _ = connected(world, number)
        for _ in range(10):
            talk(session, utterance, chunk=640)
            wait(world, 7.0)
        session.end("unfinished")
    rows = rows_of(world)
    heard_s = (rows["first_ns"] - rows["mark1_ns"]) / 1e9
    asked = NormalDist(np.log(median_s), sigma)
    assert rows.size == 400
    assert ks_distance(heard_s, lambda s: asked.cdf(np.log(s)) if s < 5.999 else 1.0) < 0.085  # 1 % point of KS


def test_an_unknown_profile_is_one_clear_line():
    with pytest.raises(UsageError, match=r"unknown.*aa-fast"):
        profile_named("fast")
