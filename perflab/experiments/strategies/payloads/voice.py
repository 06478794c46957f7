"""What do a streamed reply and larger messages to Live do to the first audio and to the CPU?"""

from __future__ import annotations

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.payloads.voice_turns import CALLERS, LONG_S, WHOLE, talk, turns_in

EXPERIMENT = StrategyExperiment(
    key="voice-path",
    strategy="ST-API-04",
    title="streamed replies and coalesced frames",
    arms=("reply=streamed", "coalesce=ms100", "reply=streamed+coalesce=ms100"),
    condition=f"{CALLERS} callers, {turns_in(LONG_S)} calls of a turn each in a block, {turns_in(0)} in one below "
    f"{LONG_S:g} s; Live thinks 300 ms; response is the time to first audio",
    work=talk,
    conditions={"latency": "const-300"},
    figures=(WHOLE,),
    strategies={"coalesce=ms100": "ST-STACK-04"},
    price="streamed: a reply can fail after it was begun; coalesced: a barge-in is heard up to 80 ms later",
    turns="a reply that is made faster than it is spoken and is short gains little from being streamed",
)
