"""One voice session from the client's side: start, frames, cancel, errors, end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable
from typing import Any

from perflab.gateway.flags.server import ClientLink
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.flags.template import UnknownTemplate
from perflab.gateway.flags.upstream import LiveRefused
from perflab.gateway.gateway import Gateway
from perflab.gateway.session.conversation import Conversation
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import DEFAULT, AudioFormat
from perflab.wire.frame import Frame, FrameError, FrameType
from perflab.wire.marks import now_ns
from perflab.wire.refusal import FULL

log = logging.getLogger("perflab.gateway.session")
HISTORY_ROWS = 6  # what the prompt tells of an earlier conversation
LAST_ID = 1 << 62
ERROR, NORMAL = 1011, 1000


class VoiceSession:
    """The protocol of the voice socket; both server stacks drive it."""

    def __init__(self, gateway: Gateway, link: ClientLink) -> None:
        self._gateway, self._codec = gateway, gateway.codec
        self._client = gateway.client_link(link)
        self._conversation: Conversation | None = None
        self._number = -1
        self._over = False
        self._failed = False  # and counted as an error
        self._marked_open = False  # by this session, in the state
        self._starting: asyncio.Task[None] | None = None
        self._admitted = gateway.admit(self)
        if not self._admitted:
            self.fail(f"the gateway has {gateway.settings.limits.sessions} {FULL}")
        gateway.later(gateway.settings.limits.start_s, self._check_started)

    def receive(self, message: str | bytes) -> Awaitable[None] | None:
        """Take one message of the client: None when it is dealt with, else something to await before the next."""
        received = now_ns()
        if self._over:
            return None
        try:
            frame = self._codec.decode(message)
            if frame.type is FrameType.AUDIO:
                return self._audio(frame, received)
            self._control(frame)
        except (FrameError, ValueError) as error:
            self.fail(str(error))
        return None

    def fail(self, message: str) -> None:
        """Tell the client what is wrong, then close."""
        if not self._over:
            log.warning("session %d: %s", self._number, message)
            self._gateway.metrics.errors.inc()
            self._failed = True
            self._client.control({"op": "error", "message": message})
            self._end(ERROR, message)

    def shut_down(self) -> None:
        """The gateway stops."""
        self.fail("the gateway is shutting down")

    def turn_sent(self, turn: Turn) -> None:
        """The last frame of a reply is with the client's socket."""
        if self._conversation is not None:
            self._conversation.turn_sent(turn)

    async def closed(self) -> None:
        """The client's socket is gone: leave Live and mark the session closed."""
        self._over = True
        if self._conversation is not None and self._conversation.owes_an_answer and not self._failed:
            self._gateway.metrics.unanswered.inc()  # an overload that refuses nobody shows in no other counter
        if self._starting is not None:
            self._starting.cancel()
        try:
            await self._leave_all()
        finally:  # whatever fails, the place is free for another client
            self._gateway.leave(self)

    async def _leave_all(self) -> None:
        try:
            if self._conversation is not None:
                await self._conversation.close()
        finally:
            if self._marked_open and not self._gateway.stopping:  # then all are closed in one write
                await self._mark_closed()
        if self._conversation is not None:
            log.info("session %d closed", self._number)

    async def _mark_closed(self) -> None:
        try:
            await self._gateway.state.close_session(self._number)
        except StateUnavailable as error:  # it is closed with all others when the gateway stops
            log.warning("session %d stays marked open: %s", self._number, error)
        else:
            self._gateway.opened.discard(self._number)

    def _audio(self, frame: Frame, received_ns: int) -> Awaitable[None] | None:
        if self._conversation is None:
            raise FrameError("audio before the session is ready")
        if not frame.payload or (len(frame.payload) % 2 and self._conversation.takes_samples):
            raise FrameError(f"audio of {len(frame.payload)} bytes; must be whole 16-bit samples")
        return self._conversation.hear(frame, received_ns)

    def _control(self, frame: Frame) -> None:
        if frame.type is not FrameType.CONTROL:
            raise FrameError("text frames go from the gateway to the client only")
        body = json.loads(frame.payload)
        operation = body.get("op") if isinstance(body, dict) else None
        if operation == "start" and self._starting is None:
            form = self._gateway.media.plan.agreed(body.get("audio"))
            self._starting = self._gateway.spawn(self._start(*_start_values(body), form))
        elif operation == "cancel":
            self._client.control({"op": "bye"})
            self._end(NORMAL, "bye")
        else:
            raise FrameError(f"control operation {str(operation)[:40]!r} is not expected here")

    async def _start(self, number: int, template: str, user: str, form: AudioFormat) -> None:
        self._number = number
        state = self._gateway.state
        try:
            history = await state.history(number, LAST_ID, HISTORY_ROWS)
            values = {"session": number, "user": user, "history": history[::-1]}
            instruction = self._gateway.prompts.render(template, values)
            self._marked_open = number not in self._gateway.opened
            self._gateway.opened.add(number)  # before: a write that is cut off may stand all the same
            await state.open_session(number, user, template)
            conversation = Conversation(self._gateway, number, self._client, instruction, form, self.fail)
            await conversation.open()
        except StateUnavailable as error:
            self._marked_open = False  # not acknowledged, and a state that is away is not asked again; the end will
            self.fail(str(error))
            return
        except (UnknownTemplate, LiveRefused) as error:
            self.fail(str(error))
            return
        except Exception:  # nobody awaits this task: whatever stops a start must be told to the client, and logged
            log.exception("session %d could not start", number)
            self.fail("the session could not be started")
            return
        self._conversation = conversation
        log.info("session %d started for %s with template %s", number, user, template)
        agreed = {} if form == DEFAULT else {"audio": {**form.asked(), "rate_down": form.rate_down}}
        self._client.control({"op": "ready", "session": number, **agreed})

    def _check_started(self) -> None:
        if self._starting is None:
            self.fail("no start message came")

    def _end(self, code: int, reason: str) -> None:
        self._over = True
        self._client.close(code, reason[:120])


def _start_values(body: dict[str, Any]) -> tuple[int, str, str]:
    number, template, user = body.get("session"), body.get("template", "assistant"), body.get("user", "a user")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 53:
        raise FrameError("start: session must be an integer from 0 to 2**53 - 1")
    if not isinstance(template, str) or not isinstance(user, str):
        raise FrameError("start: template and user must be text")
    printable = "".join(letter for letter in user if letter.isprintable())
    return number, template, printable[:80] or "a user"
