"""Policy: how schema migrations run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slipway.policy.section import Percent, Seconds, Section


class Pace(Section):
    """How long a migration may block the application, and how often it is retried.

    A query for a table that a migration waits for queues behind the migration. So the lock timeout and the
    blocking time add up to the longest wait of a query.

    :param longest_query_wait_seconds: longest wait of an application's query for a migration.
    :param lock_timeout_seconds: longest wait for a lock that makes queries queue.
    :param blocking_seconds: longest run of a transaction that holds such a lock.
    :param statement_timeout_seconds: longest run of a statement that makes no query wait: an index built
        concurrently, a constraint validated.
    :param concurrent_wait_seconds: longest wait of such a statement for older transactions, and of one
        migration for another one.
    :param attempts: tries of one migration, in all.
    :param retry_wait_seconds: bound of the random wait before the second try, doubled for each further one,
        up to eight times as long.
    :param batch_rows: most rows of a backfill's batch; its size is adapted to ``batch_seconds``.
    :param batch_seconds: intended duration of a batch; its rows are locked for that long.
    :param batch_pause_seconds: pause between two batches.
    :param maximum_replica_lag_seconds: a backfill waits while a replica is further behind than this.
    """

    longest_query_wait_seconds: Seconds
    lock_timeout_seconds: Seconds
    blocking_seconds: Seconds
    statement_timeout_seconds: Seconds
    concurrent_wait_seconds: Seconds
    attempts: Annotated[int, Field(ge=1, le=100)]
    retry_wait_seconds: Seconds
    batch_rows: Annotated[int, Field(ge=1, le=1_000_000)]
    batch_seconds: Seconds
    batch_pause_seconds: Annotated[float, Field(ge=0, le=60)]
    maximum_replica_lag_seconds: Seconds

    @model_validator(mode="after")
    def _out_of_the_way(self) -> Pace:
        if self.standing_in_the_way_seconds > self.longest_query_wait_seconds:
            raise ValueError(
                f"lock_timeout_seconds + blocking_seconds = {self.standing_in_the_way_seconds:g}: must be at "
                f"most longest_query_wait_seconds={self.longest_query_wait_seconds:g}"
            )
        return self

    @property
    def standing_in_the_way_seconds(self) -> float:
        """Longest that a query can wait for a migration."""
        return self.lock_timeout_seconds + self.blocking_seconds


class Sampling(Section):
    """How a restored backup is compared with production, without reading all of production.

    :param counted_up_to_mib: a table up to this size is counted; of a bigger one, ranges of its primary key
        are, when that is a number or a UUID.
    :param ranges: about how many ranges of each such table, spread evenly over its keys, and one at the end.
    :param range_rows: rows of each range.
    """

    counted_up_to_mib: Annotated[int, Field(ge=0)] = 256
    ranges: Annotated[int, Field(ge=1, le=100)] = 20
    range_rows: Annotated[int, Field(ge=1, le=100_000)] = 1000


class Rehearsal(Section):
    """Where production's backup is restored and migrated before production is.

    :param instance: a Cloud SQL instance of staging's project that holds nothing else.
    :param connection: Airflow connection to its database.
    :param row_tolerance_percent: how far the number of rows of a table, or of a range, may differ from
        production's around the time of the backup.
    """

    instance: str
    connection: str
    sampling: Sampling = Sampling()
    row_tolerance_percent: Percent
    restore_timeout_seconds: Seconds


class BackupExport(Section):
    """A copy of the backup before the migrations, in a bucket: it outlives the instance.

    :param bucket: its name; the instance's service account must be able to write to it.
    :param folder: folder in it, below which each release has its own.
    :param keep_seconds: for how long nobody may delete or overwrite a copy; the bucket's retention policy
        must see to it.
    :param read_back_gib: a copy of at most so many GiB is read back and its CRC32C compared; of a larger one
        Cloud Storage's is on record.
    :param on_failure: ``refuse``: the release ends before anything of production is changed; ``warn``: it
        goes on with the backup alone, and the failure is on record.
    """

    bucket: str
    folder: str = "releases"
    keep_seconds: Seconds = 2_592_000
    read_back_gib: Annotated[float, Field(ge=0)] = 10
    on_failure: Literal["refuse", "warn"] = "refuse"


class Migrations(Section):
    """How schema migrations run.

    :param directory: folder of the migrations, below ``include/sql``.
    :param base_tables: tables that every environment's database has since before the first migration; a
        database without them is another one.
    :param services: the services that use the database: their versions must be able to run on the schema.
    :param assumed_version: version of a revision that no release created and whose image has no version tag.
    :param rollback_window_seconds: for how long after its promotion a release may still be rolled back;
        contract steps wait for it.
    :param long_transaction_seconds: a transaction this old on a table to be changed is reason not to begin.
    :param minimum_free_percent: least free part of the instance's disk.
    :param export: where copies of the backup go; None for nowhere.
    """

    directory: str
    base_tables: tuple[str, ...] = ()
    services: Annotated[Sequence[str], Field(min_length=1)]
    assumed_version: str
    rollback_window_seconds: Seconds
    long_transaction_seconds: Seconds
    minimum_free_percent: Percent
    pace: Pace
    rehearsal: Rehearsal
    export: BackupExport | None = None
