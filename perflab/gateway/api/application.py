"""The API as a FastAPI application, the same for every server stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from perflab import __version__
from perflab.gateway.api.answers import Answers
from perflab.gateway.api.body_limit import BodyLimit
from perflab.gateway.api.handlers import Handlers
from perflab.gateway.api.operations import OPERATIONS
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.gateway import Gateway
from perflab.gateway.metrics import Metrics


def create_api(gateway: Gateway) -> FastAPI:
    """Return the application with every operation of the table, `/healthz`, `/metrics` and `/api/info`."""
    application = FastAPI(title="Voice gateway", version=__version__)
    application.add_middleware(BodyLimit, limit=gateway.settings.limits.body_bytes)
    handlers, answers = Handlers(gateway), Answers(gateway.settings.flags)
    router = APIRouter(route_class=timed_route(gateway.metrics, answers))
    for operation in OPERATIONS:
        router.add_api_route(
            operation.path, answers.shaped(operation, getattr(handlers, operation.name)), methods=[operation.method],
            name=operation.name, status_code=operation.status, tags=[operation.tag], response_model=None,
        )  # fmt: skip
    application.include_router(router)
    if gateway.news is not None:
        gateway.news.install(application, gateway)
    _add_inspection(application, gateway)
    _add_errors(application)
    return application


def timed_route(metrics: Metrics, answers: Answers) -> type[APIRoute]:
    """Return a route class that times operations under their name and tag, errors and content coding included."""

    class TimedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()
            tag = str(self.tags[0])

            async def timed(request: Request) -> Response:
                start, status = time.perf_counter(), 500
                try:
                    response = answers.encode(self.name, request, await handle(request))
                    status = response.status_code
                    return response
                except HTTPException as error:
                    status = error.status_code
                    raise
                except RequestValidationError:
                    status = 422
                    raise
                except StateUnavailable:
                    status = 503  # as `_add_errors` answers
                    raise
                finally:
                    labels = metrics.requests.labels(self.name, tag, str(status))
                    labels.observe(time.perf_counter() - start)

            return timed

    return TimedRoute


def _add_inspection(application: FastAPI, gateway: Gateway) -> None:
    @application.get("/healthz")
    async def healthz() -> dict[str, Any]:
        state = gateway.state
        return {
            "status": "ok", "sessions": len(gateway.sessions), "durability": state.durability,
            "state": "ok" if state.reachable else "away",
        }  # fmt: skip

    @application.get("/metrics")
    async def metrics() -> Response:
        return Response(gateway.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @application.get("/api/info")
    async def info() -> dict[str, Any]:
        settings = gateway.settings
        return {
            "version": __version__, "flags": dict(settings.flags), "durability": gateway.state.durability,
            "model": settings.model, "live": settings.live_url or "the real service",
            "operations": [{"name": o.name, "method": o.method, "path": o.path, "tag": o.tag} for o in OPERATIONS],
        }  # fmt: skip


def _add_errors(application: FastAPI) -> None:
    @application.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)

    @application.exception_handler(StateUnavailable)
    async def unavailable(request: Request, error: StateUnavailable) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=503, headers={"retry-after": "1"})
