"""The migrations of the ClickHouse schema: numbered files, applied once each, in order, recorded by checksum.

ClickHouse has no transactions: a migration that was cut short is run again, so every statement in one must be
harmless when repeated (``IF NOT EXISTS`` and the like).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slipway.kpi.errors import MigrationConflict
from slipway.sql import SQL_DIRECTORY, render, statement

MIGRATIONS = SQL_DIRECTORY / "clickhouse" / "migrations"


class Client(Protocol):
    """The part of a ClickHouse client that migrations need."""

    def command(self, cmd: str, parameters: Mapping[str, Any] | None = None) -> object:
        """Run a statement."""

    def query(self, query: str) -> Any:
        """Run a query; the result has ``result_rows``."""


@dataclass(frozen=True)
class ClickHouseMigration:
    """One file of the migrations folder.

    :param name: the file's name without its ending.
    :param template: the file.
    """

    name: str
    template: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the migration for a single server, in hex: the same on a cluster."""
        return hashlib.sha256(render(self.template).encode()).hexdigest()

    def statements(self, cluster: str | None = None) -> list[str]:
        """Return the statements; each ends with a semicolon at the end of a line.

        :param cluster: name of the cluster to define on; None for a single server.
        :return: the statements, in their order.
        """
        text = render(self.template, cluster=cluster)
        return [part for part in re.split(r";[ \t]*(?:\n|$)", text) if part.strip()]


def load(folder: Path = MIGRATIONS) -> list[ClickHouseMigration]:
    """Read the migrations in their order.

    :param folder: where they are.
    :return: the migrations.
    :raises FileNotFoundError: when the folder has none.
    """
    found = [ClickHouseMigration(path.stem, path.read_text()) for path in sorted(folder.glob("*.sql"))]
    if not found:
        raise FileNotFoundError(f"{folder}: no *.sql migrations")
    return found


def apply(
    client: Client, migrations: Sequence[ClickHouseMigration], *, cluster: str | None = None
) -> list[str]:
    """Apply what is not applied yet.

    :param client: a client of the database to migrate.
    :param migrations: all migrations, in their order.
    :param cluster: name of the cluster to define everything on; None for a single server.
    :return: the names applied now.
    :raises MigrationConflict: when an applied file was changed or removed afterwards.
    """
    client.command(statement("clickhouse/migration_table", cluster=cluster))
    recorded = {
        str(name): str(checksum)
        for name, checksum in client.query(statement("clickhouse/read_migrations")).result_rows
    }
    present = {migration.name: migration.checksum for migration in migrations}
    for name, checksum in recorded.items():
        if present.get(name) != checksum:
            raise MigrationConflict(
                f"ClickHouse migration {name} was applied with checksum {checksum[:12]}, and the file now "
                f"{'has ' + present[name][:12] if name in present else 'is gone'}: restore it, and put the "
                f"change into a new migration"
            )
    applied = []
    for migration in migrations:
        if migration.name in recorded:
            continue
        for text in migration.statements(cluster):
            client.command(text)
        client.command(
            statement("clickhouse/record_migration"),
            parameters={"name": migration.name, "checksum": migration.checksum},
        )
        applied.append(migration.name)
    return applied
