"""The tool calls of one session: each runs as a task, is answered when it ends, and can be cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from perflab.gateway.codegen import CodeGenerator
from perflab.gateway.flags.http_client import HttpCallFailed
from perflab.gateway.flags.upstream import TOOL, ToolCall
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.records import Artefact
from perflab.gateway.state.sessions import now_ms
from perflab.wire.marks import Mark

log = logging.getLogger("perflab.gateway.tools")
Answer = Callable[[ToolCall, dict[str, Any]], Awaitable[None]]


class ToolRunner:
    """Runs `generate_code` for a session; results become artefacts of the turn that asked for them."""

    def __init__(self, session: int, generator: CodeGenerator, answer: Answer) -> None:
        self._session, self._generator, self._answer = session, generator, answer
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, turn: Turn, calls: Iterable[ToolCall]) -> None:
        """Run calls side by side."""
        for call in calls:
            task = asyncio.create_task(self._run(turn, call))
            self._running[call.id] = task
            task.add_done_callback(partial(self._ended, call.id))

    def cancel(self, ids: Iterable[str]) -> None:
        """Stop calls whose results nobody waits for; unknown ids have ended already."""
        for key in ids:
            task = self._running.pop(key, None)
            if task is not None:
                task.cancel()

    def cancel_all(self) -> None:
        """Stop every call."""
        self.cancel(list(self._running))

    async def _run(self, turn: Turn, call: ToolCall) -> None:
        await self._answer(call, await self._result(turn, call))
        turn.mark(Mark.TOOL_END)

    async def _result(self, turn: Turn, call: ToolCall) -> dict[str, Any]:
        if call.name != TOOL["name"]:
            return {"error": f"no tool {call.name!r}"}
        prompt, language = str(call.arguments.get("prompt", "")), str(call.arguments.get("language", "python"))
        try:
            made = await self._generator.generate(prompt, language, (self._session, turn.id))
        except HttpCallFailed as error:
            log.warning("session %d turn %d: code generator: %s", self._session, turn.id, error)
            return {"error": "the code generator cannot be reached"}
        turn.artefacts.append(
            Artefact(0, self._session, turn.id, prompt, language, made.code, made.explanation, now_ms())
        )
        return {"code": made.code, "explanation": made.explanation}

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled() and task.exception() is not None:
            log.error("tool call failed", exc_info=task.exception())
