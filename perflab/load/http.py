"""A user of an HTTP service: a weighted mix of operations over one kept-alive connection each."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent.socket
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError

from perflab.errors import UsageError
from perflab.load.arrivals import Arrival
from perflab.load.measured import PacedUser
from perflab.load.slots import Slot
from perflab.load.unit_rows import Unit

HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


@dataclass(frozen=True)
class Operation:
    """One kind of request; `path` and `body` are drawn from the request's own random stream."""

    name: str
    tag: str  # such as "simple" or "complex": targets are judged by it
    method: str
    path: Callable[[random.Random], str]
    body: Callable[[random.Random], Any] | None = None
    weight: float = 1.0
    same_answer: bool = False  # the answer depends on the request alone: its CRC-32 proves variants equivalent
    ok: tuple[int, ...] = ()  # statuses that are right here beside those below the user's `ok_below`, such as 404


@dataclass(frozen=True)
class Request:
    """One request, drawn and ready to send."""

    operation: Operation
    path: str
    body: bytes


@dataclass(frozen=True)
class Response:
    """A response as far as a row needs it."""

    status: int
    body: bytes


class PacedHttpUser(PacedUser):
    """Sends `operations` to the plan's endpoint called `endpoint`, `rate_per_s` of them a second.

    A path of the endpoint's URL comes before the path of each operation: `http://host/api/v1` and `/orders`.
    """

    abstract = True
    endpoint = "api"
    operations: tuple[Operation, ...] = ()
    rate_per_s = 2.0
    timeout_s = 10.0
    ok_below = 400  # statuses below count as ok

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._http: HTTPClient | None = None
        self._base = ""

    def live(self, slot: Slot) -> None:
        """Run units until the slot ends; raises UsageError for a class, or a system, with which none can be sent."""
        self.require_sendable(self.generator.plan.endpoints)
        super().live(slot)

    def require_sendable(self, endpoints: Mapping[str, str]) -> None:
        """Raise UsageError where the user has no rate, nothing to draw from, or an endpoint that the system has not."""
        name = type(self).__name__
        if not self.operations and type(self).draw is PacedHttpUser.draw:
            raise UsageError(f"{name} has no operations", "it sends what `operations` lists",
                             'Give it operations = (Operation("list", "read", "GET", lambda _: "/"),)')  # fmt: skip
        if self.rate_per_s <= 0:
            raise UsageError(f"{name}: rate_per_s = {self.rate_per_s:g}", "must be above 0, requests a second")
        if self.endpoint not in endpoints:
            raise UsageError(f"{name} sends to the endpoint {self.endpoint!r}, which the system's file does not name",
                             f"its endpoints are {', '.join(sorted(endpoints)) or 'none'}",
                             f"Add it to [endpoints], or set {name}.endpoint")  # fmt: skip

    def unit(self, user: int, seq: int, due_ns: int) -> None:
        """Send the operation that the stream of (user, seq) draws."""
        self.send(self.draw(user, seq, due_ns), user=user, seq=seq, due_ns=due_ns)

    def never_begun(self, user: int, seq: int, due_ns: int) -> None:
        """Leave the row of the operation that (user, seq) would have sent: targets are judged by its tag."""
        self._row(self.draw(user, seq, due_ns).operation, user, seq, due_ns).close("unfinished")

    def arrive(self, arrival: Arrival, unit: Unit) -> str:
        """Send one operation over a connection of its own."""
        row = self.send(self.draw(arrival.user, 1, arrival.due_ns), user=arrival.user, seq=1, due_ns=arrival.due_ns)
        self._drop()
        unit.first_ns, unit.status = row.first_ns, row.status
        return row.outcome

    def draw(self, user: int, seq: int, due_ns: int) -> Request:
        """Return the request of (user, seq), due at `due_ns`: the same in every arm."""
        stream = self.stream(user, seq)
        return self.request_of(stream.choices(self.operations, [each.weight for each in self.operations])[0], stream)

    @staticmethod
    def request_of(operation: Operation, stream: random.Random) -> Request:
        """Return a request of an operation, its path and body drawn from `stream`."""
        body = json.dumps(operation.body(stream)).encode() if operation.body else b""
        return Request(operation, operation.path(stream), body)

    @property
    def client(self) -> HTTPClient:
        """The user's connection, opened at the first request."""
        if self._http is None:
            parts = urlsplit(self.generator.plan.endpoints[self.endpoint])
            self._base = parts.path.rstrip("/")
            self._http = HTTPClient(
                parts.hostname or "", parts.port, concurrency=1, ssl=parts.scheme == "https", headers=HEADERS,
                connection_timeout=self.timeout_s, network_timeout=self.timeout_s,
            )  # fmt: skip
        return self._http

    def send(self, request: Request, *, user: int, seq: int, due_ns: int) -> Unit:
        """Send one request and return its closed unit; failures are outcomes of the row, never raised."""
        operation = request.operation
        unit = self._row(operation, user, seq, due_ns)
        unit.bytes_up, unit.start_ns = len(request.body), time.monotonic_ns()
        try:
            client = self.client  # knows the endpoint's own path
            answer = client.request(operation.method, self._base + request.path, body=request.body)
            unit.first_ns, unit.status = time.monotonic_ns(), answer.status_code
            received = answer.read()
            unit.bytes_down = len(received)
            right = unit.status < self.ok_below or unit.status in operation.ok
            good = right and self.accept(operation.name, Response(unit.status, received))
            if operation.same_answer:
                unit.digest = zlib.crc32(received) or 1
            unit.close("ok" if good else "shed" if unit.status in (429, 503) else "error")
        except (TimeoutError, gevent.socket.timeout):
            self._drop()
            unit.close("timeout")
        except (OSError, HTTPParseError):
            self._drop()
            unit.close("error")
        return unit

    def _row(self, operation: Operation, user: int, seq: int, due_ns: int) -> Unit:
        return self.generator.units.begin(
            "request", operation.name, user=user, seq=seq, intended_ns=due_ns, tag=operation.tag
        )  # fmt: skip

    def accept(self, name: str, response: Response) -> bool:
        """Say whether a response is right; a fast wrong answer is an error."""
        return True

    def _drop(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None
