"""Every comparison that is held on the databases by themselves, in the order in which a reader meets them."""

from __future__ import annotations

from collections.abc import Callable

from perflab.experiments.education.broadcast import to_many
from perflab.experiments.education.leaderboard import leaderboard, leaderboard_read
from perflab.experiments.education.locks import one_of_many
from perflab.experiments.state_database import (
    analytics,
    bulk,
    commits,
    index_price,
    job_queue,
    journals,
    partitions,
    precompute,
    rewrites,
    serialisers,
    sqlite_connections,
    sqlite_settings,
    statements,
    text_search,
)
from perflab.experiments.state_database.contest import Contest
from perflab.experiments.state_database.laboratory import Laboratory

QUESTIONS: tuple[Callable[[Laboratory], Contest], ...] = (
    index_price.index_read,
    index_price.index_write,
    statements.prepared,
    statements.prepared_in_sqlite,
    sqlite_connections.connections,
    rewrites.one_query,
    rewrites.by_place,
    sqlite_settings.settings,
    journals.beside_a_writer,
    bulk.in_sqlite,
    bulk.in_postgres,
    commits.asynchronous,
    job_queue.job_queue,
    partitions.day_read,
    partitions.day_removed,
    precompute.dashboard_read,
    precompute.dashboard_write,
    analytics.per_user,
    text_search.in_postgres,
    text_search.in_sqlite,
    serialisers.serialisers,
    leaderboard,
    leaderboard_read,
    one_of_many,
    to_many,
)
