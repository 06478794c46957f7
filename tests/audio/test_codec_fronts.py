"""Who beats a codec in all five figures, on planted measurements."""

from __future__ import annotations

from dataclasses import replace

from perflab.audio.codecs.codec import Settings
from perflab.experiments import codecs
from tests.audio.test_codec_study import front, judged


def test_the_front_of_five_holds_what_none_beats_in_bits_quality_cpu_delay_and_words() -> None:
    base = judged("opus", Settings(16_000, 5), wrong=2)
    assert codecs.beaten_by(base, [base, replace(base)]) == []  # equal in all five: neither beats the other
    ahead = [replace(base, kbit_s=15.0), replace(base, pesq=4.0), replace(base, encode_us=1.0),
             replace(base, decode_us=1.0), replace(base, delay_ms=20.0), judged("opus", Settings(16_000, 5), wrong=1),
             ]  # fmt: skip
    assert codecs.beaten_by(base, ahead) == ahead
    mixed = [replace(one, delay_ms=99.0) for one in ahead]  # ahead in one, behind in another
    assert codecs.beaten_by(base, mixed) == []
    rows = {row["codec"]: row["beaten in all five by"] for row in front().table()}
    assert rows["pcm"] == "flac"  # fewer bits for the same quality, CPU and delay
    assert rows["g711-mu"] == "g722, opus 16k c0" and rows["aac 16k"] == "opus 16k c0"
    assert rows["opus 16k c5"] == rows["flac"] == rows["g722"] == ""
