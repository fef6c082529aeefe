"""What migrations left is compared with their rehearsal before anything else happens."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.exceptions import DatabaseNotReady, SchemaUnexpected
from slipway.hooks.postgres.state import DatabaseStateHook
from slipway.operators.database import MigrateSchemaOperator
from slipway.policy.release import load_policy
from slipway.schema.catalog import Table

USAGE = Table(columns={"id": "uuid not null"}, indexes={"usage_pkey": "unique btree (id)"})
RELEASE: Any = SimpleNamespace(release_id="r-1", policy=load_policy("release.yaml"))


def verify(
    environment: str, rehearsed: dict[str, Any] | None, found: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare a database with a rehearsal on record."""
    ledger = SimpleNamespace(entry=lambda release_id, key: rehearsed)
    monkeypatch.setattr(MigrateSchemaOperator, "ledger", ledger)
    monkeypatch.setattr(DatabaseStateHook, "catalog", lambda self: {"usage": found})
    MigrateSchemaOperator(task_id="migrate", environment=environment)._verify(RELEASE)


def test_production_must_have_what_the_rehearsal_left(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed = {"catalog": {"usage": asdict(USAGE)}}
    verify("production", rehearsed, USAGE, monkeypatch)
    with pytest.raises(SchemaUnexpected, match=r"usage\.indexes\.usage_pkey: is missing, the rehearsal has"):
        verify("production", rehearsed, Table(columns=USAGE.columns), monkeypatch)


@pytest.mark.parametrize("rehearsed", [None, {"rehearsed": []}])
def test_without_a_rehearsal_production_is_not_taken_for_sound(
    rehearsed: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseNotReady, match="no rehearsal is on record to compare production with"):
        verify("production", rehearsed, USAGE, monkeypatch)


def test_staging_is_not_rehearsed_but_has_no_invalid_index(monkeypatch: pytest.MonkeyPatch) -> None:
    verify("staging", None, USAGE, monkeypatch)
    with pytest.raises(SchemaUnexpected, match=r"usage\.indexes\.half: btree \(id\) invalid"):
        verify("staging", None, Table(indexes={"half": "btree (id) invalid"}), monkeypatch)
