"""A user of the gateway's HTTP API: looks things up and has code written, about two requests a second."""

from __future__ import annotations

import random
from dataclasses import replace

from perflab.load.http import Operation, PacedHttpUser, Request
from perflab.load.slots import NS

TEMPLATES = ("assistant", "tutor", "summary")
PROMPTS = (
    ("a function that reverses a linked list", "python"),
    ("a debounce function for a search box", "typescript"),
    ("a parser for lines of key and value pairs", "rust"),
    ("a worker pool that stops on the first error", "go"),
)
SETTLED_S = 5.0  # a voice session exists for certain so long after its user came
SESSION = "{session}"


def _new_session(stream: random.Random) -> dict[str, str]:
    return {"user": f"visitor {stream.randrange(1000)}", "template": TEMPLATES[stream.randrange(2)]}


def _new_code(stream: random.Random) -> dict[str, str]:
    prompt, language = stream.choice(PROMPTS)
    return {"prompt": prompt, "language": language}


def _template_path(stream: random.Random) -> str:
    return f"/api/templates/{stream.choice(TEMPLATES)}"


GET_TEMPLATE = Operation("get_template", "simple", "GET", _template_path, weight=1, same_answer=True)
NEW_CODE = Operation("generate_code", "complex", "POST", lambda _: "/api/code", _new_code, weight=0.7)


class ApiUser(PacedHttpUser):
    """Nine simple operations to one complex one; looks up the voice sessions that run beside it."""

    rate_per_s = 2.0
    operations = (
        Operation("get_session", "simple", "GET", lambda _: f"/api/sessions/{SESSION}", weight=3),
        Operation("list_history", "simple", "GET", lambda _: f"/api/sessions/{SESSION}/history?limit=20", weight=3),
        Operation("list_code", "simple", "GET", lambda _: f"/api/sessions/{SESSION}/code", weight=1),
        GET_TEMPLATE,
        Operation("create_session", "simple", "POST", lambda _: "/api/sessions", _new_session, weight=1),
        NEW_CODE,
        Operation("summarise_session", "complex", "POST", lambda _: f"/api/sessions/{SESSION}/summary", weight=0.3),
    )

    def draw(self, user: int, seq: int, due_ns: int) -> Request:
        """Return the request; without a voice session to ask about, one of the same tag that needs none."""
        request = super().draw(user, seq, due_ns)
        if SESSION not in request.path:
            return request
        stream, known = self.stream(user, seq, "session"), self._voice_sessions(due_ns)
        if known:
            return replace(request, path=request.path.replace(SESSION, str(stream.choice(known))))
        return self.request_of(GET_TEMPLATE if request.operation.tag == "simple" else NEW_CODE, stream)

    def _voice_sessions(self, due_ns: int) -> list[int]:
        """Return the voice sessions that exist for certain when the request is due: the same in every arm."""
        due_s = (due_ns - self.generator.go_ns) / NS
        return [slot.number for slot in self.generator.slots_of("VoiceUser") if slot.start_s + SETTLED_S < due_s]
