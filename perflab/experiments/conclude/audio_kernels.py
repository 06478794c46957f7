"""What 20_audio_kernels concludes of its kernels, its detectors of voice and a GPU."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.benches.audio.threads import ThreadGain
from perflab.experiments.audio_kernels import CallCost, Race, bounds_told, thread_sentence
from perflab.experiments.conclude.parts import effect_of, evidence, finding
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

# Contests on a strategy of the catalogue: its id, how the ids of the contests begin, and the question.
STRATEGIES = {
    "denoiser": ("ST-AUDIO-06", "ns", "What does suppressing noise cost?"),
    "echo": ("ST-AUDIO-07", "aec", "What does cancelling echo cost?"),
    "network": ("ST-COMPUTE-03", "vad-", "What does the network that hears speech cost?"),
}
ONLY_CPU = "CPU time of a compiled kernel against a native peer: what it does to speech and words is not in this figure"


@dataclass(frozen=True)
class Measured:
    """What one run saw of the kernels; ceiling and starts as the sentences that tell them."""

    race: Race
    checks: list[TrustCheck]
    ceiling: str
    calls: CallCost
    starts: str
    threads: ThreadGain


def conclude(study: Study, seen: Measured, figure: Evidence) -> list[Finding]:
    """Return what a reader takes away, the race with the checks of this run as its trust; `figure` shows the race."""
    trust, least = tuple(seen.checks), seen.race.slowest
    told = {"2": ("How near is that to what the machine can do?", seen.ceiling),
            "3": ("What does a call cost?", seen.calls.sentence),
            "4": ("What does a start cost?", seen.starts)}  # fmt: skip
    return [
        finding(study, "1", question="What does compiling buy?", kind="observation", verdict="reported",
                claim=seen.race.sentence, evidence=evidence(figure), trust=trust,
                effect=effect_of(f"smallest ratio: {least.contest.title}", least.ratio, "x", "pairs"),
                details={"ratios": seen.race.rows()}),
        *(finding(study, ordinal, question=question, kind="observation", verdict="reported", claim=claim)
          for ordinal, (question, claim) in told.items()),
        *_by_strategy(study, seen.race, trust),
        finding(study, "5", question="What does a second thread gain?", kind="observation",
                verdict="not-measurable-here" if study.cores.shared else "reported",
                claim=thread_sentence(study, seen.threads), strategy="ST-COMPUTE-02",
                effect=None if study.cores.shared
                else effect_of("speed of two threads over one", seen.threads.speed, "x", "pairs")),
    ]  # fmt: skip


def _by_strategy(study: Study, raced: Race, trust: tuple[TrustCheck, ...]) -> list[Finding]:
    """Return one finding for each strategy whose kernel was raced: its ratios, for the strategy's card."""
    found = []
    for ordinal, (strategy, start, question) in STRATEGIES.items():
        own = [o for o in raced.outcomes if o.contest.id.startswith(start)]
        if not own:
            continue
        told = "; ".join(f"{o.contest.title}: {o.ratio.value:.2f} times the CPU time ({bounds_told(o.ratio)}; "
                         f"ours takes {o.ours_us:.1f} us a session)" for o in own)  # fmt: skip
        least = min(own, key=lambda o: o.ratio.value)
        found.append(
            finding(study, ordinal, question=question, kind="observation", verdict="reported", trust=trust,
                    claim=f"{told}.", strategy=strategy, caveats=(ONLY_CPU,),
                    effect=effect_of(f"smallest ratio: {least.contest.title}", least.ratio, "x", "pairs"))
        )  # fmt: skip
    return found


def conclude_rooms(study: Study, detectors: str, gpu: str) -> list[Finding]:
    """Return what a reader takes away of the detectors of voice, and of the kernels for CUDA."""
    shown = "not-measurable-here" if "were not run" in gpu else "reported"
    return [
        finding(study, "6", question="Which detector hears speech in which room?", kind="observation",
                verdict="reported", claim=detectors),
        finding(study, "7", question="What does a GPU gain?", kind="observation", verdict=shown, claim=gpu,
                strategy="ST-COMPUTE-01"),
    ]  # fmt: skip
