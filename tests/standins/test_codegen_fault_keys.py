"""What the code generator does with a request: faults by the request, not by who came first; times of its own only."""

import asyncio

import orjson
import pytest

from perflab.standins.codegen.service import CodegenService
from perflab.standins.faults import CODEGEN_FAULTS, FaultPlan, parse_faults
from perflab.wire.marks import now_ns
from perflab.wire.rowlog import RowLog

from .virtual import read_rows


def statuses(folder, wanted):
    """Return the statuses of requests (session, turn, prompt), in the order given, by request."""
    with RowLog(folder / "codegen.rows") as log:
        faults = FaultPlan(parse_faults("rest_503%0.4", CODEGEN_FAULTS), 7)
        service = CodegenService("const-0", 7, log, faults)

        async def ask(session, turn, prompt):
            async def read():
                return orjson.dumps({"prompt": prompt})

            headers = {"X-Session-Id": str(session), "X-Turn-Id": str(turn)} if session else {}
            return (await service.answer("POST", "/v1/generate", headers, read)).status

        async def ask_all():
            found = {}
            for request in wanted:
                found.setdefault(request, []).append(await ask(*request))
            return found

        return asyncio.run(ask_all())


@pytest.mark.parametrize("named", [True, False], ids=["by turn", "by prompt"])
def test_a_request_meets_its_fault_in_whichever_order_requests_come(tmp_path, named):
    wanted = [(session if named else 0, 1, f"a parser {session}") for session in range(1, 41)]
    forth, back = (statuses(tmp_path, order) for order in (wanted, wanted[::-1]))
    assert forth == back
    struck = sum(codes == [503] for codes in forth.values())
    assert 5 <= struck <= 30


def test_another_attempt_draws_again(tmp_path):
    codes = statuses(tmp_path, [(3, 1, "a parser")] * 40)[3, 1, "a parser"]
    assert set(codes) == {200, 503}


@pytest.mark.parametrize("faults", ["", "stall%1:30", "stall%1:30,rest_503%1"])
def test_a_row_tells_what_the_service_took_and_meant_to_take(tmp_path, faults):
    """A sender that is behind sends its body late: the request is here, and thought about, when all of it is."""
    whole = []
    with RowLog(tmp_path / "codegen.rows") as log:
        service = CodegenService("const-20", 7, log, FaultPlan(parse_faults(faults, CODEGEN_FAULTS), 7))

        async def read():
            await asyncio.sleep(0.05)
            whole.append(now_ns())
            return orjson.dumps({"prompt": "a parser"})

        asyncio.run(service.answer("POST", "/v1/generate", {}, read))
    (row,) = read_rows(tmp_path / "codegen.rows")
    meant_ms = {"": 20, "stall%1:30": 50}.get(faults, 30)  # a refusal is not thought about
    assert row["mark0_ns"] >= whole[0] and row["mark2_ns"] == meant_ms * 1_000_000
    assert row["mark1_ns"] - row["mark0_ns"] >= row["mark2_ns"] - 1_000_000
