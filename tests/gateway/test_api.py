"""The HTTP API is the same on both server stacks: every operation of the table, its tag, its errors, its bounds."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from perflab.gateway.api.operations import OPERATIONS

from .processes import RunningGateway, World, gateway
from .variants import BOTH, conversation, name_of


@pytest.fixture(scope="module", params=BOTH, ids=name_of)
def running(request: pytest.FixtureRequest, outside: World) -> Iterator[RunningGateway]:
    with gateway(outside, f"api-{name_of(request.param)}", request.param, "--metrics-buckets", "0.2,0.5,2") as started:
        conversation(started, 7)
        yield started


@pytest.fixture
def api(running: RunningGateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.api, trust_env=False, timeout=20) as client:
        yield client


@pytest.mark.slow
def test_every_operation_answers_and_is_timed_under_its_tag(api: httpx.Client) -> None:
    created = api.post("/api/sessions", json={"user": "Ada"}).json()
    made = api.post("/api/code", json={"prompt": "sort a list", "language": "go"}).json()
    assert made["code"]
    row = api.get("/api/sessions/7/history", params={"limit": 1}).json()[0]["id"]
    values = {"session": created["id"], "artefact": made["id"], "name": "assistant"}
    bodies = {"create_session": {"user": "Bo"}, "generate_code": {"prompt": "reverse a string"}}
    for operation in OPERATIONS:
        path = operation.path.format(**{**values, **({"session": 7} if "{row}" in operation.path else {})}, row=row)
        response = api.request(operation.method, path, json=bodies.get(operation.name))
        assert response.status_code == operation.status, (operation, response.text)
    metrics = api.get("/metrics").text
    for operation in OPERATIONS:
        labels = f'operation="{operation.name}",status="{operation.status}",tag="{operation.tag}"'
        assert f"gateway_api_seconds_count{{{labels}}}" in metrics
    assert {operation.tag for operation in OPERATIONS} == {"simple", "complex"}


@pytest.mark.slow
def test_a_conversation_can_be_read_back(api: httpx.Client) -> None:
    assert api.get("/api/sessions/7").json()["turns"] == 3
    history = api.get("/api/sessions/7/history", params={"limit": 4}).json()
    assert [(row["turn"], row["role"]) for row in history] == [(3, "model"), (3, "user"), (2, "model"), (2, "user")]
    older = api.get("/api/sessions/7/history", params={"before": history[-1]["id"]}).json()
    assert [(row["turn"], row["role"]) for row in older] == [(1, "model"), (1, "user")]
    code = api.get("/api/sessions/7/code").json()
    assert len(code) == 1
    assert code[0]["turn"] == 3
    assert api.get(f"/api/code/{code[0]['id']}").json() == code[0]
    assert "3 turns" in api.post("/api/sessions/7/summary").json()["code"]


@pytest.mark.slow
def test_metrics_have_the_edges_that_were_asked_for(api: httpx.Client) -> None:
    metrics = api.get("/metrics").text
    for edge in ("0.2", "0.5", "2.0", "+Inf"):
        assert f'gateway_turn_stage_seconds_bucket{{le="{edge}",stage="response"}} ' in metrics
    assert 'gateway_turns_total{outcome="ok"} 3.0' in metrics


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/sessions/999", None, 404),
        ("GET", "/api/code/999", None, 404),
        ("GET", "/api/templates/nothing", None, 404),
        ("GET", "/api/templates/..%2Fassistant", None, 404),
        ("GET", "/api/sessions/7/history?limit=100000", None, 422),
        ("POST", "/api/sessions", {"user": "Ada", "template": "nothing"}, 404),
        ("POST", "/api/sessions", {"nobody": 1}, 422),
        ("POST", "/api/code", {"prompt": ""}, 422),
        ("POST", "/api/code", {"prompt": "x" * 70_000}, 413),
        ("GET", "/api/nothing", None, 404),
    ],
)
def test_wrong_requests(api: httpx.Client, method: str, path: str, body: object, status: int) -> None:
    response = api.request(method, path, json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"


@pytest.mark.slow
def test_the_durability_mode_is_stated(api: httpx.Client) -> None:
    info = api.get("/api/info").json()
    assert "synchronous=full" in info["durability"]
    assert info["durability"] == api.get("/healthz").json()["durability"]
    assert [operation["name"] for operation in info["operations"]] == [operation.name for operation in OPERATIONS]
