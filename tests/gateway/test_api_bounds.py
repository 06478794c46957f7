"""What the API refuses before it reaches the state, and under which status an answer is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from perflab.gateway.api.application import create_api
from perflab.gateway.flags import BASELINE
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.gateway import Gateway
from perflab.gateway.settings import Settings

LIMIT = 1 << 62


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """A gateway that is not opened but for its state: the API alone."""
    flags = {**BASELINE, "store": "connect"}
    made = Gateway(Settings(1, 2, "", "http://127.0.0.1:3", tmp_path / "s.sqlite", flags=flags))
    made.state.open()
    return made


@pytest.fixture
def api(gateway: Gateway) -> Iterator[TestClient]:
    yield TestClient(create_api(gateway), raise_server_exceptions=False)


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/api/code", {"prompt": "x", "session": LIMIT}),
    ("GET", f"/api/sessions/{LIMIT}", None), ("GET", f"/api/sessions/{LIMIT}/history", None),
    ("GET", f"/api/sessions/1/history?before={1 << 63}", None), ("GET", f"/api/code/{1 << 63}", None),
    ("GET", f"/api/sessions/{LIMIT}/code", None), ("POST", f"/api/sessions/{LIMIT}/summary", None),
])  # fmt: skip
def test_an_id_beyond_what_every_store_holds_is_refused(api: TestClient, method: str, path: str, body: Any) -> None:
    assert api.request(method, path, json=body).status_code == 422


def test_the_largest_ids_are_only_not_found(api: TestClient) -> None:
    assert api.get(f"/api/sessions/{LIMIT - 1}").status_code == 404
    assert api.get(f"/api/code/{LIMIT - 1}").status_code == 404
    assert api.get(f"/api/sessions/1/history?before={LIMIT}").json() == []
    assert api.get(f"/api/sessions/1/history/{1 << 70}").status_code == 404


def counted(api: TestClient, operation: str, status: int) -> bool:
    labels = f'operation="{operation}",status="{status}"'
    return f"gateway_api_seconds_count{{{labels}," in api.get("/metrics").text


def test_an_answer_is_counted_under_the_status_it_is_sent_with(api: TestClient, gateway: Gateway) -> None:
    async def away(user: str, template: str) -> None:
        raise StateUnavailable("away")

    gateway.state.create_session = away  # type: ignore[assignment,method-assign]
    assert api.post("/api/code", json={"prompt": ""}).status_code == 422
    assert api.post("/api/sessions", json={"user": "Ada"}).status_code == 503
    assert counted(api, "generate_code", 422) and counted(api, "create_session", 503)
    assert not counted(api, "generate_code", 500) and not counted(api, "create_session", 500)
