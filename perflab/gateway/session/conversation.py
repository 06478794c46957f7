"""One session's conversation: speech goes up, replies come down, and every turn is stamped, stored and counted."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from perflab.gateway.audio.silence_gate import SilenceGate
from perflab.gateway.flags.pipeline import AudioLane
from perflab.gateway.flags.server import ClientLink
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.flags.upstream import LiveRefused, LiveSetup, ToolCall
from perflab.gateway.session.line import LiveLine, Speech
from perflab.gateway.session.tools import ToolRunner
from perflab.gateway.session.turn import Turn, TurnBook
from perflab.wire.audio_format import AudioFormat
from perflab.wire.frame import Flag, Frame, FrameType
from perflab.wire.marks import Mark

if TYPE_CHECKING:
    from perflab.gateway.gateway import Gateway

log = logging.getLogger("perflab.gateway.session")
LEAVE_EARLY_S = 1.0  # a connection that Live is about to close is left this long before, whatever is going on
SETTLE_S = 0.3  # after a turn, Live may still send the newest handle
INTERRUPTED = Flag.INTERRUPTED | Flag.END_OF_TURN
NO_FLAGS = Flag.NONE


class Conversation:
    """The turns of one session; Live speaks to it as a `LiveSink`."""

    def __init__(
        self, gateway: Gateway, number: int, client: ClientLink, instruction: str, form: AudioFormat,
        fail: Callable[[str], None],
    ) -> None:  # fmt: skip
        limits = gateway.settings.limits
        setup = LiveSetup(gateway.settings.model, instruction)
        self._gateway, self._number, self._client = gateway, number, client
        self._form, self.fail, self.takes_samples = form, fail, form.codec == "pcm"
        self._line = LiveLine(
            gateway.upstream, setup, self, gateway.make_coalescer(), limits.unanswered_bytes, gateway.settings.resume
        )
        self._book = TurnBook()
        self._reply = gateway.make_reply(self._send, limits.held_bytes)
        self._tools = ToolRunner(number, gateway.generator, self._line.send_tool_response)
        self._chores = gateway.chores
        self._gate = SilenceGate(self._line) if gateway.media.plan.suppress else None
        self._send_up = self._gate.send_audio if self._gate else self._line.send_audio
        self._lane: AudioLane | None = None  # None: audio passes as it is
        self.hear: Callable[[Frame, int], Awaitable[None] | None] = self.speech
        self._say: Callable[[Turn, bytes], None] = self.reply_audio
        self._cut_off = False  # a reply was interrupted; Live will still send its turnComplete
        self._closing = False

    async def open(self) -> None:
        """Connect to Live, then take a place among the sessions whose audio is worked on; raises LiveRefused."""
        await self._line.open()
        self._lane = self._gateway.media.join(self._number, self._form, self, self._gate, self._gateway.spawn)
        if self._lane is not None:
            self.hear, self._say = self._lane.hear, self._lane.say

    @property
    def owes_an_answer(self) -> bool:
        """Whether the client has spoken and has nothing of the reply yet."""
        turn = self._book.waiting
        return turn is not None and not turn.delivered

    async def close(self) -> None:
        """Stop the tools and leave Live."""
        self._closing = True
        self._tools.cancel_all()
        if self._lane is not None:
            self._gateway.media.leave(self._number, self._lane)
        await self._line.close()

    # --- from the client

    def speech(self, frame: Frame, received_ns: int) -> Awaitable[None] | None:
        """Pass a frame at Live's rate on: None when it is with the socket, else something to await."""
        turn = self._book.current
        if turn is None or turn.id != frame.turn:
            turn = self._book.begin(frame.turn, received_ns)
            self._line.begin_turn()
        turn.speech_bytes += len(frame.payload)
        for chore in self._chores:
            chore(frame.payload)
        if frame.flags is NO_FLAGS or not frame.flags & Flag.END_OF_SPEECH:
            return self._send_up(frame.payload)
        pending = self._send_up(frame.payload, last=True)
        self._book.speech_ended(turn, received_ns)
        if pending is not None:
            return _stamp_when_sent(turn, pending)
        turn.mark(Mark.UP_TX_LAST)
        return None

    def voice_ended(self, turn_id: int, received_ns: int, sent_ns: int) -> None:
        """The end of speech was found: it stands in for the hint of a client that gives none."""
        turn = self._book.current
        if turn is not None and turn.id == turn_id and not turn.outcome and not turn.marks[Mark.RX_LAST]:
            self._book.speech_ended(turn, received_ns)
            turn.mark(Mark.UP_TX_LAST, sent_ns)

    # --- from Live

    def live_audio(self, pcm: bytes, received_ns: int) -> None:
        """Pass a piece of reply on."""
        turn = self._replying()
        if turn is not None:
            turn.mark(Mark.UP_RX_FIRST, received_ns)
            turn.reply_bytes += len(pcm)
            self._say(turn, pcm)

    def reply_audio(self, turn: Turn, audio: bytes) -> None:
        """Pass a piece of reply in the client's form on."""
        self._reply.piece(turn, FrameType.AUDIO, audio)

    def live_text(self, text: str) -> None:
        """Pass a piece of the reply's transcript on."""
        turn = self._replying()
        if turn is not None:
            turn.said.append(text)
            self._reply.piece(turn, FrameType.TEXT, text.encode("utf-8"))

    def live_heard(self, text: str) -> None:
        """Keep what the user said, for the history."""
        turn = self._book.replying or self._book.waiting or self._book.current
        if turn is not None:
            turn.heard.append(text)

    def live_interrupted(self) -> None:
        """Stop the reply: what is held is dropped, and the client learns at once."""
        turn = self._book.end("interrupted")
        if turn is None:
            return
        self._cut_off = True
        self._tools.cancel_all()
        self._drop_reply()
        self._client.drop(turn)
        self._send(turn, FrameType.TEXT, b"", INTERRUPTED)
        self._turn_over(turn)
        self._gateway.spawn(self._store(turn))

    def live_turn_complete(self) -> None:
        """Send what is held, store the turn, then tell the client that it is over."""
        if self._cut_off:
            self._cut_off = False
            return
        turn = self._book.replying = self._book.replying or self._book.waiting
        if turn is None:
            return
        if self._lane is not None:
            self._lane.finish(turn)
        self._reply.complete()
        self._book.end("ok")
        self._turn_over(turn)
        self._gateway.spawn(self._store_then_end(turn))

    def live_tool_calls(self, calls: Sequence[ToolCall], received_ns: int) -> None:
        """Run the tools."""
        turn = self._replying()
        if turn is not None:
            turn.mark(Mark.TOOL_START, received_ns)
            self._tools.start(turn, calls)

    def live_tool_cancelled(self, ids: Sequence[str]) -> None:
        """Stop tools."""
        self._tools.cancel(ids)

    def live_handle(self, handle: str) -> None:
        """Keep the newest handle; a connection that Live is leaving is left as soon as it is quiet."""
        self._line.handle = handle or self._line.handle
        self._renew_when_quiet()

    def live_go_away(self, left_s: float) -> None:
        """Live will close this connection: leave it between turns, or just before its end."""
        log.info("session %d: Live closes the connection in %.1f s", self._number, left_s)
        self._line.leaving = True
        self._renew_when_quiet()
        self._gateway.later(max(0.0, left_s - LEAVE_EARLY_S), self._leave_now)

    def live_lost(self, code: int, reason: str) -> None:
        """The connection is gone: resume it, or tell the client that the session is over."""
        if self._closing:
            return
        self._line.lost()
        if not self._line.can_renew:
            self.fail(f"the connection to Live is lost ({code} {reason})".rstrip())
            return
        log.warning("session %d: Live connection lost (%d %s); resuming", self._number, code, reason)
        self._start_over()

    # --- turns

    def turn_sent(self, turn: Turn) -> None:
        """The last frame of a reply is with the client's socket."""
        self._gateway.metrics.turn_ended(turn)
        wait = turn.between_s(Mark.RX_LAST, Mark.TX_FIRST)
        log.info(
            "session %d turn %d %s: %d bytes heard, %d bytes said, reply after %s ms", self._number, turn.id,
            turn.outcome, turn.speech_bytes, turn.reply_bytes, f"{wait * 1000:.1f}" if wait is not None else "-",
        )  # fmt: skip

    def _replying(self) -> Turn | None:
        self._cut_off = False
        return self._book.reply()

    def _send(self, turn: Turn, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        if not turn.delivered:
            turn.delivered = True
            if turn is self._book.current:
                self._line.answered()
        self._client.reply(turn, kind, payload, flags)

    def _drop_reply(self) -> None:
        if self._lane is not None:
            self._lane.hush()
        self._reply.drop()

    async def _store_then_end(self, turn: Turn) -> None:
        """The last frame is the acknowledgement that the turn is stored, as far as the store promises."""
        if await self._store(turn):
            self._send(turn, FrameType.TEXT, b"", Flag.END_OF_TURN)

    async def _store(self, turn: Turn) -> bool:
        """Store a turn; one that is not stored ends the session with an error, for nobody else awaits this."""
        try:
            await self._gateway.record_turn(self._number, turn)
        except StateUnavailable as error:
            self.fail(f"turn {turn.id} could not be stored: {error}")
        except Exception:  # whatever it is, a client that waits for the end of its turn must hear of it
            log.exception("session %d turn %d could not be stored", self._number, turn.id)
            self.fail(f"turn {turn.id} could not be stored")
        else:
            return True
        return False

    def _turn_over(self, turn: Turn) -> None:
        if turn is self._book.current:
            self._line.turn_done()
        if self._line.leaving:
            self._gateway.later(SETTLE_S, self._renew_when_quiet)

    # --- the line to Live

    def _renew_when_quiet(self) -> None:
        quiet = self._book.replying is None and self._line.speech is not Speech.UNANSWERED
        if self._line.leaving and quiet and not self._closing and self._line.can_renew:
            self._line.leaving = False
            self._gateway.spawn(self._renew())

    def _leave_now(self) -> None:
        if self._line.leaving and not self._closing and self._line.can_renew:
            self._line.leaving = False
            self._start_over()

    def _start_over(self) -> None:
        """Resume in the middle of a turn.

        Where the resumed session does not know the turn, a reply of which the client has some is cut short,
        and one of which it has nothing is made again.
        """
        if not self._line.knows_the_turn:
            self._take_back_reply()
        self._gateway.spawn(self._renew())

    def _take_back_reply(self) -> None:
        self._tools.cancel_all()
        turn = self._book.replying
        if turn is not None and turn.delivered:
            self.live_interrupted()
            self._cut_off = False  # the new connection knows nothing of that reply
        elif turn is not None:
            self._drop_reply()
            self._book.replying = None
            turn.forget_reply()

    async def _renew(self) -> None:
        try:
            if await self._line.renew():
                self._gateway.metrics.renewals.inc()
        except LiveRefused as refused:
            if not self._closing:
                self.fail(f"the connection to Live cannot be resumed: {refused}")


async def _stamp_when_sent(turn: Turn, pending: Awaitable[None]) -> None:
    await pending
    turn.mark(Mark.UP_TX_LAST)
