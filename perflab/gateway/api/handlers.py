"""What each operation of the API does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from perflab.gateway.flags.http_client import HttpCallFailed
from perflab.gateway.flags.template import UnknownTemplate, template_path
from perflab.gateway.gateway import Gateway
from perflab.gateway.state.records import Artefact, HistoryHead, HistoryRow, SessionRow
from perflab.gateway.state.sessions import now_ms

LAST_ID = 1 << 62
PAGE = 100
SUMMARY_ROWS = 1000
UP_BYTES_PER_S, DOWN_BYTES_PER_S = 32_000, 48_000
Limit = Annotated[int, Query(ge=1, le=PAGE)]
Id = Annotated[int, Path(ge=0, lt=LAST_ID)]  # SQL holds 63 bits


class NewSession(BaseModel):
    """Who starts a session, and with which prompt."""

    model_config = ConfigDict(extra="forbid")
    user: str = Field(default="a user", max_length=80)
    template: str = Field(default="assistant", max_length=41)


class CodeRequest(BaseModel):
    """What code to generate; `session` is 0 for none."""

    model_config = ConfigDict(extra="forbid")
    prompt: str = Field(min_length=1, max_length=8000)
    language: str = Field(default="python", max_length=40)
    session: int = Field(default=0, ge=0, lt=LAST_ID)


class Handlers:
    """One method per operation, named like it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._state = gateway, gateway.state

    async def create_session(self, request: NewSession) -> SessionRow:
        """Create a session."""
        self._template(request.template)
        return await self._state.create_session(request.user, request.template)

    async def get_session(self, session: Id) -> SessionRow:
        """Return a session."""
        row = await self._state.session(session)
        if row is None:
            raise HTTPException(404, f"no session {session}")
        return row

    async def get_audio(self, session: Id) -> dict[str, Any]:
        """Return what was found in a session's audio: null while it is not open, or its audio passes untouched."""
        await self.get_session(session)
        return {"session": session, "heard": self._gateway.media.of_session(session)}

    async def list_history(
        self, session: Id, before: Annotated[int, Query(ge=0, le=LAST_ID)] = LAST_ID, limit: Limit = 20
    ) -> Sequence[HistoryRow | HistoryHead]:
        """Return a page of a session's history, newest first; `before` is the last id of the page before."""
        return await self._gateway.history.page(session, before, limit)

    async def get_history_row(self, session: Id, row: int) -> HistoryRow:
        """Return one side of one turn, with what was said."""
        found = await self._state.history(session, row + 1, 1) if 0 < row < LAST_ID else []
        if not found or found[0].id != row:
            raise HTTPException(404, f"no row {row} in the history of session {session}")
        return found[0]

    async def list_code(self, session: Id, limit: Limit = 20) -> list[Artefact]:
        """Return a session's artefacts, newest first."""
        return await self._state.artefacts(session, limit)

    async def summarise_session(self, session: Id) -> Artefact:
        """Write a summary of a session from its whole history and keep it as an artefact."""
        row = await self.get_session(session)
        history = (await self._state.history(session, LAST_ID, SUMMARY_ROWS))[::-1]
        spoken = sum(h.audio_bytes for h in history if h.role == "user") / UP_BYTES_PER_S
        answered = sum(h.audio_bytes for h in history if h.role == "model") / DOWN_BYTES_PER_S
        artefacts = [a for a in await self._state.artefacts(session, PAGE) if a.language != "markdown"]
        values = {
            "session": row,
            "history": history,
            "artefacts": artefacts,
            "spoken_s": spoken,
            "answered_s": answered,
        }
        text = self._gateway.prompts.render("summary", values)
        summary = await self._keep(Artefact(0, session, row.turns, "summary", "markdown", text, "", now_ms()))
        if (chore := self._gateway.history.summed_up(session)) is not None:
            self._gateway.spawn(chore)
        return summary

    async def list_templates(self) -> list[str]:
        """Return the names of the prompt templates."""
        return sorted(path.stem for path in self._gateway.settings.templates.glob("*.j2"))

    async def get_template(self, name: str) -> dict[str, str]:
        """Return a template's source."""
        return {"name": name, "source": self._template(name)}

    async def get_code(self, artefact: Id) -> Artefact:
        """Return an artefact."""
        found = await self._state.artefact(artefact)
        if found is None:
            raise HTTPException(404, f"no artefact {artefact}")
        return found

    async def generate_code(self, request: CodeRequest) -> Artefact:
        """Have code generated and keep it."""
        try:
            made = await self._gateway.generator.generate(request.prompt, request.language, tenant=request.session)
        except HttpCallFailed as error:
            wait = {"retry-after": "1"} if error.answer in (429, 503) else None  # what the gateway itself refused
            raise HTTPException(error.answer, f"the code generator: {error}", wait) from None
        return await self._keep(Artefact(
            0, request.session, 0, request.prompt, request.language, made.code, made.explanation, now_ms()
        ))  # fmt: skip

    async def _keep(self, artefact: Artefact) -> Artefact:
        key = await self._gateway.add_artefact(artefact)
        values: dict[str, Any] = {name: getattr(artefact, name) for name in Artefact.__slots__}
        return Artefact(**{**values, "id": key})

    def _template(self, name: str) -> str:
        try:
            return template_path(self._gateway.settings.templates, name).read_text(encoding="utf-8")
        except UnknownTemplate as error:
            raise HTTPException(404, str(error)) from None
