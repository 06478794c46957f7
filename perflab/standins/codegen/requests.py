"""What clients may send: one request or a batch of them, checked before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from perflab.standins.codegen.answer import LANGUAGES

MAX_BODY_BYTES = 64 * 1024
MAX_BATCH = 32


class BadRequest(ValueError):
    """A request body that is refused with 400; the text says why."""


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"body is not JSON: {error}") from None


def parse_item(request: Any) -> tuple[str, str]:
    """Return (prompt, language) of one request; raises BadRequest with the reason."""
    if not isinstance(request, dict) or not isinstance(request.get("prompt"), str) or not request["prompt"]:
        raise BadRequest("prompt is required, a non-empty string")
    language = request.get("language", "python")
    if language not in LANGUAGES:
        raise BadRequest(f"language must be one of {', '.join(LANGUAGES)}")
    return request["prompt"], language


def parse_request(body: bytes) -> tuple[str, str]:
    """Return (prompt, language) of a request body; raises BadRequest with the reason."""
    return parse_item(_decoded(body))


def parse_batch(body: bytes) -> list[Any]:
    """Return the items of a batch's body, each still to be checked by itself; raises BadRequest for the whole.

    1 to MAX_BATCH items under `requests`.
    """
    batch = _decoded(body)
    items = batch.get("requests") if isinstance(batch, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH:
        raise BadRequest(f"requests is required, a list of 1 to {MAX_BATCH}")
    return items


def caller_of(headers: Mapping[str, str]) -> tuple[int, int]:
    """Return the session and turn that a request names in its headers, or (0, 0), which no turn has."""
    names = headers.get("X-Session-Id", ""), headers.get("X-Turn-Id", "")
    if not all(name.isascii() and name.isdigit() and len(name) < 10 for name in names):
        return 0, 0
    return int(names[0]), int(names[1])


def caller_of_item(item: Any) -> tuple[int, int]:
    """Return the session and turn that an item of a batch names, or (0, 0)."""
    if not isinstance(item, dict):
        return 0, 0
    return caller_of({"X-Session-Id": str(item.get("session", "")), "X-Turn-Id": str(item.get("turn", ""))})
