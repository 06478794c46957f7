"""What 21_codecs concludes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.audio.quality.recogniser import NAME
from perflab.benches.audio.chain import BLOCK
from perflab.experiments.codecs import CORRUPT, SESSIONS, Front, complexity_sentence
from perflab.experiments.codecs_chain import ChainCost
from perflab.experiments.codecs_link import Uploads
from perflab.experiments.codecs_loss import Losses
from perflab.experiments.conclude.parts import effect_of, evidence, finding
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck


def conclude(study: Study, front: Front, losses: Losses, silence: str, links: Uploads, adaptive: str,
             chain: ChainCost, checks: Sequence[TrustCheck], figures: Sequence[Evidence]) -> list[Finding]:  # fmt: skip
    """Return what a reader takes away; `figures`: those of the front, of loss, and of uploads, in this order.

    A finding on a strategy of the catalogue names it, so that the guide shows it on that strategy's card; those that
    compare strategies with each other name none.
    """
    pcm, opus = front.of("pcm"), front.of("opus", bit_rate=16_000, complexity=5)
    words = f"{NAME}: an instrument's reading on {front.speech.words} words, comparable within this table only"
    shared: dict[str, Any] = {"kind": "observation", "verdict": "reported"}
    corrupt = [check for check in checks if check.name == CORRUPT]
    return [
        finding(study, "1", **shared, question="Which codec, at which rate, at what cost?", claim=front.sentence,
                evidence=evidence(figures[0]), trust=tuple(checks), caveats=(words,),
                effect=effect_of("words wrong: Opus at 16 kbit/s less PCM", opus.worse_than(pcm, front.seed), "points",
                                 "recordings"), details={"codecs": front.table()}),
        finding(study, "2", **shared, question="Does Opus pay, and at which complexity for machines and for people?",
                claim=f"{front.of_opus} {complexity_sentence(front)}", caveats=(words,), strategy="ST-AUDIO-01"),
        finding(study, "3", **shared, question="What does a lossy link cost, and what brings it back?",
                claim=losses.sentence, evidence=evidence(figures[1]), caveats=(words,)),
        finding(study, "4", **shared, question="What does silence cost?", claim=silence, strategy="ST-NET-15"),
        finding(study, "5", **shared, question="On which links does the codec pay in latency?", claim=links.sentence,
                evidence=evidence(figures[2]), level="simulated", strategy="ST-AUDIO-04"),
        finding(study, "6", **shared, question="What does a bit rate that follows the link avoid?", claim=adaptive,
                level="simulated", strategy="ST-AUDIO-05"),
        finding(study, "7", **shared, question="How many sessions does a core hold?", claim=chain.sentence,
                effect=effect_of("sessions per core at complexity 0", chain.runs[0].sessions_per_core, "sessions",
                                 f"blocks of {BLOCK} ticks")),
        finding(study, "aac", **shared, question="Where has AAC its place?", claim=front.of_aac, caveats=(words,),
                strategy="ST-AUDIO-02"),
        finding(study, "light", **shared, question="What do codecs without a library of their own save?",
                claim=front.of_light, caveats=(words,), strategy="ST-AUDIO-03"),
        *(finding(study, "corrupt", **shared, question="Does one corrupt stream harm the others?", trust=(check,),
                  claim=f"Of {SESSIONS} sessions decoded side by side, the packets of one were overwritten at random: "
                  f"{check.observed} {check.name}.", strategy="ST-RES-14") for check in corrupt),
    ]  # fmt: skip
