"""The rehearsal of migrations: a restored backup is compared with what was backed up, and migrated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from slipway.ledger.entries import CatalogTable, DatabaseBackedUp, MigrationsRehearsed
from slipway.release.schema import (
    identity_of,
    migrations_directory,
    names_in,
    require_same,
    sound_catalog,
)
from slipway.schema.contract import read_migrations

if TYPE_CHECKING:
    from slipway.ledger.ledger import Release
    from slipway.schema.catalog import Catalog
    from slipway.schema.plan import AppliedMigration


def rehearse(
    release: Release,
    backup: DatabaseBackedUp,
    *,
    due: Callable[[Sequence[AppliedMigration]], Sequence[str]],
) -> MigrationsRehearsed:
    """Migrate the restored backup of a release.

    :param release: the release of this run.
    :param backup: what was restored.
    :param due: names the migrations to apply to a schema that has some already.
    :return: the entry to put on record.
    :raises SchemaUnexpected: when what was restored, or what the migrations left, is not what is expected.
    :raises MigrationFailed: naming the migration and what the database said.
    """
    from slipway.hooks.postgres.migrations import SchemaHook
    from slipway.hooks.postgres.state import DatabaseStateHook, KeyRange

    rehearsal = release.policy.schema_rules.rehearsal
    ranges = [KeyRange(**found.model_dump()) for found in backup.ranges]
    restored = DatabaseStateHook(rehearsal.connection).row_counts(ranges)
    require_same(
        restored, backup.rows_before, backup.rows_after, tolerance_percent=rehearsal.row_tolerance_percent
    )
    before = DatabaseStateHook(rehearsal.connection).catalog()
    hook = SchemaHook(rehearsal.connection)
    names = due(hook.applied())
    began = time.monotonic()
    rehearsed = hook.migrate(
        migrations_directory(release.policy),
        pace=release.policy.schema_rules.pace,
        identity=identity_of(release.policy, backup.environment),
        only=names,
    )
    seconds = round(time.monotonic() - began, 3)
    named = names_in(read_migrations(migrations_directory(release.policy)))
    catalog = sound_catalog(rehearsal.connection, named)
    return MigrationsRehearsed(
        environment=backup.environment,
        backup=backup.backup,
        instance=rehearsal.instance,
        rows=restored,
        rehearsed=tuple(rehearsed),
        seconds=seconds,
        before=_recorded(before),
        catalog=_recorded(catalog),
    )


def _recorded(catalog: Catalog) -> dict[str, CatalogTable]:
    return {name: CatalogTable.model_validate(asdict(table)) for name, table in catalog.items()}
