"""The answer to one turn: think, call a tool on some turns, then the reply's audio at its pace.

Think time is waited whole before the tool call, none after it: on tool turns the reply leaves as soon as the
response is here, so `first_tx - tool_rx` is the stand-in's own work and nothing is hidden in the tool wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from perflab.standins.faults import Fault
from perflab.standins.live import server_messages as say
from perflab.standins.live.tools import call_arguments
from perflab.standins.live.turn import Turn
from perflab.standins.live.voice import CHUNK_MS, reply_text, stamped_message
from perflab.standins.live.world import Cancellable

if TYPE_CHECKING:
    from perflab.standins.live.session import Session

TOOL_TIMEOUT_NS = 60_000_000_000
CLOSE_CODES = (1006, 1007, 1008, 1011)


class Answer:
    """Drives one turn by its session's clock; what falls due while nobody listens is held until somebody does."""

    def __init__(self, session: Session, turn: Turn) -> None:
        self.session, self.turn, self._world = session, turn, session.world
        self._timer: Cancellable | None = None
        self._held: Callable[[], None] | None = None
        self._spared = False  # a fault has cut the connection here once: not again after the resumption
        self._chunk_ns = CHUNK_MS * 1e6 / self._world.options.pace

    def start(self) -> None:
        """Begin to think; the think time counts from the detected end of the turn."""
        every, turn = self._world.options.tool_every, self.turn
        wants_tool = bool(every and self.session.setup.tool and turn.number % every == 0)
        action = self._call_tool if wants_tool else self._speak
        if turn.think_ns:
            self._at(turn.end_detected + turn.think_ns, action)
        else:
            self._now(action)

    def stop(self) -> None:
        """Do nothing more."""
        self._held = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def go_on(self) -> None:
        """Do what was held; the reply's schedule moves by as long as it was."""
        held, self._held = self._held, None
        if held is not None:
            self.turn.base_ns = self._world.clock.now_ns() - int(self.turn.sent * self._chunk_ns)
            held()

    def _at(self, at_ns: int, action: Callable[[], None]) -> None:
        self._timer = self._world.clock.call_at(at_ns, lambda: self._now(action))

    def _now(self, action: Callable[[], None]) -> None:
        self._timer = None
        if self.session.listened_to():
            action()
        else:
            self._held = action

    # -- tool ----------------------------------------------------------------------------------------------

    def _call_tool(self) -> None:
        turn = self.turn
        turn.tool_id = f"call-{self.session.number}-{turn.number}"
        self.session.send(say.tool_call(turn.tool_id, self.session.setup.tool, call_arguments(turn.digest)))
        turn.tool_tx = self._world.clock.now_ns()
        self._at(turn.tool_tx + TOOL_TIMEOUT_NS, self._tool_timeout)

    def _tool_timeout(self) -> None:
        self.session.send(say.tool_cancellation(self.turn.tool_id))
        self.session.complete("timeout")

    def tool_response(self, responses: list[dict[str, Any]], now: int) -> None:
        """Go on with the response (name and response of each function, without ids), which enters the digest."""
        self.stop()
        turn = self.turn
        turn.tool_rx, turn.tool_id = now, ""
        turn.digest = hashlib.sha256(turn.digest + canonical_json(responses)).digest()
        self._speak()

    # -- reply ---------------------------------------------------------------------------------------------

    def _speak(self) -> None:
        turn, session = self.turn, self.session
        if self._world.faults.faults and not self._spared and not self._survives_faults():
            return
        if session.setup.text_only:
            session.send(say.text_part(reply_text(turn.digest)))
            turn.first_tx = turn.last_tx = self._world.clock.now_ns()
            self._finish()
            return
        turn.utterance = self._world.voices.choose(turn.digest)
        session.send(stamped_message(turn.utterance, turn.digest))
        turn.first_tx = turn.last_tx = turn.base_ns = self._world.clock.now_ns()
        turn.sent = 1
        if session.setup.output_transcript:
            session.send(say.output_transcription(reply_text(turn.digest)))
        self._pump()

    def _pump(self) -> None:
        """Hand every chunk that is due to the socket, and come back for the next: deadlines are absolute."""
        turn, clock = self.turn, self._world.clock
        messages = turn.utterance.messages if turn.utterance else ()
        while turn.sent < len(messages):
            due = turn.base_ns + int(turn.sent * self._chunk_ns)
            if due > clock.now_ns():
                self._at(due, self._pump)
                return
            if not self.session.listened_to():
                self._held = self._pump
                return
            if turn.sent == len(messages) // 2 and self._stalls():
                return
            self.session.send(messages[turn.sent])
            turn.sent += 1
            turn.last_tx = clock.now_ns()
        self._finish()

    def _finish(self) -> None:
        session = self.session
        session.send(say.GENERATION_COMPLETE)
        away = self._chance("goaway")
        session.complete("ok")
        if away is not None and session.link is not None:
            session.link.go_away(away.arg)

    # -- faults --------------------------------------------------------------------------------------------

    def _strike(self, kind: str) -> Fault | None:
        return self._world.faults.strike(kind, self._world.elapsed_s(), self.session.number, self.turn.number)

    def _chance(self, kind: str) -> Fault | None:
        """Strike by probability only: the scheduled ones of this kind strike connections, not turns."""
        return self._world.faults.strike_chance(kind, self.session.number, self.turn.number)

    def _stalls(self) -> bool:
        fault = None if self.turn.stalled else self._strike("stall")
        self.turn.stalled = True
        if fault is not None:
            wait_ns = int(fault.arg * 1e6)
            self.turn.base_ns += wait_ns
            self._at(self._world.clock.now_ns() + wait_ns, self._pump)
        return fault is not None

    def _survives_faults(self) -> bool:
        """Strike the faults that meet a reply's beginning; return whether the connection is still there."""
        if self._strike("malformed_json"):
            self.session.send(say.NOT_JSON)
        if big := self._strike("big_message"):
            self.session.send(say.padding(int(big.arg)))
        for code in CLOSE_CODES:
            if self._chance(f"close_{code}") and self.session.link is not None:
                self._held, self._spared = self._speak, True
                self.session.link.close(code, "fault by probability")
                return False
        return True


def canonical_json(responses: list[dict[str, Any]]) -> bytes:
    """Return the responses as JSON with sorted keys and no spaces: equal content, equal bytes."""
    return orjson.dumps(responses, option=orjson.OPT_SORT_KEYS)
