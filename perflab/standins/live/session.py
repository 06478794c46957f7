"""A session: hears windows, ends turns, has them answered, is interrupted, and outlives its connection."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any, Protocol

from perflab.standins.live import server_messages as say
from perflab.standins.live.answer import Answer
from perflab.standins.live.client_messages import MalformedMessage, field, items
from perflab.standins.live.detector import WINDOW_BYTES, Heard, TurnDetector
from perflab.standins.live.setup import Setup
from perflab.standins.live.turn import Turn
from perflab.standins.live.world import Cancellable, World

HANDLES_KEPT = 4  # per session
DETACHED_NS = 600_000_000_000  # how long a session waits for its resumption


class Link(Protocol):
    """The connection that a session speaks through."""

    paused: bool  # the socket does not drain

    def send(self, message: bytes) -> None:
        """Hand one message to the socket."""

    def close(self, code: int, reason: str) -> None:
        """Close the connection; 1006 cuts it."""

    def go_away(self, left_s: float) -> None:
        """Announce the end of the connection and keep the word."""


class Session:
    """State that a resumption handle brings back: turn count, the stream's windows and hash, the reply under way."""

    def __init__(self, number: int, setup: Setup, world: World) -> None:
        self.number, self.setup, self.world = number, setup, world
        self.link: Link | None = None
        self.turns = 0
        self.answer: Answer | None = None  # of the turn that is being answered
        self.consumed = self.counted = 0  # client messages, and how many of them the world's counters know of
        self.detector = TurnDetector(setup.silence_ms, setup.manual)
        self._rest = b""  # PCM that does not fill a window yet
        self._rx_first = self._last_voiced = 0
        self._text = hashlib.sha256()
        self._expiry: Cancellable | None = None
        self._handles: deque[str] = deque()
        self._serial = 0
        world.sessions.add(self)

    # -- what the client says ------------------------------------------------------------------------------

    def audio(self, pcm: bytes, now: int) -> None:
        """Take PCM of any length, received at `now` ns."""
        if not self._rest and len(pcm) == WINDOW_BYTES:
            self._window(pcm, now)
            return
        data = self._rest + pcm
        whole = len(data) - len(data) % WINDOW_BYTES
        for start in range(0, whole, WINDOW_BYTES):
            self._window(data[start : start + WINDOW_BYTES], now)
        self._rest = data[whole:]

    def _window(self, window: bytes, now: int) -> None:
        heard = self.detector.feed(window)
        if heard is Heard.SILENCE:
            return
        if heard is Heard.ENDED:
            self._end_speech(now)
            return
        self._last_voiced = now
        if heard is Heard.ONSET and len(self.detector.onset) == 1:
            self._rx_first = now
        elif heard is Heard.STARTED:
            self.interrupt()

    def activity_end(self, now: int) -> None:
        """The client says that its user has ended, or that its audio stream has."""
        if self.detector.end_now():
            self._end_speech(now)

    def text(self, text: str, complete: bool, now: int) -> None:
        """Take text of the user; `complete` ends the turn, whose digest is SHA-256 of all its text."""
        self._text.update(text.encode("utf-8", "surrogatepass"))
        if complete:
            digest, self._text = self._text.digest(), hashlib.sha256()
            self._answer(Turn(self.turns + 1, "text", digest, 0, now, now, now))

    def tool_response(self, body: dict[str, Any], now: int) -> None:
        """Take the client's function responses; one that was not asked for, or no longer, is counted and ignored."""
        responses = items(body, "functionResponses")
        if not responses:
            raise MalformedMessage("toolResponse.functionResponses is required")
        wanted = self.answer.turn.tool_id if self.answer is not None else ""
        if self.answer is None or not wanted or wanted not in [field(item, "id") for item in responses]:
            self.world.counts["tool_responses_ignored"] += 1
            return
        kept = [{"name": field(item, "name"), "response": field(item, "response")} for item in responses]
        self.answer.tool_response(kept, now)

    # -- turns ---------------------------------------------------------------------------------------------

    def _end_speech(self, now: int) -> None:
        number, heard = self.turns + 1, self.detector
        voiced = heard.digest(), heard.voiced_bytes
        self._answer(Turn(number, "speech", *voiced, self._rx_first, self._last_voiced, now))

    def _answer(self, turn: Turn) -> None:
        self.interrupt()
        self.turns = turn.number
        turn.think_ns = int(self.world.think_s(self.number, turn.number) * 1e9)
        if self.setup.input_transcript and turn.kind == "speech":
            heard_s = turn.bytes_up / 32_000
            self.send(say.input_transcription(f"{heard_s:.2f} s of speech, {turn.digest.hex()[:8]}"))
        self.answer = Answer(self, turn)
        self.answer.start()

    def complete(self, outcome: str) -> None:
        """End the turn under way in every respect: timer, message, log row, a new resumption handle."""
        if self.answer is None:
            return
        turn = self._drop_answer(outcome)
        self.send(say.turn_complete(turn.bytes_up, turn.bytes_down()))
        self.offer_handle()

    def interrupt(self) -> None:
        """Cut the turn under way, if any, in the real service's order: (cancellation,) interrupted, turnComplete."""
        if self.answer is None:
            return
        if self.answer.turn.tool_id:
            self.send(say.tool_cancellation(self.answer.turn.tool_id))
        self.send(say.INTERRUPTED)
        self.complete("interrupted")

    def _drop_answer(self, outcome: str) -> Turn:
        assert self.answer is not None
        answer, self.answer = self.answer, None
        answer.stop()
        answer.turn.write(self.world.log, self.number, outcome)
        self.world.counts["turns_" + outcome] += 1
        return answer.turn

    # -- the connection ------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Hand a message to the connection; without one it is lost, as on the real network."""
        if self.link is not None:
            self.link.send(message)

    def listened_to(self) -> bool:
        """Return whether there is a connection and it drains."""
        return self.link is not None and not self.link.paused

    def attach(self, link: Link) -> None:
        """Speak through this connection from now on; what fell due meanwhile follows at once."""
        if self.link is not None:
            self.link.close(1000, "resumed elsewhere")
        self.link = link
        self._unpark()

    def _unpark(self) -> None:
        self.world.parked.pop(self, None)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def go_on(self) -> None:
        """The connection listens (again)."""
        if self.answer is not None:
            self.answer.go_on()

    def detach(self, link: Link) -> None:
        """This connection has ended: wait for a resumption where one was promised, else end the session."""
        if self.link is not None and self.link is not link:
            return
        self.link = None
        self._unpark()
        if not self._handles:
            self.end("lost")
        else:
            clock = self.world.clock
            self._expiry = clock.call_at(clock.now_ns() + DETACHED_NS, lambda: self.end("lost"))
            self.world.park(self)

    def end(self, outcome: str) -> None:
        """Forget the session; a turn under way gets `outcome` in the log."""
        if self.answer is not None:
            self._drop_answer(outcome)
        self._unpark()
        self.world.sessions.discard(self)
        for handle in self._handles:
            self.world.handles.pop(handle, None)
        self._handles.clear()

    def offer_handle(self) -> None:
        """Send a new resumption handle, if resumption was asked for; the last few stay valid."""
        if not self.setup.resumption:
            return
        self._serial += 1
        handle = self.world.new_handle(self, self._serial)
        self._handles.append(handle)
        if len(self._handles) > HANDLES_KEPT:
            self.world.handles.pop(self._handles.popleft(), None)
        self.send(say.resumption_update(handle, self.consumed if self.setup.transparent else None))
