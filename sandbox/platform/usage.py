"""Writing every priced request into ``token_usage_tracking``, in batches and off the request's path."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from uuid import UUID

import psycopg
from prometheus_client import Counter

from sandbox.platform.database import Database

QUEUE_BOUND = 10_000
BATCH_ROWS = 500
FLUSH_SECONDS = 0.5
BACK_OFF_SECONDS = 2.0

# A batch whose answer got lost is written again: rows that are already there stay as they are.
INSERT = """
INSERT INTO token_usage_tracking
    (id, user_id, session_key, agent_name, tokens_used, cost_usd, optimization_applied, created_at,
     model, tokens_original, cost_original_usd, optimization_succeeded, revision)
SELECT * FROM unnest(
    %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::integer[], %s::numeric[], %s::boolean[],
    %s::timestamp[], %s::text[], %s::integer[], %s::numeric[], %s::boolean[], %s::text[])
ON CONFLICT (id) DO NOTHING
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One row of ``token_usage_tracking``, in the order of :data:`INSERT`; ``created_at`` is UTC, naive."""

    id: UUID
    user_id: UUID
    session_key: str
    agent_name: str
    tokens_used: int
    cost_usd: Decimal
    optimization_applied: bool
    created_at: datetime
    model: str
    tokens_original: int
    cost_original_usd: Decimal
    optimization_succeeded: bool | None
    revision: str


_values = attrgetter(*(field.name for field in fields(UsageRecord)))


class UsageWriter:
    """A bounded queue of records and the task that writes them.

    While the database cannot be reached the rows wait in the queue, up to its bound. Rows that the database
    refuses are lost; both are counted and logged.

    :param rows: counter with the label ``outcome``: ``written``, ``refused``, ``overflowed``, ``abandoned``.
    :param failures: counter of writes that failed.
    """

    def __init__(self, database: Database, rows: Counter, failures: Counter) -> None:
        self._database = database
        self._rows = rows
        self._failures = failures
        self._queue: deque[UsageRecord] = deque()
        self._lock = asyncio.Lock()

    def put(self, record: UsageRecord) -> None:
        """Queue a record; never waits."""
        if len(self._queue) >= QUEUE_BOUND:
            self._rows.labels("overflowed").inc()
            return
        self._queue.append(record)

    async def run(self) -> None:
        """Write what is queued, until cancelled."""
        pause = FLUSH_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = FLUSH_SECONDS if await self.flush() else BACK_OFF_SECONDS

    async def flush(self) -> bool:
        """Write all that is queued now; return whether none of it has to wait."""
        async with self._lock:
            left = len(self._queue)
            while left:
                batch = list(islice(self._queue, min(left, BATCH_ROWS)))
                outcome = await self._write(batch)
                if outcome is None:
                    return False
                # Only now: a write that is cancelled must leave its rows in the queue.
                for _ in batch:
                    self._queue.popleft()
                self._rows.labels(outcome).inc(len(batch))
                left -= len(batch)
        return True

    async def close(self, bound: float) -> None:
        """Flush, for at most ``bound`` seconds; what cannot be written is counted and logged."""
        try:
            async with asyncio.timeout(bound):
                await self.flush()
        except TimeoutError:
            _log.warning("the last usage rows were not written within %s s", bound)
        if self._queue:
            self._rows.labels("abandoned").inc(len(self._queue))
            _log.error("%d usage rows are lost: the database could not be reached", len(self._queue))

    async def _write(self, batch: list[UsageRecord]) -> str | None:
        """Write a batch; return what became of it, or None when it should be tried again later."""
        columns = [list(column) for column in zip(*map(_values, batch), strict=True)]
        try:
            async with self._database.connection() as connection:
                await connection.execute(INSERT, columns)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._failures.inc()
            _log.warning("%d usage rows wait: %s", len(self._queue), type(error).__name__)
            return None
        except psycopg.Error as error:
            self._failures.inc()
            _log.exception("the database refused %d usage rows (SQLSTATE %s)", len(batch), error.sqlstate)
            return "refused"
        return "written"
