"""The session's rules, in virtual time."""

import hashlib

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.standins.conformance import speech
from perflab.standins.live.answer import canonical_json
from perflab.standins.live.client_messages import MalformedMessage
from perflab.standins.live.detector import TurnDetector, rms, rms_numpy
from perflab.standins.live.voice import CHUNK_BYTES, POOL_CHUNKS, stamped_pcm, synthesise

from .virtual import VOICES, attached, connected, outcome, rows_of, talk, virtual_world, wait

SILENCE = bytes(640 * 15)  # exactly the 300 ms that end a turn
MS = 1_000_000


def reply_to(tmp_path_factory, pcm: bytes, chunk: int) -> bytes:
    world = virtual_world(tmp_path_factory.mktemp("world"), "const-0")
    session, link = connected(world)
    talk(session, pcm + bytes(640 * 30), chunk)
    wait(world, 3.0)
    assert rows_of(world).size == 1
    return link.audio()


UTTERANCE = bytes(640 * 3) + speech(20, 1) + bytes(640 * 8) + speech(10, 2)


@settings(max_examples=30, deadline=None)
@given(chunk=st.integers(1, 5000))
def test_the_reply_does_not_depend_on_how_the_audio_was_cut(tmp_path_factory, chunk):
    spoken = UTTERANCE[640 * 3 :]
    digest = hashlib.sha256(spoken).digest()
    assert reply_to(tmp_path_factory, UTTERANCE, max(chunk, 50)) == stamped_pcm(VOICES.choose(digest), digest)


@settings(max_examples=30, deadline=None)
@given(position=st.integers(640 * 3, len(UTTERANCE) - 1), drop=st.booleans())
def test_one_byte_lost_or_garbled_changes_the_reply(tmp_path_factory, position, drop):
    other = bytearray(UTTERANCE)
    if drop:
        del other[position]
    else:
        other[position] ^= 0x55
    expected = hashlib.sha256(UTTERANCE[640 * 3 :]).digest()
    assert reply_to(tmp_path_factory, bytes(other), 640)[:32] != expected


def test_a_turn_is_one_row_with_its_marks_in_order(tmp_path):
    world = virtual_world(tmp_path, "const-300", pace=4.0)
    session, link = connected(world, 42)
    start = world.clock.now_ns()
    talk(session, bytes(640 * 5) + speech(30, 3) + SILENCE)
    wait(world, 3.0)
    (row,) = rows_of(world)
    marks = [row[f"mark{i}_ns"] for i in range(8)]
    assert (row["user"], row["seq"], outcome(row)) == (42, 1, "ok")
    assert marks[0] - start == 100 * MS
    assert marks[1] - start == 680 * MS  # the thirtieth voiced window
    assert marks[2] - marks[1] == 300 * MS
    assert marks[3] == marks[4] == 0
    assert marks[5] - marks[2] == 300 * MS == marks[7]
    chunks = len(link.audio()) // CHUNK_BYTES
    assert chunks in POOL_CHUNKS
    assert marks[6] - marks[5] == (chunks - 1) * 10 * MS
    assert (row["bytes_up"], row["bytes_down"]) == (30 * 640, chunks * CHUNK_BYTES)


def test_the_protocol_order_of_a_plain_turn(tmp_path):
    world = virtual_world(tmp_path, "const-0")
    session, link = connected(world, resumption=True, input_transcript=True, output_transcript=True)
    talk(session, speech(10, 1) + SILENCE)
    wait(world, 3.0)
    assert link.kinds() == [
        "sessionResumptionUpdate", "inputTranscription", "modelTurn", "outputTranscription", "modelTurn",
        "generationComplete", "turnComplete", "sessionResumptionUpdate",
    ]  # fmt: skip


def test_silence_duration_is_honoured(tmp_path):
    world = virtual_world(tmp_path, "const-0")
    session, link = connected(world, silence_ms=700)
    talk(session, speech(10, 1) + bytes(640 * 34))
    assert link.raw == []
    talk(session, bytes(640))
    assert link.audio() != b""


def test_a_click_is_no_turn_and_noise_below_the_threshold_is_silence(tmp_path):
    world = virtual_world(tmp_path, "const-0")
    session, link = connected(world)
    hiss = np.random.default_rng(1).integers(-60, 60, 320 * 50, dtype=np.int16).tobytes()
    talk(session, hiss + speech(2, 1) + SILENCE + hiss)
    assert link.raw == []


def test_tool_turns_think_before_the_call_and_reply_at_once_after_it(tmp_path):
    world = virtual_world(tmp_path, "const-300", tool_every=1)
    session, link = connected(world, tool="generate_code")
    pcm = speech(10, 1)
    talk(session, pcm + SILENCE)
    wait(world, 0.5)
    call = link.messages[-1]["toolCall"]["functionCalls"][0]
    assert call["name"] == "generate_code" and set(call["args"]) == {"prompt", "language"}
    response = {"code": "x", "tokens": 2}
    session.tool_response(
        {"functionResponses": [{"id": call["id"], "name": call["name"], "response": response}]}, world.clock.now_ns()
    )
    wait(world, 3.0)
    (row,) = rows_of(world)
    assert row["mark3_ns"] - row["mark2_ns"] == 300 * MS
    assert row["mark4_ns"] == row["mark5_ns"] > row["mark3_ns"]
    spoken = hashlib.sha256(pcm).digest()
    digest = hashlib.sha256(spoken + canonical_json([{"name": call["name"], "response": response}])).digest()
    assert link.audio() == stamped_pcm(VOICES.choose(digest), digest)


def test_a_tool_response_nobody_asked_for_is_ignored_and_a_malformed_one_refused(tmp_path):
    world = virtual_world(tmp_path)
    session, link = connected(world)
    session.tool_response({"functionResponses": [{"id": "x", "name": "f", "response": {}}]}, 0)
    assert world.counts["tool_responses_ignored"] == 1 and link.raw == []
    with pytest.raises(MalformedMessage):
        session.tool_response({}, 0)


@pytest.mark.parametrize(("think", "speak_s"), [("const-300", 0.1), ("const-300", 0.4)])
def test_barge_in_cuts_thinking_and_speaking(tmp_path, think, speak_s):
    world = virtual_world(tmp_path, think, pace=1.0)
    session, link = connected(world)
    talk(session, speech(10, 1) + SILENCE)
    wait(world, speak_s)
    second = speech(10, 2)
    talk(session, second + SILENCE)
    wait(world, 3.0)
    cut, whole = rows_of(world)
    assert (outcome(cut), outcome(whole), whole["seq"]) == ("interrupted", "ok", 2)
    kinds = link.kinds()
    assert kinds[kinds.index("interrupted") + 1] == "turnComplete"
    digest = hashlib.sha256(second).digest()
    assert link.audio().endswith(stamped_pcm(VOICES.choose(digest), digest))


def test_barge_in_cancels_a_tool_call(tmp_path):
    world = virtual_world(tmp_path, "const-0", tool_every=1)
    session, link = connected(world, tool="f")
    talk(session, speech(10, 1) + SILENCE)
    talk(session, speech(10, 2))
    assert link.kinds() == ["toolCall", "toolCallCancellation", "interrupted", "turnComplete"]


def test_a_tool_that_never_answers_ends_the_turn(tmp_path):
    world = virtual_world(tmp_path, "const-0", tool_every=1)
    session, link = connected(world, tool="f")
    talk(session, speech(10, 1) + SILENCE)
    wait(world, 61.0)
    assert outcome(rows_of(world)[0]) == "timeout" and link.kinds()[-1] == "turnComplete"


def test_a_reply_waits_for_the_resumption_and_comes_whole(tmp_path):
    world = virtual_world(tmp_path, "const-300")
    session, link = connected(world, resumption=True)
    pcm = speech(10, 1)
    talk(session, pcm + SILENCE)
    session.detach(link)
    wait(world, 5.0)
    other = attached(session)
    wait(world, 3.0)
    digest = hashlib.sha256(pcm).digest()
    assert other.audio() == stamped_pcm(VOICES.choose(digest), digest)
    assert outcome(rows_of(world)[0]) == "ok"


@pytest.mark.parametrize("code", [1006, 1007, 1008, 1011])
def test_a_reply_cut_by_a_fault_comes_after_the_resumption(tmp_path, code):
    world = virtual_world(tmp_path, "const-0", faults=f"close_{code}%1")
    session, link = connected(world, resumption=True)
    pcm = speech(10, 1)
    talk(session, pcm + SILENCE)
    assert link.closed == code and link.audio() == b""
    other = attached(session)
    wait(world, 3.0)
    digest = hashlib.sha256(pcm).digest()
    assert other.audio() == stamped_pcm(VOICES.choose(digest), digest)
    assert world.faults.struck[f"close_{code}"] == 1


def test_a_goaway_by_probability_follows_the_turn(tmp_path):
    world = virtual_world(tmp_path, "const-0", faults="goaway%1:3")
    session, link = connected(world)
    talk(session, speech(10, 1) + SILENCE)
    wait(world, 3.0)
    assert link.messages[-1] == {"goAway": {"timeLeft": "3s"}}


def test_a_malformed_message_goes_before_the_reply(tmp_path):
    world = virtual_world(tmp_path, "const-0", faults="malformed_json%1,big_message%1:2000")
    session, link = connected(world)
    talk(session, speech(10, 1) + SILENCE)
    wait(world, 3.0)
    with pytest.raises(ValueError):
        orjson.loads(link.raw.pop(0))
    assert len(link.raw[0]) > 2000 and link.audio()[:32] == hashlib.sha256(speech(10, 1)).digest()


def test_a_session_without_resumption_is_lost_with_its_connection(tmp_path):
    world = virtual_world(tmp_path, "const-300")
    session, link = connected(world)
    talk(session, speech(10, 1) + SILENCE)
    session.detach(link)
    assert outcome(rows_of(world)[0]) == "lost" and not world.sessions


def test_a_session_that_is_never_resumed_expires_with_its_handles(tmp_path):
    world = virtual_world(tmp_path)
    session, link = connected(world, resumption=True)
    session.detach(link)
    assert world.handles and session in world.parked
    wait(world, 601.0)
    assert not world.handles and not world.sessions and not world.parked


def test_a_link_that_does_not_drain_holds_the_reply(tmp_path):
    world = virtual_world(tmp_path, "const-0", pace=1.0)
    session, link = connected(world)
    talk(session, speech(10, 1) + SILENCE)
    wait(world, 0.2)
    link.paused = True
    wait(world, 0.1)
    held = len(link.raw)
    wait(world, 5.0)
    assert len(link.raw) == held
    link.paused = False
    session.go_on()
    wait(world, 3.0)
    assert link.kinds()[-1] == "turnComplete"


def test_a_stall_pauses_the_reply_once(tmp_path):
    plain, stalled = (virtual_world(tmp_path / name, "const-0", faults=f) for name, f in made(tmp_path))
    for world in (plain, stalled):
        session, _ = connected(world)
        talk(session, speech(10, 1) + SILENCE)
        wait(world, 5.0)
    lengths = [int(rows_of(world)[0]["mark6_ns"] - rows_of(world)[0]["mark5_ns"]) for world in (plain, stalled)]
    assert lengths[1] - lengths[0] == 400 * MS
    assert stalled.faults.struck["stall"] == 1


def made(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "stalled").mkdir()
    return [("plain", ""), ("stalled", "stall%1:400")]


def test_manual_activity_ends_turns_and_silence_is_bounded():
    detector = TurnDetector(manual=True)
    for start in range(0, len(UTTERANCE), 640):
        detector.feed(UTTERANCE[start : start + 640])
    for _ in range(100):
        detector.feed(bytes(640))
    assert detector.speaking and detector.end_now() and not detector.end_now()
    assert detector.digest() == hashlib.sha256(UTTERANCE[640 * 3 :]).digest()


@given(st.binary(min_size=640, max_size=640))
def test_both_forms_of_rms_agree(window):
    assert rms(window) == rms_numpy(window)


def test_the_voice_is_loud_24_khz_audio_in_the_speech_band():
    samples = np.frombuffer(synthesise(30, 2), dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(samples.size, 1 / 24_000)
    assert 1_000 < np.sqrt((samples**2).mean()) < 12_000
    assert spectrum[(hertz > 80) & (hertz < 4_000)].sum() / spectrum.sum() > 0.9
