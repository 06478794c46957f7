"""Levels and mixes against whole numbers and numpy; silence, extremes, idle sessions, bytes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.kernels import warm_up
from perflab.audio.kernels.level import dbfs, level
from perflab.audio.kernels.mixer import mix, mix_minus
from perflab.audio.kernels.oracle import level as plain_level
from perflab.audio.kernels.oracle import mixer as plain
from perflab.audio.kernels.pcm import check_finite, pcm_from_bytes
from perflab.errors import UsageError

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 70), st.integers(0, 1 << 30))


def any_pcm(parties: int, samples: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pcm = rng.integers(-32768, 32768, (parties, samples)).astype(np.int16)
    pcm[rng.random(pcm.shape) < 0.2] = -32768
    return pcm


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_level_is_exact(size: tuple[int, int, int]) -> None:
    pcm = any_pcm(*size)
    made = level(pcm, np.empty((size[0], 2), np.float32))
    wanted = np.array([plain_level.level(row.tolist()) for row in pcm], dtype=np.float32)
    assert np.array_equal(made, wanted)


def test_level_of_the_loudest_does_not_overflow() -> None:
    made = level(np.full((1, 48_000), -32768, np.int16), np.empty((1, 2), np.float32))
    assert made.tolist() == [[32768, 32768]]
    assert dbfs(made).tolist() == [[0, 0]]
    assert dbfs(np.zeros(1, np.float32)) == pytest.approx(-120)


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_mixes_equal_numpy_bit_for_bit(size: tuple[int, int, int]) -> None:
    pcm = any_pcm(*size)
    assert np.array_equal(mix(pcm, np.empty(size[1], np.int16)), plain.mix(pcm))
    assert np.array_equal(mix_minus(pcm, np.empty_like(pcm)), plain.mix_minus(pcm))


def test_long_rows_are_mixed_in_slices() -> None:
    pcm = any_pcm(5, 5_000, 3)
    assert np.array_equal(mix(pcm, np.empty(5_000, np.int16)), plain.mix(pcm))
    assert np.array_equal(mix_minus(pcm, np.empty_like(pcm)), plain.mix_minus(pcm))


def test_idle_sessions_are_neither_heard_nor_do_they_hear() -> None:
    pcm, active = any_pcm(6, 320, 1), np.array([1, 0, 1, 1, 0, 1], bool)
    heard = mix_minus(pcm, np.full_like(pcm, 9), active)
    assert np.array_equal(heard[active], plain.mix_minus(pcm[active]))
    assert not heard[~active].any()
    assert not level(pcm, np.full((6, 2), 9, np.float32), active)[~active].any()


@pytest.mark.parametrize("parties", [1, 3, 4, 9])
def test_a_mask_of_all_is_no_mask(parties: int) -> None:
    pcm, everyone = any_pcm(parties, 1_300, 4), np.ones(parties, bool)
    assert np.array_equal(mix(pcm, np.empty(1_300, np.int16), everyone), plain.mix(pcm))
    assert np.array_equal(mix_minus(pcm, np.empty_like(pcm), everyone), plain.mix_minus(pcm))


def test_mixing_in_place_is_mixing() -> None:
    pcm = any_pcm(5, 1_300, 4)
    wanted = plain.mix_minus(pcm)
    assert np.array_equal(mix_minus(pcm, pcm), wanted)


def test_warming_up_compiles_both_ways_of_mixing(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, bool]] = []
    for name in ("mix", "mix_minus"):
        monkeypatch.setattr(warm_up, name, lambda pcm, out, active, name=name: given.append((name, active is None)))
    warm_up._mixer()
    assert sorted(given) == [("mix", False), ("mix", True), ("mix_minus", False), ("mix_minus", True)]


def test_another_lane_changes_no_level() -> None:
    pcm = any_pcm(8, 320, 2)
    spoilt = pcm.copy()
    spoilt[3] = 32767
    first, second = (level(x, np.empty((8, 2), np.float32)) for x in (pcm, spoilt))
    assert np.array_equal(np.delete(first, 3, 0), np.delete(second, 3, 0))


def test_bytes_that_are_no_whole_samples_are_refused() -> None:
    assert pcm_from_bytes(b"\x01\x00\xff\xff").tolist() == [[1, -1]]
    assert pcm_from_bytes(b"\x01\x00\xff\xff", channels=2).tolist() == [[1], [-1]]
    for raw, channels in ((b"\x01\x00\x02", 1), (b"\x01\x00", 2), (b"\x00" * 6, 2)):
        with pytest.raises(UsageError, match="a multiple of"):
            pcm_from_bytes(raw, channels)
    with pytest.raises(UsageError, match="0 channels"):
        pcm_from_bytes(b"", 0)


def test_not_a_number_is_named_with_its_row() -> None:
    values = np.zeros((4, 3))
    values[2, 1] = np.nan
    with pytest.raises(UsageError, match=r"rows \[2\]"):
        check_finite("values", values)


def test_bad_input_is_refused() -> None:
    pcm = np.zeros((2, 160), np.int16)
    with pytest.raises(UsageError, match="`out` must be float32"):
        level(pcm, np.zeros((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`pcm` must be int16"):
        mix_minus(pcm.astype(float), pcm)  # type: ignore[arg-type]
    for wrong, said in ((pcm.astype(np.int32), "must be int16"), (pcm[:1], "must be int16"), (pcm.tolist(), "is list"),
                        (pcm.T.copy().T, "is int16 .*, not contiguous")):  # fmt: skip
        with pytest.raises(UsageError, match=f"`out` {said}"):
            mix_minus(pcm, wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="65,537 parties"):
        mix_minus(np.zeros((65_537, 1), np.int16), np.zeros((65_537, 1), np.int16))
    with pytest.raises(UsageError, match="`active`"):
        mix_minus(pcm, pcm, np.ones(3, bool))
    with pytest.raises(UsageError, match="`pcm` is int16"):
        mix(np.zeros((0, 160), np.int16), np.zeros(160, np.int16))
    with pytest.raises(UsageError, match="parties"):
        mix(np.zeros((65_537, 1), np.int16), np.zeros(1, np.int16))
