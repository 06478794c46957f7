"""Every operation of the HTTP API: its name, method, path, what it answers with, and whether it is simple or complex.

Simple operations read or write a row or two. Complex ones call another service or read a whole session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Content = Literal["record", "history", "code", "template"]  # what an answer is made of: decides how it is compressed


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `name` is the function that does it."""

    name: str
    method: str
    path: str
    tag: Literal["simple", "complex"]
    status: int = 200
    content: Content = "record"


OPERATIONS = (
    Operation("create_session", "POST", "/api/sessions", "simple", 201),
    Operation("get_session", "GET", "/api/sessions/{session}", "simple"),
    Operation("get_audio", "GET", "/api/sessions/{session}/audio", "simple"),
    Operation("list_history", "GET", "/api/sessions/{session}/history", "simple", content="history"),
    Operation("get_history_row", "GET", "/api/sessions/{session}/history/{row}", "simple", content="history"),
    Operation("list_code", "GET", "/api/sessions/{session}/code", "simple", content="code"),
    Operation("summarise_session", "POST", "/api/sessions/{session}/summary", "complex", 201, "code"),
    Operation("list_templates", "GET", "/api/templates", "simple"),
    Operation("get_template", "GET", "/api/templates/{name}", "simple", content="template"),
    Operation("get_code", "GET", "/api/code/{artefact}", "simple", content="code"),
    Operation("generate_code", "POST", "/api/code", "complex", 201, "code"),
)
