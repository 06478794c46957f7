"""Batched Opus: the packets of the plain way, sessions that share nothing, and nothing hostile that hurts."""

from __future__ import annotations

import threading
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.opus_batch import PACKET_BYTES, OpusBatch
from perflab.audio.codecs.registry import codec_named
from perflab.audio.codecs.stream import encode_stream
from perflab.audio.kernels.pcm import Pcm
from perflab.errors import UsageError
from tests.audio.codecs.material import likeness, voice

FRAMES, SESSIONS = 8, 64


def ticks(sessions: int = SESSIONS, frames: int = FRAMES) -> list[Pcm]:
    """Return frames of different voices, [sessions, 320] each."""
    sound = np.stack([voice(frames / 50, pitch_hz=90 + 3 * s, seed=s) for s in range(sessions)])
    return [np.ascontiguousarray(part) for part in np.split(sound, frames, axis=1)]


def encoded(batch: OpusBatch, frames: list[Pcm]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return packets and sizes of every tick."""
    return [(packets, batch.encode(pcm, packets, np.zeros(batch.sessions, np.int32)))
            for pcm in frames for packets in [np.zeros((batch.sessions, PACKET_BYTES), np.uint8)]]  # fmt: skip


def decoded(ticks: list[tuple[np.ndarray, np.ndarray]], sessions: int = SESSIONS) -> np.ndarray:
    """Return what a fresh batch makes of the packets: int16 [ticks, sessions, 320]."""
    batch, heard = OpusBatch(sessions), np.zeros((len(ticks), sessions, 320), np.int16)
    for out, (packets, sizes) in zip(heard, ticks, strict=True):
        batch.decode(packets, sizes, out)
    return heard


@cache
def sent() -> list[tuple[np.ndarray, np.ndarray]]:
    return encoded(OpusBatch(SESSIONS), ticks())


@cache
def whole() -> np.ndarray:
    return decoded(sent())


@pytest.mark.parametrize(
    "asked",
    [Settings(16_000, 5), Settings(12_000, 0), Settings(24_000, 10, None, True, 10), Settings(64_000, 3)],
)
def test_packets_are_those_of_the_plain_way_bit_for_bit(asked: Settings) -> None:
    batch, frames = OpusBatch(3), ticks(3)
    batch.configure(asked)
    made = encoded(batch, frames)
    for session in range(3):
        sound = np.concatenate([frame[session] for frame in frames])
        wanted = encode_stream(codec_named("opus-pyav"), sound, 16_000, asked).packets[:FRAMES]
        assert [packets[session, : sizes[session]].tobytes() for packets, sizes in made] == list(wanted)


def test_sound_is_that_of_the_plain_way() -> None:
    heard, plain = decoded(sent()), codec_named("opus-pyav").decoder()
    pieces = np.concatenate([plain.decode(packets[5, : sizes[5]].tobytes()) for packets, sizes in sent()])
    lag = codec_named("opus-pyav").behind - codec_named("opus").behind
    ours = heard[:, 5].reshape(-1)
    assert max(likeness(pieces[lag + d : lag + d + 2_000], ours[:2_000]) for d in (-1, 0, 1)) > 0.97


def test_every_session_is_alone_what_it_is_among_others() -> None:
    frames = ticks()
    for session in (0, 17, 63):
        alone = encoded(OpusBatch(1), [np.ascontiguousarray(frame[session : session + 1]) for frame in frames])
        for (packets, sizes), (one, size) in zip(sent(), alone, strict=True):
            assert sizes[session] == size[0] and np.array_equal(packets[session], one[0])


@settings(max_examples=30, deadline=None)
@given(raw=st.binary(min_size=1, max_size=PACKET_BYTES), at=st.integers(0, FRAMES - 1), size=st.integers(-9, 2_000))
def test_a_corrupt_stream_in_lane_3_leaves_all_others_bit_identical(raw: bytes, at: int, size: int) -> None:
    spoilt = [(packets.copy(), sizes.copy()) for packets, sizes in sent()]
    spoilt[at][0][3, : len(raw)] = np.frombuffer(raw, np.uint8)
    spoilt[at][1][3] = size
    heard = decoded(spoilt)
    assert np.array_equal(np.delete(heard, 3, axis=1), np.delete(whole(), 3, axis=1))


@cache
def sent_with_fec() -> list[tuple[np.ndarray, np.ndarray]]:
    return encoded(OpusBatch(SESSIONS, 32_000, fec=True, loss_percent=25), ticks())


def recovered(ticks: list[tuple[np.ndarray, np.ndarray]], lost: int) -> np.ndarray:
    """Return what a fresh batch makes of the packets when one tick is lost to all, and asked of the FEC after it."""
    batch, heard = OpusBatch(SESSIONS), np.zeros((len(ticks), SESSIONS, 320), np.int16)
    for k, out in enumerate(heard):
        if k == lost:
            batch.decode(*ticks[k + 1], out, np.ones(SESSIONS, np.bool_))
        else:
            batch.decode(*ticks[k], out)
    return heard


@cache
def whole_but_for(lost: int) -> np.ndarray:
    return recovered(sent_with_fec(), lost)


@settings(max_examples=30, deadline=None)
@given(raw=st.binary(min_size=1, max_size=PACKET_BYTES), at=st.integers(1, FRAMES - 1), size=st.integers(-9, 2_000))
def test_so_does_one_of_whose_packet_fec_is_asked(raw: bytes, at: int, size: int) -> None:
    spoilt = [(packets.copy(), sizes.copy()) for packets, sizes in sent_with_fec()]
    spoilt[at][0][3, : len(raw)] = np.frombuffer(raw, np.uint8)
    spoilt[at][1][3] = size
    heard = recovered(spoilt, at - 1)
    assert np.array_equal(np.delete(heard, 3, axis=1), np.delete(whole_but_for(at - 1), 3, axis=1))


def test_refusals_are_told_per_session_and_concealed() -> None:
    batch, out = OpusBatch(SESSIONS), np.zeros((SESSIONS, 320), np.int16)
    for packets, sizes in sent()[:5]:
        assert not batch.decode(packets, sizes, out).any()
    packets, sizes = sent()[5][0].copy(), sent()[5][1].copy()
    sizes[3], sizes[4], sizes[5], sizes[6] = 0, PACKET_BYTES + 1, -7, 2
    packets[7, 0] = 0x40 | (packets[7, 0] & 7)  # RFC 6716, table 2: configuration 8, frames of 10 ms
    packets[6, :2] = (0xFF, 0xFF)
    done = batch.decode(packets, sizes, out).copy()
    assert done[3] == 1 and (done[[4, 5, 6, 7]] < 0).all() and not np.delete(done, [3, 4, 5, 6, 7]).any()
    assert "not one frame of 20 ms" in batch.refusal(int(done[4]))
    assert batch.refusal(-4) == "corrupted stream"
    assert all(np.abs(out[s].astype(int)).max() > 300 for s in (3, 4, 5, 6, 7))


def test_idle_sessions_stand_still() -> None:
    frames, active = ticks(2), np.array([True, False])
    batch = OpusBatch(2)
    packets, sizes = np.zeros((2, PACKET_BYTES), np.uint8), np.full(2, 9, np.int32)
    for frame in frames[:4]:
        batch.encode(frame, packets, sizes, active)
        assert sizes[0] > 0 and sizes[1] == 0
    fresh = encoded(OpusBatch(1), [frame[1:].copy() for frame in frames[:2]])
    for frame, (one, size) in zip(frames[:2], fresh, strict=True):
        batch.encode(frame, packets, sizes)
        assert packets[1, : sizes[1]].tobytes() == one[0, : size[0]].tobytes()
    batch.reset(np.array([False, True]))
    batch.encode(frames[0], packets, sizes)
    assert packets[1, : sizes[1]].tobytes() == fresh[0][0][0, : fresh[0][1][0]].tobytes()
    out = np.ones((2, 320), np.int16)
    batch.decode(packets, sizes, out, active=active)
    assert out[0].any() and not out[1].any()


def test_settings_reach_the_sessions_of_the_mask_alone() -> None:
    batch = OpusBatch(4, bitrate=12_000)
    batch.configure(Settings(bit_rate=48_000), np.array([False, True, False, False]))
    sizes = np.array([size for _, size in encoded(batch, ticks(4))]).sum(axis=0)
    assert sizes[1] > 2.5 * sizes[[0, 2, 3]].max()


def test_fec_recovers_the_lost_frame_of_the_session_that_asks() -> None:
    batch = OpusBatch(2, 32_000, fec=True, loss_percent=25)
    made = encoded(batch, ticks(2, 12))
    unharmed = decoded(made, 2)
    decoder, out = OpusBatch(2), np.zeros((2, 320), np.int16)
    for packets, sizes in made[:8]:
        decoder.decode(packets, sizes, out)
    none = np.zeros(2, np.int32)
    recover = np.array([True, False])
    done = decoder.decode(made[9][0], np.where(recover, made[9][1], none), out, recover).copy()
    assert done.tolist() == [0, 1]
    assert likeness(out[0], unharmed[8][0]) > 0.8
    assert not decoder.decode(*made[9], out).any()


def test_threads_work_beside_each_other() -> None:
    batches, made = [OpusBatch(SESSIONS) for _ in range(2)], [[], []]  # type: ignore[var-annotated]
    threads = [threading.Thread(target=lambda k=k: made[k].extend(encoded(batches[k], ticks()))) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in made:
        assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(one, sent(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((0,), "0 sessions"), ((-3,), "-3 sessions"), ((1, 500), "`bit_rate` is 500"), ((1, 16_000, 11), "`complexity`"),
     ((1, 16_000, 5, 2), "`fec` is 2")],
)  # fmt: skip
def test_batches_that_cannot_be_are_refused(arguments: tuple[int, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        OpusBatch(*arguments)  # type: ignore[arg-type]


def test_wrong_arrays_are_refused() -> None:
    batch = OpusBatch(2)
    packets, sizes, pcm = np.zeros((2, 400), np.uint8), np.zeros(2, np.int32), np.zeros((2, 320), np.int16)
    for wrong, said in (((pcm[:, :160], packets, sizes), "`pcm`"), ((pcm.astype(np.float32), packets, sizes), "`pcm`"),
                        ((pcm, packets[:, :8].copy(), sizes), "`packets`"), ((pcm, packets, sizes[:1]), "`sizes`"),
                        ((pcm, packets.astype(np.int8), sizes), "`packets`"),
                        ((pcm[:1], packets, sizes), "`pcm`")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            batch.encode(*wrong)
    with pytest.raises(UsageError, match="A rate of 44100 Hz"):
        OpusBatch(1, rate_hz=44_100)
    with pytest.raises(UsageError, match="`out`"):
        batch.decode(packets, sizes, np.zeros((2, 160), np.int16))
    with pytest.raises(UsageError, match="`active`"):
        batch.decode(packets, sizes, pcm, np.zeros(3, np.bool_))
