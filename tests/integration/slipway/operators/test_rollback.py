"""A rollback to a version that cannot run on the present schema: refused before traffic moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from slipway.exceptions import SchemaContractBroken
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.ledger.entries import ReleaseOpened, RollbackOverridden, RollbackRefused
from slipway.operators.reconcile import ReconcileReleaseOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.policy.release import load_policy
from slipway.release.rollback.refused import ALL_THE_SAME, LEAVE
from slipway.release.schema import identity_of
from slipway.triggers.bake import BakeTrigger

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings
from tests.fake_task_state import FakeTaskState, asking_task
from tests.integration.slipway.hooks.postgres.migrating import QUICK, write
from tests.integration.slipway.operators.steps import Steps

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("postgres_server")]

POLICY = load_policy("release.yaml")
CONNECTION = POLICY.database("production").connection
IDENTITY = identity_of(POLICY, "production")
VARIABLE = f"AIRFLOW_CONN_{CONNECTION.upper()}"
CONTRACT = "0001_drop_old"


@pytest.fixture
def uri(postgres_server: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Connection URI of production's database, which no release has migrated."""
    found = postgres.uri(postgres_server, "netra_production")
    monkeypatch.setenv(VARIABLE, found)
    with psycopg.connect(found, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        connection.execute("CREATE TABLE users (id int, old int)")
    return found


@pytest.fixture
def stranded(steps: Steps, uri: str, tmp_path: Path, asked: list[dict[str, Any]]) -> Steps:
    """A canary with its share of the traffic; somebody has taken away what only stable needs."""
    steps.open()
    assert steps.entry(ReleaseOpened).versions == {steps.product.web.address.service: "1.0.0"}
    steps.deploy()
    steps.shift()
    write(
        tmp_path,
        CONTRACT,
        "ALTER TABLE users DROP COLUMN old;",
        kind="contract",
        safe_since="1.1.0",
        runs_with=">=1.1.0",
    )
    (tmp_path / f"{CONTRACT}.rollback.sql").write_text("ALTER TABLE users ADD COLUMN old int;")
    SchemaHook(CONNECTION).migrate(tmp_path, pace=QUICK, identity=IDENTITY)
    steps.product.context.update(ti=asking_task(), task_state_store=FakeTaskState())
    return steps


def refuse(steps: Steps) -> None:
    """Try to roll back, and see that nothing moves."""
    before = steps.product.web.split()
    assert before["stable"] == 90
    with pytest.raises(TaskAwaitingInput):
        steps.roll_back()
    assert steps.product.web.split() == before


def answer(option: str, user: str | None = "jo", reason: str | None = None) -> dict[str, Any]:
    by = None if user is None else {"id": user, "name": user}
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    return {
        "chosen_options": [option],
        "responded_at": at,
        "responded_by_user": by,
        "params_input": {"reason": reason},
    }


def follow(steps: Steps, event: dict[str, Any]) -> Any:
    """Let the task go on with an answer."""
    operator = RollBackTrafficOperator(task_id="roll_back_traffic")
    operator.cloud_run = steps.product.web.hook
    return operator.on_answer(steps.product.context, event)


def test_it_is_refused_by_the_group_the_brake_and_reconcile_with_the_ways_forward(
    stranded: Steps, asked: list[dict[str, Any]]
) -> None:
    refuse(stranded)
    (question,) = asked
    assert question["defaults"] == [LEAVE]
    service = stranded.product.web.address.service
    for words in (f"rollback of {service} to version 1.0.0", "release a version", f"{CONTRACT}.rollback.sql"):
        assert words in question["body"]
    release = stranded.product.ledger.release(stranded.release_id)
    names = {"ledger_conn_id": "slipway_ledger", "gcp_conn_id": "google_cloud_default"}
    trigger = BakeTrigger(
        release_id=release.release_id,
        phase="canary",
        bake_round=1,
        started_at="2026-01-31T12:00:00+00:00",
        promql_conn_id="none",
        **names,
    )
    assert "cannot run on the present schema" in asyncio.run(trigger._brake(release))["error"]
    with pytest.raises(SchemaContractBroken, match=rf"{CONTRACT} runs with >=1.1.0"):
        stranded.run(ReconcileReleaseOperator(task_id="reconcile", verdict="verdict"))
    assert stranded.product.web.split()["stable"] == 90
    assert stranded.product.ledger.release(stranded.release_id).outcome is None, "its services stay held"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (answer(LEAVE), "jo answered 'Leave the traffic': no traffic was moved"),
        (answer(ALL_THE_SAME, reason="  "), "without a reason"),
        (answer(LEAVE, user=None), "nobody answered in time"),
    ],
)
def test_without_a_person_and_a_reason_the_traffic_stays_and_the_cleared_task_asks_again(
    stranded: Steps, asked: list[dict[str, Any]], event: dict[str, Any], words: str
) -> None:
    refuse(stranded)
    refuse(stranded)
    assert len(asked) == 1, "a try that died waits for the answer of its question"
    with pytest.raises(AirflowFailException, match=words):
        follow(stranded, event)
    refuse(stranded)
    assert len(asked) == 2


def test_a_person_can_override_it_and_the_reason_is_on_record(stranded: Steps) -> None:
    refuse(stranded)
    (undone,) = follow(stranded, answer(ALL_THE_SAME, reason="the new one loses data")).values()
    assert stranded.product.web.split()["stable"] == 100
    assert "on a schema that it cannot run on: jo: the new one loses data" in undone["note"]
    overridden = stranded.entry(RollbackOverridden)
    assert (overridden.user and overridden.user.name, overridden.reason) == (
        "jo",
        "jo: the new one loses data",
    )
    assert "cannot run on the present schema" in stranded.entry(RollbackRefused).reason


def test_once_the_contract_is_taken_back_the_traffic_goes_back(stranded: Steps, tmp_path: Path) -> None:
    refuse(stranded)
    assert SchemaHook(CONNECTION).undo(tmp_path, CONTRACT, pace=QUICK, identity=IDENTITY)
    undone = stranded.roll_back()
    assert "note" not in undone
    assert stranded.product.web.split()["stable"] == 100


def test_where_no_traffic_moves_nothing_is_refused(stranded: Steps) -> None:
    web = stranded.product.web
    web.hook.set_traffic(web.address, split={stranded.product.stable: 100}, timeout=30)
    assert stranded.roll_back()["changed"] is False


def test_a_database_that_gives_no_answer_does_not_keep_the_traffic(
    stranded: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://slipway:hunter2@127.0.0.1:1/nothing")
    undone = stranded.roll_back()
    assert "the schema could not be read: MigrationFailed" in undone["note"]
    assert "hunter2" not in undone["note"]
    assert stranded.product.web.split()["stable"] == 100
