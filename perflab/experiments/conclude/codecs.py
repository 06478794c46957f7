"""What 21_codecs concludes."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.audio.quality.recogniser import NAME
from perflab.experiments.codecs import Front, complexity_sentence
from perflab.experiments.codecs_chain import ChainCost
from perflab.experiments.codecs_link import Uploads
from perflab.experiments.codecs_loss import Losses
from perflab.experiments.conclude.parts import effect_of, evidence, finding
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck


def conclude(study: Study, front: Front, losses: Losses, silence: str, links: Uploads, adaptive: str,
             chain: ChainCost, checks: Sequence[TrustCheck], figures: Sequence[Evidence]) -> list[Finding]:  # fmt: skip
    """Return what a reader takes away; `figures`: those of the front, of loss, and of uploads, in this order."""
    pcm, opus = front.of("pcm"), front.of("opus", bit_rate=16_000, complexity=5)
    words = f"{NAME}: an instrument's reading on {front.speech.words} words, comparable within this table only"
    shared = {"kind": "observation", "verdict": "reported"}
    return [
        finding(study, "1", **shared, question="Which codec, at which rate, at what cost?", claim=front.sentence,
                evidence=evidence(figures[0]), trust=tuple(checks), caveats=(words,),
                effect=effect_of("words wrong: Opus at 16 kbit/s less PCM", opus.worse_than(pcm, front.seed), "points",
                                 "recordings"), details={"codecs": front.table()}),
        finding(study, "2", **shared, question="Which complexity for machines, which for people?",
                claim=complexity_sentence(front), caveats=(words,)),
        finding(study, "3", **shared, question="What does a lossy link cost, and what brings it back?",
                claim=losses.sentence, evidence=evidence(figures[1]), caveats=(words,)),
        finding(study, "4", **shared, question="What does silence cost?", claim=silence),
        finding(study, "5", **shared, question="On which links does the codec pay in latency?", claim=links.sentence,
                evidence=evidence(figures[2]), level="simulated"),
        finding(study, "6", **shared, question="What does a bit rate that follows the link avoid?", claim=adaptive,
                level="simulated"),
        finding(study, "7", **shared, question="How many sessions does a core hold?", claim=chain.sentence,
                effect=effect_of("sessions per core at complexity 0", chain.runs[0].sessions_per_core, "sessions",
                                 "ticks")),
    ]  # fmt: skip
