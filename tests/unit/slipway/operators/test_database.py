"""What migrations left is compared with their rehearsal before anything else happens."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.exceptions import DatabaseNotReady, ReleaseConflict, SchemaUnexpected
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.state import DatabaseStateHook
from slipway.ledger.entries import CatalogTable, MigrationsRehearsed, RollbackOrdered
from slipway.operators.database import MigrateSchemaOperator
from slipway.policy.release import EnvironmentName, load_policy
from slipway.schema.catalog import Table
from slipway.schema.plan import SchemaPlan

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

USAGE = Table(columns={"id": "uuid not null"}, indexes={"usage_pkey": "unique btree (id)"})
RELEASE: Any = SimpleNamespace(release_id="r-1", policy=load_policy("release.yaml"))


def rehearsal(catalog: dict[str, CatalogTable] | None) -> MigrationsRehearsed:
    """A rehearsal on record, with what its migrations left."""
    return MigrationsRehearsed(
        environment="production", backup="1", instance="i", rows={}, rehearsed=(), seconds=1, catalog=catalog
    )


def verify(
    environment: EnvironmentName, ledger: FakeLedger, found: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare a database with a rehearsal on record."""
    monkeypatch.setattr(DatabaseStateHook, "catalog", lambda self: {"usage": found})
    task = MigrateSchemaOperator(task_id="migrate", environment=environment)
    task.__dict__["ledger"] = ledger
    task._verify(RELEASE)


def test_production_must_have_what_the_rehearsal_left(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed = FakeLedger(rehearsal({"usage": CatalogTable.model_validate(asdict(USAGE))}), release_id="r-1")
    verify("production", rehearsed, USAGE, monkeypatch)
    with pytest.raises(SchemaUnexpected, match=r"usage\.indexes\.usage_pkey: is missing, the rehearsal has"):
        verify("production", rehearsed, Table(columns=USAGE.columns), monkeypatch)


@pytest.mark.parametrize("recorded", [[], [rehearsal(None)]])
def test_without_a_rehearsal_production_is_not_taken_for_sound(
    recorded: list[MigrationsRehearsed], monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsed = FakeLedger(*recorded, release_id="r-1")
    with pytest.raises(DatabaseNotReady, match="no rehearsal is on record to compare production with"):
        verify("production", rehearsed, USAGE, monkeypatch)


def test_the_rollback_of_a_release_stops_its_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    applied = []

    def migrate(*_: Any, require: Any, **__: Any) -> list[str]:
        for name in ("0001", "0002"):
            require()
            applied.append(name)
            order = RollbackOrdered(tier="traffic", actor="ada", reason="wrong", source="DAG rollback")
            ledger.append(release.release_id, order)
        return applied

    monkeypatch.setattr(SchemaHook, "applied", lambda *_: [])
    monkeypatch.setattr(SchemaHook, "migrate", migrate)
    monkeypatch.setattr("slipway.operators.database.require_migratable", lambda *_: [])
    task = MigrateSchemaOperator(task_id="migrate", environment="production")
    task.__dict__["ledger"] = ledger
    monkeypatch.setattr(task, "due", lambda *_: SchemaPlan((), {}))
    monkeypatch.setattr(task, "release", lambda _: ledger.release(release.release_id))
    context: Any = {}
    with pytest.raises(ReleaseConflict, match="is being rolled back; it changes nothing any more"):
        task.execute(context)
    assert applied == ["0001"]


def test_staging_is_not_rehearsed_but_has_no_invalid_index(monkeypatch: pytest.MonkeyPatch) -> None:
    verify("staging", FakeLedger(), USAGE, monkeypatch)
    with pytest.raises(SchemaUnexpected, match=r"usage\.indexes\.half: btree \(id\) invalid"):
        verify("staging", FakeLedger(), Table(indexes={"half": "btree (id) invalid"}), monkeypatch)
