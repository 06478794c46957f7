"""The gateway: the chosen value of every flag, put together, and the sessions that are open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from perflab.gateway.audio.collector import AudioCollector
from perflab.gateway.audio.media_plane import MediaPlane
from perflab.gateway.calls.call import CallWorld, uncounted
from perflab.gateway.calls.chain import any_part, build_chain, counter
from perflab.gateway.codegen import CodeGenerator
from perflab.gateway.flags import implementation
from perflab.gateway.flags.admission import Admission
from perflab.gateway.flags.events import News
from perflab.gateway.flags.frames import FrameCodec
from perflab.gateway.flags.history import History
from perflab.gateway.flags.http_client import HttpClient
from perflab.gateway.flags.server import ClientLink
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.flags.template import Prompts
from perflab.gateway.flags.upstream import Upstream
from perflab.gateway.housekeeping import PacedLink, frame_chores, history_query, parse_doses
from perflab.gateway.metrics import Metrics
from perflab.gateway.settings import Settings
from perflab.gateway.state.interface import State
from perflab.gateway.state.records import Artefact

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn
    from perflab.gateway.session.voice import VoiceSession

log = logging.getLogger("perflab.gateway")


class Gateway:
    """What all sessions and the API share."""

    def __init__(self, settings: Settings) -> None:
        flags = settings.flags
        self.settings = settings
        self.metrics = Metrics(settings.metrics_buckets)
        self.admission: Admission = implementation("admission", flags["admission"]).build(self.metrics.registry)
        self.sessions: set[VoiceSession] = set()
        self.opened: set[int] = set()  # sessions that this gateway has open in the state, which others may share
        self.codec: FrameCodec = implementation("frames", flags["frames"]).build()
        self.make_coalescer = implementation("coalesce", flags["coalesce"]).build
        self.make_reply = implementation("reply", flags["reply"]).build
        self.media = MediaPlane(flags)
        if self.media.plan.works:
            self.metrics.registry.register(AudioCollector(self.media))
        self.prompts: Prompts = implementation("template", flags["template"]).build(settings.templates)
        self._doses = parse_doses(settings.plant)
        self.chores = frame_chores(self._doses)
        extra_s = self._doses.get("slow_query", 0.0) / 1000
        store = implementation("store", flags["store"]).build(
            settings.store, (lambda sql: history_query(sql, extra_s)) if extra_s else lambda sql: sql
        )
        below = implementation("loader", flags["loader"]).build(store)
        below = implementation("single_flight", flags["single_flight"]).build(below)
        self.state: State = implementation("cache", flags["cache"]).build(below, settings.cache)
        self.metrics.register_layers(self.state)
        self.history: History = implementation("history", flags["history"]).build(self.state, self.state)
        self.metrics.state_reachable.set_function(lambda: float(self.state.reachable))
        self.news: News | None = implementation("events", flags["events"]).build()
        self.stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.upstream: Upstream
        self.generator: CodeGenerator
        self._http: HttpClient

    def open(self) -> None:
        """Create the tables and the clients, and compile what is to be compiled; runs inside the event loop."""
        self.media.warm_up()
        self.admission.watch()
        flags, limits = self.settings.flags, self.settings.limits
        self.state.open()
        self.upstream = implementation("upstream", flags["upstream"]).build(self.settings)
        calls = self.settings.calls
        self._http = implementation("http_client", flags["http_client"]).build(limits.tool_s, calls.connections)
        count = counter(self.metrics.registry) if any_part(flags) else uncounted
        self.generator = CodeGenerator(
            build_chain(flags, CallWorld(self._http, self.settings.codegen_url, calls, count))
        )

    @property
    def api_websockets(self) -> Literal["auto", "none"]:
        """Whether the API serves WebSockets: what uvicorn is to look for an implementation for."""
        return "auto" if self.settings.flags["events"] == "websocket" else "none"

    def client_link(self, link: ClientLink) -> ClientLink:
        """Return the link that a session talks through."""
        late_s = self._doses.get("late", 0.0) / 1000
        return PacedLink(link, late_s) if late_s else link

    def turns_away(self) -> bool:
        """Say whether a session that would begin now is refused at the door, and count it."""
        if not self.admission.refuses():
            return False
        self.metrics.refused.inc()
        return True

    def admit(self, session: VoiceSession) -> bool:
        """Count a session in, or refuse it when the gateway is full."""
        if len(self.sessions) >= self.settings.limits.sessions:
            return False
        self.sessions.add(session)
        self.metrics.sessions.set(len(self.sessions))
        return True

    def leave(self, session: VoiceSession) -> None:
        """Count a session out."""
        self.sessions.discard(session)
        self.metrics.sessions.set(len(self.sessions))

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn, then wake those who wait for news of the session."""
        await self.state.record_turn(session, turn)
        if (chore := self.history.grown(session, turn.id)) is not None:
            self.spawn(chore)
        if self.news is not None:
            self.news.announce(session)

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact, wake those who wait for news of its session, and return its id."""
        key = await self.state.add_artefact(artefact)
        if self.news is not None:
            self.news.announce(artefact.session)
        return key

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something that nobody waits for, and log how it fails."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def later(self, wait_s: float, work: Callable[[], None]) -> None:
        """Run something after a while."""
        asyncio.get_running_loop().call_later(wait_s, work)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())

    async def end_sessions(self) -> None:
        """Say goodbye to every client and give sessions a moment to end."""
        self.stopping = True
        if self.news is not None:
            self.news.close()
        for session in list(self.sessions):
            session.shut_down()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=0.5)

    async def close(self) -> None:
        """Close clients and state; everything acknowledged is where the store promises after this."""
        try:
            async with asyncio.timeout(0.5):
                await self._http.close()
                await self.upstream.close()
        except TimeoutError:
            log.warning("a client did not close in time")
        try:
            if self.opened:
                await self.state.close_sessions(sorted(self.opened))
        except StateUnavailable as error:
            log.warning("sessions stay marked open: %s", error)
        finally:
            await self.state.close()
