"""The same answer by another query: one join instead of a query for each row, a place instead of a count of pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, timed_async
from perflab.experiments.state_database.laboratory import Laboratory

LISTS, SESSIONS_IN_LIST, PAGES, ROWS_ON_PAGE = 20, 20, 8, 20
ONE = "SELECT session, id, text FROM indexed WHERE session = $1 ORDER BY id DESC LIMIT 1"
MANY = """SELECT r.session, r.id, r.text FROM unnest($1::bigint[]) WITH ORDINALITY AS asked(session, place),
          LATERAL (SELECT * FROM indexed WHERE session = asked.session ORDER BY id DESC LIMIT 1) AS r ORDER BY place"""
OFFSET = "SELECT id, text FROM indexed ORDER BY id DESC OFFSET $1 LIMIT 20"
KEYSET = "SELECT id, text FROM indexed WHERE id < $1 ORDER BY id DESC LIMIT 20"


def one_query(lab: Laboratory) -> Contest:
    """Fetch the last row of twenty sessions: a query for each, or one for all."""
    connection = lab.connect()

    async def each(sessions: list[int]) -> list[Any]:
        return [await connection.fetchrow(ONE, session) for session in sessions]

    def lists(rng: np.random.Generator) -> list[list[int]]:
        found: list[list[int]] = rng.integers(lab.place.sessions, size=(LISTS, SESSIONS_IN_LIST)).tolist()
        return found

    return Contest(
        key="one-query", strategy="ST-STATE-02", title="one query instead of N + 1", pids=lab.postgres,
        condition=f"the last row of each of {SESSIONS_IN_LIST} sessions",
        ways={"a query for each row": lambda rng: lab.run(timed_async(lists(rng), each)),
              "one query": lambda rng: lab.run(timed_async(lists(rng), lambda asked: connection.fetch(MANY, asked)))},
        plans={"a query for each row": lab.plan(ONE.replace("$1", "1")),
               "one query": lab.plan(MANY.replace("$1::bigint[]", "ARRAY[1,2,3]::bigint[]"))},
        price="a query that is harder to read", turns="a list of one",
    )  # fmt: skip


def by_place(lab: Laboratory) -> Contest:
    """Fetch pages that lie deep in a list: counted from the beginning, or from the last row seen."""
    connection = lab.connect()

    def depths(rng: np.random.Generator) -> list[int]:
        pages = lab.operations(PAGES)
        found: list[int] = rng.integers(lab.place.rows // 10, lab.place.rows // 2, size=pages).tolist()
        return found

    def last_id(depth: int) -> int:
        return lab.place.rows - depth  # ids count from 0 without a gap: the row before the page

    return Contest(
        key="by-place", strategy="ST-STATE-02", title="paging by place", pids=lab.postgres,
        condition=f"pages of {ROWS_ON_PAGE} rows, a tenth to half of {lab.place.rows:,} rows deep",
        ways={"OFFSET": lambda rng: lab.run(timed_async(depths(rng), lambda d: connection.fetch(OFFSET, d))),
              "WHERE id <": lambda rng: lab.run(
                  timed_async(depths(rng), lambda d: connection.fetch(KEYSET, last_id(d))))},
        plans={"OFFSET": lab.plan(OFFSET.replace("$1", "90000")),
               "WHERE id <": lab.plan(KEYSET.replace("$1", "90000"))},
        price="no jump to page 37; the order must be unique", turns="the first pages of a short list",
    )  # fmt: skip
