"""A person at a microphone: keeps a voice session open for the length of the slot, and reconnects when cut off."""

from __future__ import annotations

import time
from functools import cache

import gevent
from voice_audio import Microphone, microphone
from voice_frames import Clip, Form, clips, form_named
from voice_numbers import MOST_NUMBERS, numbered
from voice_refusal import SessionRefused, outcome_of
from voice_session import FRAME_NS, Habits, VoiceSession

from perflab.audio.corpus import Corpus, Phrase, load_corpus, phrases
from perflab.load.arrivals import Arrival
from perflab.load.generator import current
from perflab.load.measured import MeasuredUser
from perflab.load.slots import NS, Slot
from perflab.load.unit_rows import Unit
from perflab.load.websocket import HandshakeRefused, WebSocket, WebSocketError
from perflab.wire.audio_format import DEFAULT
from perflab.wire.frame import FrameError, FrameType

FIRST_WORD_NS = 500_000_000  # after the slot's start, so that it does not depend on how long connecting takes
CONNECT_TIMEOUT_S = 10.0
RECONNECT_S = (0.5, 1.5)
FAREWELL_S = 1.0


@cache
def speech() -> tuple[Form, list[Clip]]:
    """Return the protocol's form and the phrases prepared for it, once per process; say where the speech is from."""
    corpus = load_corpus()
    generator = current()
    said_by = mouthpiece()
    form = form_named(generator.plan.flags.get("frames", "json64"), said_by.silence)
    longest = generator.plan.options.get("phrase_max_s", 2.5)
    cut = phrases(corpus, max_s=longest)
    generator.notes["material" if corpus.real else "synthetic"] = sent(cut, corpus)
    named = [(phrase.name, said_by.frames(phrase.frames)) for phrase in cut]
    return form, clips(form, named)


def sent(cut: list[Phrase], corpus: Corpus) -> str:
    """Say what users say in this run, for its pages."""
    seconds = sum(phrase.seconds for phrase in cut)
    return f"{len(cut)} phrases, {seconds:.0f} s in all, of {len(corpus.utterances)} utterances; {corpus.source}"


def mouthpiece() -> Microphone:
    """Return the microphone that the variant's flags ask for."""
    return microphone(current().plan.flags.get("client_audio", "pcm16k"))


class VoiceUser(MeasuredUser):
    """Speaks in turns; options: think_s (1.0), barge_in (0, a probability), turn_timeout_s (30), units_per_user (0),
    phrase_max_s (2.5)."""

    @classmethod
    def prepare(cls) -> None:
        """Have the speech ready before GO."""
        speech()

    def live(self, slot: Slot) -> None:
        """Keep a session open until the slot ends."""
        end_ns = self.generator.at_ns(slot.end_s)
        self._sessions(slot.number, self.generator.at_ns(slot.start_s), end_ns, self.generator.units_per_user)

    def arrive(self, arrival: Arrival, unit: Unit) -> str:
        """Come, take `units_per_user` (1) turns, and go."""
        outcomes = self._sessions(
            arrival.user, arrival.due_ns, self.generator.end_ns, self.generator.units_per_user or 1
        )
        return outcomes[-1] if outcomes else "unfinished"

    def _option(self, name: str, default: float) -> float:
        return self.generator.plan.options.get(name, default)

    def _sessions(self, user: int, start_ns: int, end_ns: int, turns: int) -> list[str]:
        """Run sessions until the time or the turns are over; return the outcome of each."""
        outcomes: list[str] = []
        notes = self.generator.notes
        while time.monotonic_ns() < end_ns:
            attempt = len(outcomes)
            begin_ns = start_ns if attempt == 0 else time.monotonic_ns()
            number, seq = numbered(user, attempt)
            came_in, outcome = self._session(number, seq, begin_ns, end_ns, turns)
            outcomes.append(outcome)
            if outcome == "ok":
                break
            notes["sessions_cut_off"] = int(notes.get("sessions_cut_off", 0)) + 1
            if came_in and attempt + 1 >= MOST_NUMBERS:  # another session would repeat its turns
                notes["users_given_up"] = int(notes.get("users_given_up", 0)) + 1
                break
            pause = self.stream(user, "reconnect", attempt).uniform(*RECONNECT_S) * min(attempt + 1, 5)
            gevent.sleep(min(pause, max(end_ns - time.monotonic_ns(), 0) / NS))
        return outcomes

    def _session(self, number: int, seq: int, begin_ns: int, end_ns: int, turns: int) -> tuple[bool, str]:
        """Run one session; return whether it came about, and its outcome.

        The first phrase is due at a moment that does not depend on connecting: a connection that takes longer delays
        it, and its turn's row counts that wait, whether or not the session ever comes about.
        """
        habits = self._habits(number, end_ns, turns)
        due_ns = begin_ns + FIRST_WORD_NS + (len(habits.choose(1).payloads) - 1) * FRAME_NS
        first = self._turn(number, seq, due_ns) if due_ns < end_ns else None
        try:
            socket = self._connect(number)
        except (OSError, WebSocketError, SessionRefused, FrameError, ValueError, gevent.Timeout) as error:
            return False, self._refused(first or self._turn(number, seq, begin_ns), begin_ns, error)
        if first:
            first.seq = 1
        first_ns = begin_ns + -(-(time.monotonic_ns() + FRAME_NS - begin_ns) // FRAME_NS) * FRAME_NS
        first_frame = max(0, (begin_ns + FIRST_WORD_NS - first_ns) // FRAME_NS)
        form, _ = speech()
        session = VoiceSession(self.generator, socket, first_ns, form, habits, number, first_frame, first)
        ears = gevent.spawn(session.listen)
        session.done.wait()
        ears.join(FAREWELL_S)
        socket.close()
        ears.kill()
        outcome = "ok" if session.left else "error" if session.error else "lost"
        if first:
            first.close("unfinished" if session.left else outcome)  # only if it was cut off before its first word
        return True, outcome

    def _turn(self, number: int, seq: int, due_ns: int) -> Unit:
        return self.generator.units.begin("turn", "voice", user=number, seq=seq, intended_ns=due_ns)

    def _connect(self, number: int) -> WebSocket:
        """Open a session and wait until it is ready."""
        form, _ = speech()
        with gevent.Timeout(CONNECT_TIMEOUT_S):
            socket = WebSocket.connect(self.generator.plan.endpoints["voice"], CONNECT_TIMEOUT_S)
            try:
                start = {"op": "start", "session": number, "template": "assistant", "user": f"user {number}"}
                audio = mouthpiece().form
                if audio != DEFAULT:
                    start["audio"] = audio.asked()
                socket.try_send(form.control(start))
                message = socket.receive()
                frame = form.read(message) if message else None
                if frame is None or frame.type is not FrameType.CONTROL or b'"ready"' not in frame.payload:
                    told = frame.payload[:200] if frame else f"closed with {socket.close_code}"
                    raise SessionRefused(told, 0 if frame else socket.close_code)
                return socket
            except BaseException:
                socket.close()
                raise

    def _refused(self, unit: Unit, begin_ns: int, error: BaseException) -> str:
        unit.intended_ns = begin_ns  # what failed is the session, which was due then
        unit.status = error.status if isinstance(error, HandshakeRefused) else 0
        self.generator.notes.setdefault("first_refusal", f"{type(error).__name__}: {error}"[:200])
        outcome = outcome_of(error, (TimeoutError, gevent.Timeout))
        unit.close(outcome)
        return outcome

    def _habits(self, number: int, end_ns: int, turns: int) -> Habits:
        _, every = speech()
        think_s, barge_in = self._option("think_s", 1.0), self._option("barge_in", 0.0)

        def choose(turn: int) -> Clip:
            return self.stream(number, turn, "phrase").choice(every)

        def think(turn: int) -> int:
            return round(self.stream(number, turn, "think").uniform(0.5, 1.5) * think_s * 50)

        def barge(turn: int) -> int:
            draw = self.stream(number, turn, "barge")
            return round(draw.uniform(0.2, 1.0) * 50) if draw.random() < barge_in else 0

        timeout_ns = round(self._option("turn_timeout_s", 30.0) * NS)
        return Habits(choose, think, barge, end_ns, turns, timeout_ns)
