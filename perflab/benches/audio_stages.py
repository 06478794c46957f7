"""What computing the audio of all sessions at once gains the optimised gateway at 100 of them, in paired blocks."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.experiments.audio_stages import ARMS, PLAIN, StageQuestion, Stages, measured
from perflab.experiments.study import Study

USERS, BLOCKS, UNITS = 100, 9, 1
COMPARED = ("pipeline=per_frame_numba", "pipeline=batched")
# Energy and not the network: of a network in Python, session after session, one core carries a dozen sessions.
QUESTION = StageQuestion(
    key="stages-100",
    ordinal=0,
    under="voice_activity=energy",
    arms={arm: ARMS[arm] for arm in COMPARED},
    plain=PLAIN,
    against=f"the same stages in {PLAIN}",
    world=f"{USERS} clients at 16 kHz, each listened to by its level",
    asks="What do the audio stages cost at 100 sessions, {}?",
    users=USERS,
)


def bars(study: Study, say: Say) -> list[Bar]:
    """Measure both compiled ways against Python's, each block with fresh processes and a null arm."""
    say(f"{USERS} sessions, {len(COMPARED) + 2} arms in {BLOCKS} blocks ...")
    found = measured(study, QUESTION, BLOCKS, UNITS)
    say(f"  {found.sentence}")
    return stage_bars(found)


def stage_bars(found: Stages) -> list[Bar]:
    """Return a bar for each compiled way: CPU of a turn over that with Python's stages; without value where refused."""
    refused = "; ".join(f"{check.name}: {check.observed}" for check in found.trust if check.veto and not check.passed)
    return [_bar(found, arm, refused) for arm in found.asked.arms]


def _bar(found: Stages, arm: str, refused: str) -> Bar:
    called, one, added = found.asked.arms[arm][1], found.of(arm), found.of(arm, "added_p50_ms")
    detail = {"world": found.asked.world, "time_added": added.shown if added else "", "reason": refused}
    id, title = f"stages.{arm.rpartition('=')[2]}", f"CPU per turn, audio stages {called} over {found.asked.plain}"
    if one is None or refused:
        detail["reason"] = refused or "; ".join(found.problems)
        return Bar(id, title, None, "<", 1, "ratio", 0, detail=detail)
    said = one.said
    return Bar(id, title, said.effect, "<", 1, "ratio", said.n, (said.low, said.high), detail, bounded=True)
