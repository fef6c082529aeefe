"""The schema's part of a release: what is due, whose database it is, and whether it is as it should be."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.exceptions import DatabaseNotReady, SchemaUnexpected
from slipway.policy.release import EnvironmentName, Policy
from slipway.schema.catalog import Catalog, Table, changes, differences, invalid_indexes
from slipway.schema.contract import Migration, read_migrations
from slipway.schema.plan import AppliedMigration, SchemaPlan, plan_schema
from slipway.sql import SQL_DIRECTORY

if TYPE_CHECKING:
    from slipway.hooks.postgres.session import DatabaseIdentity
    from slipway.hooks.postgres.state import DatabaseStateHook
    from slipway.ledger.entries import CatalogTable, MigrationsRehearsed

RecordedCatalog = Mapping[str, Mapping[str, dict[str, str]]]


def migrations_directory(policy: Policy) -> Path:
    """Return the folder of a policy's migrations.

    :param policy: the policy.
    :return: the folder.
    """
    return SQL_DIRECTORY / policy.schema_rules.directory


def identity_of(policy: Policy, environment: EnvironmentName) -> DatabaseIdentity:
    """Say whose database an environment's connection has to lead to.

    :param policy: the policy.
    :param environment: ``staging`` or ``production``.
    :return: the identity.
    """
    from slipway.hooks.postgres.session import DatabaseIdentity

    return DatabaseIdentity(policy.name, environment, policy.schema_rules.base_tables)


def due_now(
    policy: Policy,
    applied: Sequence[AppliedMigration],
    *,
    new_version: str,
    stable: Mapping[str, str],
    promoted: Sequence[tuple[str, datetime]],
) -> SchemaPlan:
    """Plan what a release does to a schema, for the versions that serve and the one that is to serve.

    :param policy: the policy.
    :param applied: what the database has.
    :param new_version: the version that is released.
    :param stable: who serves in production, and its version.
    :param promoted: version and moment of every promoted release.
    :return: what is due, and what is held.
    :raises MigrationInvalid: when a file may not be applied as written.
    :raises MigrationChanged: when an applied migration no longer is what was applied.
    :raises SchemaContractBroken: when a version would meet a schema that it cannot run on.
    """
    return plan_schema(
        read_migrations(migrations_directory(policy)),
        applied,
        serving={**stable, "new version": new_version},
        promoted=promoted,
        now=datetime.now(UTC),
        window=timedelta(seconds=policy.schema_rules.rollback_window_seconds),
    )


def touched(tables: Sequence[str], migrations: Sequence[Migration]) -> list[str]:
    """Return the tables that migrations name.

    :param tables: the database's tables.
    :param migrations: the migrations.
    :return: names, sorted.
    """
    return sorted(names_in(migrations).intersection(tables))


def names_in(migrations: Sequence[Migration]) -> set[str]:
    """Return every word of migrations, which the names of what they change are among.

    :param migrations: the migrations.
    """
    return {word for migration in migrations for word in re.findall(r"\w+", migration.sql)}


def require_free(
    policy: Policy, environment: EnvironmentName, state: DatabaseStateHook, tables: Sequence[str]
) -> None:
    """Make sure that nobody holds a table for so long that a migration would give up.

    :param policy: says how long that is.
    :param environment: ``staging`` or ``production``.
    :param state: reads the environment's database.
    :param tables: what the migrations touch.
    :raises DatabaseNotReady: naming every session that does.
    """
    holders = state.long_transactions(tables, older_than_seconds=policy.schema_rules.long_transaction_seconds)
    if holders:
        raise DatabaseNotReady(
            f"database of {environment}: {'; '.join(map(str, holders))}; a migration would wait for "
            "it: let it end, or end it, then try again"
        )


def sound_catalog(connection: str, named: Collection[str] | None = None) -> Catalog:
    """Read a database's catalog after its migrations.

    :param connection: Airflow connection to the database.
    :param named: the indexes that must be valid; None for all.
    :return: its tables.
    :raises SchemaUnexpected: naming every index that is not valid.
    """
    from slipway.hooks.postgres.state import DatabaseStateHook

    catalog = DatabaseStateHook(connection).catalog()
    require_sound_catalog(catalog, named)
    return catalog


def require_sound_catalog(catalog: Catalog, named: Collection[str] | None = None) -> None:
    """Make sure that no migration left an index that is not valid.

    :param catalog: the catalog after the migrations.
    :param named: the indexes to look at; None for all.
    :raises SchemaUnexpected: naming every such index.
    """
    if found := invalid_indexes(catalog, named):
        raise SchemaUnexpected(
            f"a migration left an invalid index: {'; '.join(found)}; drop it, then try again"
        )


def recorded(catalog: Mapping[str, CatalogTable] | None) -> RecordedCatalog:
    """Return a catalog of the ledger as plain values.

    :param catalog: from a rehearsal's entry.
    """
    return {name: table.model_dump() for name, table in (catalog or {}).items()}


def require_migratable(
    policy: Policy,
    environment: EnvironmentName,
    due: Sequence[Migration],
    rehearsed: MigrationsRehearsed | None,
) -> list[str]:
    """Refuse, before production is migrated, what would fail the release after it.

    :param policy: the policy.
    :param environment: whose database is to be migrated.
    :param due: the migrations.
    :param rehearsed: their rehearsal; None where none is required.
    :return: what others changed since the backup, and no migration does.
    :raises DatabaseNotReady: naming every session that holds a table of the migrations for too long.
    :raises SchemaUnexpected: with everything that others changed and the migrations change too.
    """
    from slipway.hooks.postgres.state import DatabaseStateHook

    if rehearsed is None or not due:
        return []
    state = DatabaseStateHook(policy.database(environment).connection)
    catalog = state.catalog()
    require_free(policy, environment, state, touched(sorted(catalog), due))
    # A task that runs again has applied some: what differs from the backup is then its own work.
    if rehearsed.before is None or rehearsed.rehearsed != tuple(migration.name for migration in due):
        return []
    return require_unclaimed_catalog(recorded(rehearsed.before), recorded(rehearsed.catalog), catalog)


def require_unclaimed_catalog(
    before: RecordedCatalog, rehearsed: RecordedCatalog, catalog: Catalog
) -> list[str]:
    """Make sure, before production is migrated, that nobody else changed what its migrations change.

    :param before: the rehearsal's catalog before its migrations, which is that of the backup.
    :param rehearsed: the rehearsal's catalog after them.
    :param catalog: production's catalog before them.
    :return: what others changed since the backup, and no migration does.
    :raises SchemaUnexpected: with everything that others changed and the migrations change too.
    """
    was, ours = _tables(before), changes(_tables(before), _tables(rehearsed))
    others, claimed = differences(was, catalog), differences(was, catalog, ours)
    clashes = [f"table {name}: is there" for name in sorted((rehearsed.keys() - was.keys()) & catalog.keys())]
    # A half-built index of an earlier try is dropped and built anew.
    clashes += [line for line in claimed if " invalid'" not in line]
    if clashes:
        raise SchemaUnexpected(
            "production was changed since the backup where its migrations change it, and was not migrated: "
            f"{'; '.join(clashes)} (the rehearsal: as it was in the backup); undo that, or start a release "
            "that rehearses it"
        )
    return [line for line in others if line not in claimed]


def require_rehearsed_catalog(
    rehearsed: RecordedCatalog, catalog: Catalog, before: RecordedCatalog | None = None
) -> None:
    """Compare a catalog after its migrations with the one that their rehearsal left.

    :param rehearsed: the rehearsal's catalog, as the ledger has it.
    :param catalog: the catalog after the migrations.
    :param before: the rehearsal's catalog before its migrations: only what they changed is compared, because
        the rest is other people's. None to compare everything.
    :raises SchemaUnexpected: with everything that differs.
    """
    left = _tables(rehearsed)
    if found := differences(left, catalog, None if before is None else changes(_tables(before), left)):
        raise SchemaUnexpected(
            f"the migrations did not leave what they left in the rehearsal: {'; '.join(found)}; "
            "undo what was changed beside the release, or start a release that rehearses it"
        )


def _tables(recorded: RecordedCatalog) -> Catalog:
    return {name: Table(**parts) for name, parts in recorded.items()}


def require_same(
    restored: Mapping[str, int],
    before: Mapping[str, int],
    after: Mapping[str, int],
    *,
    tolerance_percent: float,
) -> None:
    """Compare a restored backup's rows with what the source had just before and just after the backup.

    :param restored: rows by table or range, in the restored backup.
    :param before: rows just before the backup.
    :param after: rows just after the backup.
    :param tolerance_percent: of a table's rows.
    :raises SchemaUnexpected: naming every table that is missing or has too few or too many rows.
    """
    wrong = []
    for table in sorted(before.keys() & after.keys()):
        counts = (before[table], after[table])
        slack = max(counts) * tolerance_percent / 100
        found = restored.get(table)
        if found is None:
            wrong.append(f"{table}: is missing")
        elif not min(counts) - slack <= found <= max(counts) + slack:
            wrong.append(f"{table}: {found} rows, expected {min(counts)} to {max(counts)}")
    if wrong:
        raise SchemaUnexpected(f"the restored backup is not what was backed up: {'; '.join(wrong)}")
