"""A nightly job over all users: a query for each of them, or one query for all."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, timed_async
from perflab.experiments.state_database.laboratory import Laboratory

USERS, JOBS = 200, 3
ONE = "SELECT $1::bigint, count(*), max(id) FROM indexed WHERE session = $1"
ALL = """SELECT session, count(*), max(id) FROM indexed WHERE session = ANY($1::bigint[])
         GROUP BY session ORDER BY session"""


def per_user(lab: Laboratory) -> Contest:
    """Count and date the rows of the same users, one query each or one for all of them."""
    connection, asked, jobs = lab.connect(), min(USERS, lab.place.sessions), lab.operations(JOBS)

    async def each(users: list[int]) -> str:
        return _digest([await connection.fetchrow(ONE, user) for user in users])

    async def together(users: list[int]) -> str:
        return _digest(await connection.fetch(ALL, users))

    def work(job: Any) -> Any:
        def run(rng: np.random.Generator) -> Done:
            groups = [sorted(rng.choice(lab.place.sessions, asked, replace=False).tolist()) for _ in range(jobs)]
            return lab.run(timed_async(groups, job))

        return run

    listed = ",".join(str(user) for user in range(asked))
    return Contest(
        key="analytics", strategy="ST-STATE-09", title="a job over many users", pids=lab.postgres,
        condition=f"count and newest row of {asked} users of {lab.place.rows:,} rows",
        ways={"a query for each user": work(each), "one query for all": work(together)},
        plans={"a query for each user": lab.plan(ONE.replace("$1::bigint", "1").replace("$1", "1")),
               "one query for all": lab.plan(ALL.replace("$1::bigint[]", f"ARRAY[{listed}]::bigint[]"))
               .replace(listed, "...")},
        price="one long statement instead of many short ones: its memory, and old row versions kept while it runs",
        turns="a handful of users; a result larger than memory",
    )  # fmt: skip


def _digest(rows: list[Any]) -> str:
    return hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()
