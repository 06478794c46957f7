"""Mixed requests to the API at open arrivals: pages read whole and in part, code generated, sessions summed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perflab.experiments.api_streaming.knee import Request
from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import Target, Work
from perflab.experiments.strategies.payloads.content import SESSIONS
from perflab.experiments.strategies.payloads.reading import HEADERS, TEMPLATES, Answers
from perflab.experiments.strategies.payloads.sparse import FIELDS, last_seen, wanted

PER_S = 60.0
IN_FASHION = 0.5  # of the requests for code ask for the one prompt that everybody wants just now
READ = SESSIONS // 2  # artefacts are read of the sessions up to this one; those above are summed up, which adds some
# The last two are a quarter of all and the slow ones, so that p95 lies among them and not on their border.
MIX = {"page": 3.0, "news": 2.0, "code": 1.0, "session": 1.0, "template": 0.5, "generate": 1.7, "summary": 0.8}
CONDITION = (
    f"{PER_S:g} requests/s: pages of history, some of them for what is new in three fields, code, sessions, templates; "
    "one of four has a session summed up, or code generated that takes about 120 ms, half of it for one prompt"
)


def draw(rng: np.random.Generator, count: int, block: int) -> list[Request]:
    """Draw requests of the mix; `tag` is the kind. Prompts are those of the block, so that none is asked for again."""
    weights = np.array(list(MIX.values()))
    kinds = rng.choice(list(MIX), count, p=weights / weights.sum())
    fashion = f"write the function of the hour, number {rng.integers(1 << 40)}"
    return [_request(str(kind), rng, f"write task {block}-{i}", fashion) for i, kind in enumerate(kinds)]


def _request(kind: str, rng: np.random.Generator, own: str, fashion: str) -> Request:
    session, template = int(rng.integers(1, READ + 1)), TEMPLATES[int(rng.integers(len(TEMPLATES)))]
    anyone, wants = session + READ * int(rng.integers(2)), rng.random() < IN_FASHION
    if kind == "generate":
        prompt = fashion if wants else f"{own}, number {rng.integers(1 << 40)}"
        return Request(kind, "POST", "/api/code", {"prompt": prompt, "language": "python"})
    if kind == "summary":
        return Request(kind, "POST", f"/api/sessions/{session + READ}/summary")
    paths = {
        "page": f"/api/sessions/{anyone}/history?limit=20",
        "news": f"/api/sessions/{session}/history?limit=20&fields={','.join(FIELDS)}&after={last_seen(session)}",
        "code": f"/api/sessions/{session}/code?limit=5",
        "session": f"/api/sessions/{anyone}",
        "template": f"/api/templates/{template}",
    }
    return Request(kind, "GET", paths[kind])


def comparable(request: Request, value: Any) -> Any:
    """Return what of an answer must be the same in every arm: not the ids and times of what is stored.

    Of a page of news it is what a client keeps, whether the server has cut it already or not.
    """
    if request.method == "POST":
        return value["code"]
    return wanted(int(request.path.split("/")[3]), value) if request.tag == "news" else value


async def mixed(target: Target) -> Work:
    """Send the mix; what is answered is compared after decoding, and not at all in a block where a request failed."""
    requests = draw(target.rng, int(PER_S * target.seconds * 2 + 100), target.block)
    answers = Answers()
    met = await open_arrivals(target.rng, PER_S, target.seconds, lambda i: _send(target, requests, answers, i))
    digest = "" if met.failed else answers.digest(lambda i, value: comparable(requests[i], value))
    return Work(met.latency_ms, met.late_ms, met.failed, {}, digest)


async def _send(target: Target, requests: Sequence[Request], into: Answers, i: int) -> bool:
    asked = requests[i]
    async with target.client.request(
        asked.method, target.api + asked.path, json=asked.body, headers=HEADERS, auto_decompress=False
    ) as answer:
        body = await answer.read()
    coding, media = (answer.headers.get(name, "") for name in ("Content-Encoding", "Content-Type"))
    into.bodies[i] = (body, coding, media)
    return bool(answer.status < 400)
