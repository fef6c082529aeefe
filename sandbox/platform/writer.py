"""Writing rows into the product's tables, in batches and off the request's path."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, ClassVar, Protocol

import psycopg
from prometheus_client import Counter

from sandbox.platform.database import Database

QUEUE_BOUND = 10_000
BATCH_ROWS = 500
FLUSH_SECONDS = 0.5
BACK_OFF_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Record(Protocol):
    """A dataclass that is one row of a table.

    :cvar INSERT: writes many of them, given one array per field; a row that is there already stays as it is,
        because a batch whose answer got lost is written again.
    """

    INSERT: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


class RecordWriter:
    """A bounded queue of records and the task that writes them.

    While the database cannot be reached the rows wait in the queue, up to its bound. Rows that the database
    refuses are lost; both are counted and logged.

    :param database: the product's database.
    :param rows: counter with the label ``outcome``: ``written``, ``refused``, ``overflowed``, ``abandoned``.
    :param failures: counter of writes that failed.
    """

    def __init__(self, database: Database, rows: Counter, failures: Counter) -> None:
        self._database = database
        self._rows = rows
        self._failures = failures
        self._queue: deque[Record] = deque()
        self._lock = asyncio.Lock()

    def put(self, record: Record) -> None:
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
                outcomes = await self._write(batch)
                if outcomes is None:
                    return False
                # Only now: a write that is cancelled must leave its rows in the queue.
                for _ in batch:
                    self._queue.popleft()
                for outcome, count in outcomes:
                    self._rows.labels(outcome).inc(count)
                left -= len(batch)
        return True

    async def close(self, bound: float) -> None:
        """Flush, for at most ``bound`` seconds; what cannot be written is counted and logged."""
        try:
            async with asyncio.timeout(bound):
                await self.flush()
        except TimeoutError:
            _log.warning("the last rows were not written within %s s", bound)
        if self._queue:
            self._rows.labels("abandoned").inc(len(self._queue))
            _log.error("%d rows are lost: the database could not be reached", len(self._queue))

    async def _write(self, batch: Sequence[Record]) -> list[tuple[str, int]] | None:
        """Write a batch, table by table.

        :return: outcome and number of rows per table, or None when all of it should be tried again later.
        """
        kinds: dict[type[Record], list[Record]] = defaultdict(list)
        for record in batch:
            kinds[type(record)].append(record)
        outcomes = []
        for kind, records in kinds.items():
            outcome = await self._write_kind(kind, records)
            if outcome is None:
                return None
            outcomes.append((outcome, len(records)))
        return outcomes

    async def _write_kind(self, kind: type[Record], records: Sequence[Record]) -> str | None:
        values = attrgetter(*(field.name for field in fields(kind)))
        columns = [list(column) for column in zip(*map(values, records), strict=True)]
        try:
            async with self._database.connection() as connection:
                await connection.execute(kind.INSERT.encode(), columns)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._failures.inc()
            _log.warning("%d rows wait: %s", len(self._queue), type(error).__name__)
            return None
        except psycopg.Error as error:
            self._failures.inc()
            _log.exception(
                "the database refused %d rows of %s (SQLSTATE %s)",
                len(records),
                kind.__name__,
                error.sqlstate,
            )
            return "refused"
        return "written"
