"""The schema's part of a release: what is due, whose database it is, and whether it is as it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.exceptions import SchemaUnexpected
from slipway.policy.release import EnvironmentName, Policy
from slipway.schema.catalog import Catalog, Table, differences, invalid_indexes
from slipway.schema.contract import Migration, read_migrations
from slipway.schema.plan import AppliedMigration, SchemaPlan, plan_schema
from slipway.sql import SQL_DIRECTORY

if TYPE_CHECKING:
    from slipway.hooks.postgres.session import DatabaseIdentity

RecordedCatalog = Mapping[str, Mapping[str, dict[str, str]]]


def migrations_directory(policy: Policy) -> Path:
    """Return the folder of a policy's migrations.

    :param policy: the policy.
    :return: the folder.
    """
    return SQL_DIRECTORY / policy.migrations.directory


def identity_of(policy: Policy, environment: EnvironmentName) -> DatabaseIdentity:
    """Say whose database an environment's connection has to lead to.

    :param policy: the policy.
    :param environment: ``staging`` or ``production``.
    :return: the identity.
    """
    from slipway.hooks.postgres.session import DatabaseIdentity

    return DatabaseIdentity(policy.name, environment, policy.migrations.base_tables)


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
        window=timedelta(seconds=policy.migrations.rollback_window_seconds),
    )


def touched(tables: Sequence[str], migrations: Sequence[Migration]) -> list[str]:
    """Return the tables that migrations name.

    :param tables: the database's tables.
    :param migrations: the migrations.
    :return: names, sorted.
    """
    words = {word for migration in migrations for word in re.findall(r"\w+", migration.sql)}
    return sorted(words.intersection(tables))


def sound_catalog(connection: str) -> Catalog:
    """Read a database's catalog after its migrations.

    :param connection: Airflow connection to the database.
    :return: its tables.
    :raises SchemaUnexpected: naming every index that is not valid.
    """
    from slipway.hooks.postgres.state import DatabaseStateHook

    catalog = DatabaseStateHook(connection).catalog()
    require_sound_catalog(catalog)
    return catalog


def require_sound_catalog(catalog: Catalog) -> None:
    """Make sure that no migration left an index that is not valid.

    :param catalog: the catalog after the migrations.
    :raises SchemaUnexpected: naming every such index.
    """
    if found := invalid_indexes(catalog):
        raise SchemaUnexpected(
            f"a migration left an invalid index: {'; '.join(found)}; drop it, then try again"
        )


def require_rehearsed_catalog(rehearsed: RecordedCatalog, catalog: Catalog) -> None:
    """Compare a catalog after its migrations with the one that their rehearsal left.

    :param rehearsed: the rehearsal's catalog, as the ledger has it.
    :param catalog: the catalog after the migrations.
    :raises SchemaUnexpected: with everything that differs.
    """
    if found := differences({name: Table(**parts) for name, parts in rehearsed.items()}, catalog):
        raise SchemaUnexpected(
            f"the migrations did not leave what they left in the rehearsal: {'; '.join(found)}; "
            "undo what was changed beside the release, or start a release that rehearses it"
        )


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
