"""Numbers of voice sessions: none twice, and each one that every log and stand-in can hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from perflab.load.arrivals import ARRIVAL_NUMBERS_FROM
from perflab.standins.codegen.requests import caller_of
from perflab.standins.live.setup import parse_setup
from perflab.standins.live.world import ANONYMOUS_FIRST
from perflab.wire.rowlog import RowLog

FILE = Path(__file__).resolve().parents[2] / "data" / "systems" / "voice_gateway" / "voice_numbers.py"
HOURS = 10_000  # attempts at one in 5 s: more than half a day


def numbers() -> Any:
    spec = importlib.util.spec_from_file_location("voice_numbers", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_two_attempts_share_a_turn_and_no_two_users_a_session() -> None:
    numbered, users = numbers().numbered, (0, 1, 599, ARRIVAL_NUMBERS_FROM, 2 * ARRIVAL_NUMBERS_FROM - 1)
    given = [(user, *numbered(user, attempt)) for user in users for attempt in range(HOURS)]
    assert len({(number, turn) for _, number, turn in given}) == len(given)
    owners = {number: user for user, number, _ in given}
    assert all(owners[number] == user for user, number, _ in given)


def test_a_number_of_its_own_refuses_as_turn_one() -> None:
    module = numbers()
    assert [module.numbered(3, attempt) for attempt in (0, 1)] == [(3, 1), (2_000_003, 1)]
    last, turn = module.numbered(3, module.MOST_NUMBERS - 1)
    assert turn > 1 and module.numbered(3, HOURS)[0] == last


def test_every_number_fits_the_logs_and_the_stand_ins(tmp_path: Path) -> None:
    number, turn = numbers().numbered(2 * ARRIVAL_NUMBERS_FROM - 1, HOURS)
    assert number < ANONYMOUS_FIRST
    named = {"model": "m", "systemInstruction": {"parts": [{"text": f"session:{number} is yours"}]}}
    assert parse_setup(named).session == number
    assert caller_of({"X-Session-Id": str(number), "X-Turn-Id": "1"}) == (number, 1)
    with RowLog(tmp_path / "load.0.rows") as log:
        log.append("turn", "voice", user=number, seq=turn)
