"""A backfill: many small transactions, each of which remembers how far it got."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg.errors import LockNotAvailable, QueryCanceled
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres.session import MigrationSession
from slipway.schema.backfill_pace import BatchSize, ReplicaLag
from slipway.schema.contract import Migration
from slipway.sql import statement

REPORT_SECONDS = 5.0
_LAG_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class BackfillProgress:
    """How far a backfill is.

    :param rows: rows that it has gone through, in all its runs.
    :param total: rows of the table, as the server estimates them.
    :param rows_per_second: in this run.
    :param lag_seconds: of the replica that is furthest behind; None when there is no replica.
    """

    migration: str
    rows: int
    total: int
    rows_per_second: float
    lag_seconds: float | None

    @property
    def percent(self) -> float:
        """How much is done, 0 to 100."""
        return 100.0 if self.rows >= self.total else 100.0 * self.rows / self.total

    def __str__(self) -> str:
        lag = (
            "no replica to wait for" if self.lag_seconds is None else f"replica lag {self.lag_seconds:.1f} s"
        )
        left = max(0, self.total - self.rows) / self.rows_per_second if self.rows_per_second else 0
        return (
            f"{self.migration}: {self.percent:.0f} %, {self.rows} of about {self.total} rows, "
            f"{self.rows_per_second:.0f} rows/s, about {left:.0f} s to go, {lag}"
        )


class Backfill:
    """Runs a backfill's statement over one range of keys after the other.

    :param session: the session that holds the lock.
    :param migration: the backfill.
    :param report: called with the progress every few seconds.
    """

    def __init__(
        self, session: MigrationSession, migration: Migration, report: Callable[[BackfillProgress], None]
    ) -> None:
        self._session = session
        self._migration = migration
        self._report = report
        self._size = BatchSize(most=session.pace.batch_rows, seconds=session.pace.batch_seconds)
        self._behind = ReplicaLag()
        self._waiting_since: float | None = None
        self._names = {"table": str(migration.table), "key": str(migration.key)}

    def run(self) -> None:
        """Go on where the last run stopped, to the key that was the highest when the first run began.

        Rows inserted after that are not gone through: every version that serves fills them itself, and they
        might come faster than a backfill goes.

        :raises MigrationFailed: when a replica stays too far behind; run again, it goes on from there.
        :raises psycopg.Error: when a batch does not go through in so many tries.
        """
        upto, rows, done = self._one("backfill_progress", name=self._migration.name) or (None, 0, False)
        last = None if done else self._last_key()
        total = int((self._one("estimated_rows", table=self._migration.table) or (0,))[0])
        began, first, reported = time.monotonic(), rows, 0.0
        while last is not None:
            if self._is_to_wait():
                time.sleep(_LAG_POLL_SECONDS)
            elif (batch := self._again(upto, last, rows)) is None:
                break
            else:
                upto, rows = batch
                time.sleep(self._session.pace.batch_pause_seconds)
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                self._report(self._progress(rows, total, (rows - first) / (reported - began), self._lag()))
        seconds = max(time.monotonic() - began, 1e-9)
        self._report(self._progress(rows, rows, (rows - first) / seconds, self._lag()))

    def _again(self, upto: str | None, last: str, rows: int) -> tuple[str, int] | None:
        """Do one batch, smaller at every try that found its rows locked, or took too long."""
        pace = self._session.pace
        for attempt in Retrying(
            retry=retry_if_exception_type((LockNotAvailable, QueryCanceled)),
            stop=stop_after_attempt(pace.attempts),
            wait=wait_random_exponential(multiplier=pace.retry_wait_seconds, max=8 * pace.retry_wait_seconds),
            before_sleep=lambda _: self._size.failed(),
            reraise=True,
        ):
            with attempt:
                return self._batch(upto, last, rows)
        return None

    def _batch(self, upto: str | None, last: str, rows: int) -> tuple[str, int] | None:
        began = time.monotonic()
        connection = self._session.connection
        with connection.transaction():
            found = self._next(upto, last)
            if found is None:
                return None
            end, number = found
            self._one("backfill_bounds", after=upto or "", upto=end)
            connection.execute(self._migration.sql.encode())
            self._do("backfill_advance", name=self._migration.name, upto=end, rows=rows + number)
        self._size.took(time.monotonic() - began)
        return end, rows + number

    def _last_key(self) -> str | None:
        """Return the key that the backfill ends at, noted by its first run; None for an empty table."""
        query = statement("postgres/schema/backfill_last_key", self._names)
        row = self._session.connection.execute(query, {"name": self._migration.name}).fetchone()
        return None if row is None else str(row[0])

    def _next(self, upto: str | None, last: str) -> tuple[str, int] | None:
        name = "backfill_first_batch" if upto is None else "backfill_next_batch"
        query = statement(f"postgres/schema/{name}", self._names)
        bounds = {"after": upto, "last": last, "rows": self._size.rows}
        row = self._session.connection.execute(query, bounds).fetchone()
        return None if row is None else (str(row[0]), int(row[1]))

    def _is_to_wait(self) -> bool:
        """Tell whether a replica is too far behind for another batch now."""
        pace, lag, now = self._session.pace, self._lag(), time.monotonic()
        if lag is None or lag <= pace.maximum_replica_lag_seconds:
            self._waiting_since = None
            return False
        self._waiting_since = self._waiting_since or now
        if now - self._waiting_since > pace.statement_timeout_seconds:
            raise MigrationFailed(
                f"migration {self._migration.name}: a replica has lagged more than "
                f"{pace.maximum_replica_lag_seconds:g} s for {pace.statement_timeout_seconds:g} s "
                f"(now {lag:.1f} s); run again when it has caught up, the backfill goes on where it is"
            )
        return True

    def _lag(self) -> float | None:
        replicas, seconds, written, replayed = self._one("replica_lag")
        if not replicas:
            return None
        if replayed is None:  # it is no replica that replays, or this user may not see
            return float(seconds)
        stuck = self._behind.seconds(time.monotonic(), written=written, replayed=replayed)
        return max(float(seconds), stuck)

    def _progress(self, rows: int, total: int, rate: float, lag: float | None) -> BackfillProgress:
        return BackfillProgress(self._migration.name, rows, max(total, rows), rate, lag)

    def _do(self, what: str, **parameters: Any) -> Any:
        return self._session.connection.execute(statement(f"postgres/schema/{what}"), parameters)

    def _one(self, what: str, **parameters: Any) -> Any:
        return self._do(what, **parameters).fetchone()
