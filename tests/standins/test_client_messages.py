import base64
import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perflab.standins.live.client_messages import (
    AudioEnvelope,
    MalformedMessage,
    audio_text,
    decode_base64,
    field,
    parse,
)
from perflab.standins.live.setup import parse_setup


def message(pcm: bytes, snake: bool, url_safe: bool, spaces: bool) -> bytes:
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(pcm).decode()
    outer, mime = ("realtime_input", "mime_type") if snake else ("realtimeInput", "mimeType")
    body = {outer: {"audio": {"data": text, mime: "audio/pcm;rate=16000"}}}
    return json.dumps(body, separators=None if spaces else (",", ":")).encode()


def slow_way(raw: bytes) -> bytes:
    text = audio_text(parse(raw)[1])
    assert text is not None
    return decode_base64(text)


@given(
    st.lists(st.binary(min_size=6, max_size=700), min_size=2, max_size=6), st.booleans(), st.booleans(), st.booleans()
)
@example([b"\xff" * 640, b"\xfb\xef\xbe" * 200], True, True, True)
def test_the_short_way_gives_what_the_parser_gives(pieces, snake, url_safe, spaces):
    envelope = AudioEnvelope()
    first = message(pieces[0], snake, url_safe, spaces)
    envelope.learn(first, audio_text(parse(first)[1]))
    for pcm in pieces:
        raw = message(pcm, snake, url_safe, spaces)
        assert slow_way(raw) == pcm
        assert envelope.audio(raw) in (pcm, None)
        assert len(pcm) < 100 or envelope.audio(raw) == pcm


@given(st.binary(max_size=200), st.integers(0, 200))
def test_the_short_way_never_takes_what_the_parser_refuses(junk, at):
    good = message(bytes(range(90)), True, True, True)
    envelope = AudioEnvelope()
    envelope.learn(good, audio_text(parse(good)[1]))
    raw = good[:at] + junk + good[at:]
    pcm = envelope.audio(raw)
    if pcm is not None:
        assert slow_way(raw) == pcm


def test_overlapping_head_and_tail_are_no_audio_message():
    good = message(bytes(range(90)), True, True, True)
    envelope = AudioEnvelope()
    envelope.learn(good, audio_text(parse(good)[1]))
    assert envelope.audio(envelope.head + envelope.tail[1:]) is None
    assert envelope.audio(envelope.head + envelope.tail) == b""


def test_both_alphabets_padded_or_not():
    assert decode_base64(b"-_-_") == decode_base64(b"+/+/") == b"\xfb\xff\xbf"
    assert decode_base64(b"QQ") == decode_base64(b"QQ==") == b"A"


@pytest.mark.parametrize("text", [b"A", b"Q Q=", b"QQ==QQ==", b"\xff\xff", b"a$b="])
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(MalformedMessage):
        decode_base64(text)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"{}", b'{"a":1}', b'{"setup":1}', b'{"setup":{},"realtimeInput":{}}', b"\xff\x00"],
)
def test_what_is_no_client_message_is_refused(raw):
    with pytest.raises(MalformedMessage):
        parse(raw)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(raw):
    with contextlib.suppress(MalformedMessage):
        parse(raw)


SETUP_KEYS = ["model", "generationConfig", "systemInstruction", "parts", "text", "tools", "functionDeclarations",
              "name", "realtimeInputConfig", "automatic_activity_detection", "silenceDurationMs", "sessionResumption",
              "handle", "responseModalities", "data", "audio", "mimeType"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SETUP_KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(SETUP_KEYS), JSON, max_size=6))
@example({"tools": [{"functionDeclarations": 5}]})
@example({"generationConfig": {"responseModalities": 5}})
@example({"mediaChunks": 5})
@example({"tools": {"a": 1}})
def test_no_json_object_makes_setup_or_audio_raise_anything_else(body):
    for reader in (parse_setup, audio_text):
        with contextlib.suppress(MalformedMessage):
            reader({**body, "model": "m"})


def test_setup_as_the_sdk_writes_it():
    setup = parse_setup(
        {
            "model": "models/m",
            "generationConfig": {"responseModalities": ["AUDIO"]},
            "systemInstruction": {"parts": [{"text": "You are helpful. session:1234, user Ann"}], "role": "user"},
            "tools": [{"functionDeclarations": [{"name": "other"}, {"name": "generate_code"}]}],
            "sessionResumption": {},
            "inputAudioTranscription": {},
            "realtimeInputConfig": {"automatic_activity_detection": {"silence_duration_ms": 200}},
        }
    )
    assert (setup.session, setup.silence_ms, setup.tool, setup.resumption) == (1234, 200, "generate_code", True)
    assert setup.input_transcript and not setup.output_transcript and not setup.manual and not setup.handle


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "model"),
        ({"model": "m", "realtimeInputConfig": {"activityHandling": "NO_INTERRUPTION"}}, "NO_INTERRUPTION"),
        ({"model": "m", "realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": -1}}}, "silence"),
        ({"model": "m", "systemInstruction": {"parts": 3}}, "parts"),
    ],
)
def test_a_setup_that_cannot_be_served_says_why(body, reason):
    with pytest.raises(MalformedMessage, match=reason):
        parse_setup(body)


def test_fields_in_either_case_camel_first():
    assert field({"turn_complete": 1}, "turnComplete") == 1
    assert field({"turnComplete": 2, "turn_complete": 1}, "turnComplete") == 2


def test_audio_of_another_rate_is_refused_and_images_are_not_audio():
    with pytest.raises(MalformedMessage, match="rate=16000"):
        audio_text({"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=8000"}})
    assert audio_text({"mediaChunks": [{"data": "AAAA", "mimeType": "image/png"}]}) is None
