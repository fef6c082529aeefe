"""What is done to a database before the new version uses it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from slipway.ledger.entries.base import InheritableEntry, LedgerEntry, renamed
from slipway.ledger.entries.values import EntryPart, listed
from slipway.policy.release import EnvironmentName


class DatabaseEntry(InheritableEntry):
    """Base of what is done to an environment's database; production's is one for all regions.

    :param environment: ``staging`` or ``production``.
    """

    environment: EnvironmentName

    @property
    def is_inherited(self) -> bool:
        """Production's database is all regions'."""
        return self.environment == "production"


class DatabaseChecked(DatabaseEntry):
    """The database can be migrated now: nobody holds a table, and there is room on the disk.

    :param linted: whether squawk found nothing in the migrations.
    :param due: names of the migrations that are due.
    :param tables: tables that they touch.
    :param disk_bytes: size of the disk.
    :param used_bytes: what is used of it.
    :param required_bytes: what has to be free.
    """

    KEY: ClassVar[str] = "database_checked/{environment}"
    WRITER: ClassVar[str] = "CheckDatabaseOperator"

    linted: bool
    due: tuple[str, ...]
    tables: tuple[str, ...]
    disk_bytes: int
    used_bytes: int
    required_bytes: int

    @property
    def sentence(self) -> str:
        """The migrations that are due."""
        return f"Database of {self.environment} is ready to be migrated; due: {listed(self.due)}"

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Format 1 called ``required_bytes`` ``wanted_bytes``."""
        return renamed(super().upgrade(payload, written), {"wanted_bytes": "required_bytes"})


class SampledRange(EntryPart):
    """A part of a big table in which rows are counted, instead of in all of it.

    :param table: name of the table.
    :param key: its key.
    :param start: lowest key of the part.
    :param end: highest key of the part.
    """

    table: str
    key: str
    start: str
    end: str


class BackupCopy(EntryPart):
    """A copy of a database of the backup, in a bucket.

    :param uri: where it is.
    :param generation: of the object.
    :param size_bytes: its size.
    :param crc32c: its CRC32C, in base 64 as Cloud Storage gives it.
    :param read_back: whether it was read back and had that CRC32C.
    :param kept_until: until when nobody can delete or overwrite it.
    """

    uri: str
    generation: str
    size_bytes: int
    crc32c: str
    read_back: bool
    kept_until: datetime


class DatabaseBackedUp(DatabaseEntry):
    """The database is backed up before its migrations.

    :param instance: Cloud SQL instance.
    :param backup: id of the backup.
    :param ranges: ranges of big tables in which rows were counted.
    :param rows_before: rows by table, just before the backup.
    :param rows_after: rows by table, just after it.
    :param copies: its copies in a bucket, one of each database.
    :param without_copies: why there are none, where the policy goes on without them.
    """

    KEY: ClassVar[str] = "backed_up/{environment}"
    WRITER: ClassVar[str] = "BackUpDatabaseOperator"

    instance: str
    backup: str
    ranges: tuple[SampledRange, ...] = ()
    rows_before: Mapping[str, int]
    rows_after: Mapping[str, int]
    copies: tuple[BackupCopy, ...] = ()
    without_copies: str = ""

    @property
    def sentence(self) -> str:
        """The instance, the backup and its copies."""
        made = f"Backup {self.backup} of {self.instance} made ({self.environment})"
        if self.without_copies:
            return f"{made}, without a copy in the bucket: {self.without_copies}"
        return made + (
            f", copied to {listed(tuple(copy.uri for copy in self.copies))}" if self.copies else ""
        )


class CatalogTable(EntryPart):
    """A table in PostgreSQL's own words.

    :param columns: definition by column.
    :param indexes: definition by index.
    :param constraints: definition by constraint.
    """

    columns: Mapping[str, str]
    indexes: Mapping[str, str]
    constraints: Mapping[str, str]


class MigrationsRehearsed(DatabaseEntry):
    """The backup is restored beside staging, and the migrations are rehearsed on it.

    :param backup: id of the backup.
    :param instance: Cloud SQL instance that it was restored to.
    :param rows: rows by table after the restore.
    :param rehearsed: names of the migrations.
    :param seconds: how long the migrations took.
    :param catalog: by table, what the migrations left; None for what was recorded before it was kept.
    :param before: by table, what the backup had before them; None likewise.
    """

    KEY: ClassVar[str] = "rehearsed/{environment}"
    WRITER: ClassVar[str] = "RehearseMigrationsOperator"

    backup: str
    instance: str
    rows: Mapping[str, int]
    rehearsed: tuple[str, ...]
    seconds: float
    catalog: Mapping[str, CatalogTable] | None = None
    before: Mapping[str, CatalogTable] | None = None

    @property
    def sentence(self) -> str:
        """The migrations and how long they took."""
        return (
            f"Migrations rehearsed on backup {self.backup} ({self.environment}) in {self.seconds:.1f} s:"
            f" {listed(self.rehearsed)}"
        )


class SchemaMigrated(DatabaseEntry):
    """The migrations that are due are applied.

    :param applied: names of the migrations applied now.
    :param present: by migration in the database, the versions that run with it.
    :param held: by migration that waits, what it waits for.
    """

    KEY: ClassVar[str] = "migrated/{environment}"
    WRITER: ClassVar[str] = "MigrateSchemaOperator"

    applied: tuple[str, ...]
    present: Mapping[str, str] = {}
    held: Mapping[str, str] = {}

    @property
    def sentence(self) -> str:
        """What was applied and what is held back."""
        held = f"; held back: {listed(self.held)}" if self.held else ""
        return f"Schema of {self.environment} migrated: {listed(self.applied)}{held}"


class BackfillProgressed(LedgerEntry):
    """A backfill passed a quarter of its rows.

    :param environment: ``staging`` or ``production``.
    :param migration: name of the migration.
    :param percent: the quarter: 25, 50, 75 or 100.
    :param rows: rows filled.
    :param total: rows to fill.
    """

    KEY: ClassVar[str] = "backfill/{environment}/{migration}/{percent}"
    WRITER: ClassVar[str] = "MigrateSchemaOperator"

    environment: EnvironmentName
    migration: str
    percent: int
    rows: int
    total: int

    @property
    def sentence(self) -> str:
        """How far it has come."""
        return (
            f"Backfill of {self.migration} in {self.environment}: {self.percent} %"
            f" ({self.rows} of {self.total} rows)"
        )
