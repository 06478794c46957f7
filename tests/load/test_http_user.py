"""What a user of an HTTP service asks for and calls right, against a server in the same process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from perflab.load.plan import LoadPlan

# Locust changes the sockets of the process that imports it: in one of its own.
SCRIPT = """
import json, sys
from pathlib import Path
from locust.env import Environment
from gevent.pywsgi import WSGIServer
from perflab.load.generator import Generator, install
from perflab.load.http import Operation, PacedHttpUser
from perflab.load.measured import MeasuredUser, PacedUser, serves_arrivals
from perflab.load.plan import LoadPlan

asked = []

def application(environ, start_response):
    asked.append(environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else ""))
    start_response("404 Not Found" if "missing" in environ["PATH_INFO"] else "200 OK", [("Content-Length", "0")])
    return []

server = WSGIServer(("127.0.0.1", 0), application, log=None)
server.start()

class Buyer(PacedHttpUser):
    operations = (
        Operation("orders", "simple", "GET", lambda stream: "/orders?page=1"),
        Operation("missing", "simple", "GET", lambda stream: "/missing"),
        Operation("may be missing", "simple", "GET", lambda stream: "/missing", ok=(404,)),
    )

plan = LoadPlan(**json.loads(sys.argv[1]))
plan.endpoints["api"] = f"http://127.0.0.1:{server.server_port}{sys.argv[2]}"
install(Generator(plan, 0, 1, lambda: None))
user = Buyer(Environment(user_classes=[Buyer]))
outcomes = [
    user.send(user.request_of(each, user.stream(1, 1)), user=1, seq=i, due_ns=1).outcome
    for i, each in enumerate(Buyer.operations)
]
print(json.dumps([asked, outcomes, [serves_arrivals(each) for each in (Buyer, PacedUser, MeasuredUser)]]))
"""


@pytest.mark.parametrize(("path", "before"), [("", ""), ("/", ""), ("/api/v1", "/api/v1"), ("/api/v1/", "/api/v1")])
def test_the_path_of_the_endpoint_comes_first_and_each_operation_says_what_is_right(
    make_plan: Callable[..., LoadPlan], tmp_path: Path, path: str, before: str
) -> None:
    (out := tmp_path / "load").mkdir()
    plan = json.dumps(asdict(make_plan(out_dir=str(out))))
    done = subprocess.run([sys.executable, "-c", SCRIPT, plan, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    assert found[0] == [f"{before}/orders?page=1", f"{before}/missing", f"{before}/missing"]
    assert found[1] == ["ok", "error", "ok"]
    assert found[2] == [True, False, False]


REQUIRE = """
import json, sys
from locust.env import Environment
from perflab.errors import UsageError
from perflab.load.http import Operation, PacedHttpUser

class Buyer(PacedHttpUser):
    operations = (Operation("orders", "simple", "GET", lambda stream: "/orders"),)

class Idle(PacedHttpUser):
    pass

class Still(Buyer):
    rate_per_s = 0

class Replay(PacedHttpUser):  # draws its requests itself, and finds its endpoint when it is made
    def __init__(self, environment):
        super().__init__(environment)
        self.endpoint = "web"
    def draw(self, user, seq, due_ns):
        raise NotImplementedError

told = []
for user, endpoints in ((Buyer, {"api": "x"}), (Buyer, {"web": "x"}), (Idle, {"api": "x"}), (Still, {"api": "x"}),
                        (Replay, {"web": "x"})):
    try:
        user(Environment(user_classes=[user])).require_sendable(endpoints)
        told.append("")
    except UsageError as error:
        told.append(str(error))
print(json.dumps(told))
"""


def test_a_user_that_can_send_nothing_says_what_it_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", REQUIRE], capture_output=True, text=True, check=True)
    sound, endpoint, idle, still, replay = json.loads(done.stdout.splitlines()[-1])
    assert (
        sound == replay == ""
        and "Buyer sends to the endpoint 'api'" in endpoint
        and "its endpoints are web" in endpoint
    )
    assert "Idle has no operations" in idle and "Still: rate_per_s = 0" in still
