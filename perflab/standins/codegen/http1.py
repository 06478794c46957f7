"""HTTP/1.1, by aiohttp."""

from __future__ import annotations

from aiohttp import web

from perflab.standins.codegen.requests import MAX_BODY_BYTES
from perflab.standins.codegen.service import CodegenService, refusal


def application(service: CodegenService) -> web.Application:
    """Return the aiohttp application that hands every request to the service."""

    async def handle(request: web.Request) -> web.Response:
        try:
            answer = await service.answer(request.method, request.path, request.headers, request.read)
        except web.HTTPRequestEntityTooLarge:
            answer = service.refused(refusal(413, f"body above {MAX_BODY_BYTES} bytes"), request.headers)
        if answer.cut and request.transport is not None:
            request.transport.abort()  # a reset: what is returned below reaches nobody
        headers = {"Retry-After": f"{answer.retry_s:g}"} if answer.retry_s is not None else None
        return web.Response(
            body=answer.body, status=answer.status or 500, headers=headers, content_type="application/json"
        )

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", handle)
    return app
