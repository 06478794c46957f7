"""From what a handler returns to what is sent: the flags `payload`, `serialiser` and `compression`, in this order.

At the baseline of all three a handler is handed to FastAPI as it is and nothing here runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import HTTPException, Request, Response

from perflab.gateway.api.negotiation import accepted_codings
from perflab.gateway.api.operations import OPERATIONS, Operation
from perflab.gateway.flags import implementation
from perflab.gateway.flags.compression import MIN_BYTES, Compression
from perflab.gateway.flags.payload import Payload
from perflab.gateway.flags.serialiser import Serialiser

Handler = Callable[..., Awaitable[Any]]
CLASSES = {operation.name: operation.content for operation in OPERATIONS}


class Answers:
    """The chosen value of each flag that has a say in how an answer is sent."""

    def __init__(self, flags: Mapping[str, str]) -> None:
        self._payload: Payload | None = implementation("payload", flags["payload"]).build()
        self._serialiser: Serialiser | None = implementation("serialiser", flags["serialiser"]).build()
        self._compression: Compression | None = implementation("compression", flags["compression"]).build()

    def shaped(self, operation: Operation, handler: Handler) -> Handler:
        """Return the handler with payload and serialiser applied, under a signature that FastAPI can read."""
        payload, serialiser = self._payload, self._serialiser
        if payload is None and serialiser is None:
            return handler

        @functools.wraps(handler)
        async def answered(*, http_request: Request, **values: Any) -> Any:
            value = await handler(**values)
            if payload is not None:
                try:
                    value = payload.cut(value, http_request.query_params)
                except ValueError as error:
                    raise HTTPException(422, str(error)) from None
            return value if serialiser is None else _serialised(serialiser, value, http_request, operation.status)

        plain = inspect.signature(handler)
        asked = inspect.Parameter("http_request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        answered.__signature__ = plain.replace(parameters=[*plain.parameters.values(), asked])  # type: ignore[attr-defined]
        return answered

    def encode(self, operation: str, request: Request, response: Response) -> Response:
        """Say what the answer depends on, compress it where it is large enough, and return it."""
        if self._serialiser is not None and self._serialiser.varies:
            response.headers.add_vary_header("Accept")
        compression, content = self._compression, CLASSES[operation]
        body = getattr(response, "body", b"")
        if compression is None or len(body) < MIN_BYTES or response.headers.get("content-encoding"):
            return response
        coder = compression.coder(content, accepted_codings(request.headers.get("accept-encoding", "")))
        response.headers.add_vary_header("Accept-Encoding")
        if coder is not None:
            coded = coder(bytes(body))
            if len(coded) < len(body):
                response.body = coded
                response.headers["content-encoding"] = coder.token
                response.headers["content-length"] = str(len(coded))
        return response


def _serialised(serialiser: Serialiser, value: Any, request: Request, status: int) -> Any:
    made = serialiser.body(value, request.headers.get("accept", ""))
    if made is None:
        return value
    return Response(made[0], status_code=status, media_type=made[1])
