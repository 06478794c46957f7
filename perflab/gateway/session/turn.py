"""One turn of a session: its marks, what was said and answered, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from perflab.gateway.state.records import Artefact
from perflab.wire.marks import MARK_COUNT, Mark, now_ns


@dataclass(slots=True)
class Turn:
    """A turn as the client counts them, from its first frame to the last frame of its reply."""

    id: int
    marks: list[int] = field(default_factory=lambda: [0] * MARK_COUNT)
    heard: list[str] = field(default_factory=list)  # Live's transcript of the user
    said: list[str] = field(default_factory=list)  # Live's transcript of the reply
    speech_bytes: int = 0
    reply_bytes: int = 0
    delivered: bool = False  # some of the reply reached the client's socket
    outcome: str = ""  # "", then ok or interrupted
    artefacts: list[Artefact] = field(default_factory=list)

    def mark(self, which: Mark, at_ns: int = 0) -> None:
        """Stamp a mark once, now or at the given time; later calls leave the first stamp."""
        if not self.marks[which]:
            self.marks[which] = at_ns or now_ns()

    def forget_reply(self) -> None:
        """Take back a reply of which the client has seen nothing: it is going to be made again."""
        for which in (Mark.UP_RX_FIRST, Mark.TOOL_START, Mark.TOOL_END):
            self.marks[which] = 0
        self.heard.clear()
        self.said.clear()
        self.artefacts.clear()
        self.reply_bytes = 0

    def between_s(self, earlier: Mark, later: Mark) -> float | None:
        """Return the seconds from one mark to another, or None where one is missing."""
        if not (self.marks[earlier] and self.marks[later]):
            return None
        return (self.marks[later] - self.marks[earlier]) / 1e9


class TurnBook:
    """Which turn the client is in, and which turn a reply belongs to.

    Live does not know the client's turn ids: a reply belongs to the newest turn whose speech has ended,
    or, when the client did not say so, to the newest turn begun.
    """

    def __init__(self) -> None:
        self.current: Turn | None = None  # the turn of the client's frames
        self.replying: Turn | None = None  # the turn that is being answered
        self._spoken: Turn | None = None  # the newest turn whose speech has ended

    def begin(self, turn_id: int, received_ns: int) -> Turn:
        """Start the client's next turn; raises ValueError when it counts backwards."""
        if self.current is not None and turn_id < self.current.id:
            raise ValueError(f"turn {turn_id} after turn {self.current.id}; turns count upwards")
        self.current = Turn(turn_id)
        self.current.mark(Mark.RX_FIRST, received_ns)
        return self.current

    def speech_ended(self, turn: Turn, received_ns: int) -> None:
        """Note the client's hint that a turn's last voiced frame has come."""
        turn.mark(Mark.RX_LAST, received_ns)
        self._spoken = turn

    def reply(self) -> Turn | None:
        """Return the turn that a piece of reply belongs to, binding it when it is the first piece."""
        if self.replying is None:
            waiting = self._spoken if self._spoken is not None and not self._spoken.outcome else self.current
            self.replying = waiting if waiting is not None and not waiting.outcome else None
        return self.replying

    def end(self, outcome: str) -> Turn | None:
        """End the turn that is being answered and return it."""
        turn, self.replying = self.replying, None
        if turn is not None:
            turn.outcome = outcome
        return turn

    @property
    def waiting(self) -> Turn | None:
        """The turn whose speech has ended and that has no reply yet."""
        return self._spoken if self._spoken is not None and not self._spoken.outcome else None
