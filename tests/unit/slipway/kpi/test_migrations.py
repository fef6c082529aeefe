"""The migration runner, on a client that keeps what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.kpi import migrations
from slipway.kpi.errors import MigrationConflict
from slipway.kpi.migrations import ClickHouseMigration


class Recorder:
    """Records statements, and the migrations that are recorded in the migration table."""

    def __init__(self, fail_at: str = "") -> None:
        self.statements: list[str] = []
        self.table: dict[str, str] = {}
        self.fail_at = fail_at

    def command(self, cmd: str, parameters: Mapping[str, Any] | None = None) -> None:
        if self.fail_at and self.fail_at in cmd:
            raise RuntimeError(self.fail_at)
        if parameters:
            self.table[parameters["name"]] = parameters["checksum"]
        elif "schema_migration" not in cmd:
            self.statements.append(cmd.strip())

    def query(self, query: str) -> Any:
        assert "schema_migration" in query
        return SimpleNamespace(result_rows=list(self.table.items()))


ONE = ClickHouseMigration(
    "0001_one", "CREATE TABLE IF NOT EXISTS a (n Int8) ENGINE = Memory;\n\n-- note; here\nSELECT 1;\n"
)
TWO = ClickHouseMigration("0002_two", "SELECT 2;\n")


def test_each_is_applied_once_in_order() -> None:
    client = Recorder()
    assert migrations.apply(client, [ONE]) == ["0001_one"]
    assert migrations.apply(client, [ONE, TWO]) == ["0002_two"]
    assert migrations.apply(client, [ONE, TWO]) == []
    assert client.statements == [
        "CREATE TABLE IF NOT EXISTS a (n Int8) ENGINE = Memory",
        "-- note; here\nSELECT 1",
        "SELECT 2",
    ]


def test_one_that_failed_is_run_again() -> None:
    client = Recorder(fail_at="SELECT 2")
    with pytest.raises(RuntimeError):
        migrations.apply(client, [ONE, TWO])
    assert list(client.table) == ["0001_one"]
    client.fail_at = ""
    assert migrations.apply(client, [ONE, TWO]) == ["0002_two"]


def test_an_applied_file_must_stay_as_it_was() -> None:
    client = Recorder()
    migrations.apply(client, [ONE, TWO])
    with pytest.raises(MigrationConflict, match=r"0001_one .* put the change into a new migration"):
        migrations.apply(client, [ClickHouseMigration("0001_one", "SELECT 3;"), TWO])
    with pytest.raises(MigrationConflict, match="is gone"):
        migrations.apply(client, [TWO])


def test_the_repository_has_numbered_migrations_that_can_be_repeated() -> None:
    loaded = migrations.load()
    numbers = [int(migration.name[:4]) for migration in loaded]
    assert numbers == sorted(set(numbers))
    for migration in loaded:
        for statement in migration.statements:
            assert "IF NOT EXISTS" in statement or "IF EXISTS" in statement, migration.name
