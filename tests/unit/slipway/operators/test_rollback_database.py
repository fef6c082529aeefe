"""Migrations are undone after a person's word for this very order, and only then."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from slipway.exceptions import SchemaContractBroken
from slipway.ledger.entries import DatabaseRollbackConfirmed, DatabaseRolledBack, DataKept, Person
from slipway.operators import rollback_database
from slipway.operators.rollback_database import RollBackDatabaseOperator
from slipway.release import asking
from slipway.release.rollback.confirming import LEAVE_SCHEMA, UNDO
from slipway.release.rollback.database import BackwardStep

from tests.fake_ledger import FakeLedger
from tests.fake_task_state import FakeTaskState, asking_task
from tests.unit.slipway.on_record import opened

STEPS = [BackwardStep("0003", "DROP TABLE b;"), BackwardStep("0002", "DROP TABLE a;")]


class Order:
    """Orders for a release with two migrations, and what becomes of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = FakeLedger()
        self.release = opened(self.ledger)
        self.left = list(STEPS)
        self.lost = {"table a": 3}
        self.unsafe: str | None = None
        self.asked: list[dict[str, Any]] = []
        self.messages: list[str] = []
        monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: self.asked.append(question))
        monkeypatch.setattr("slipway.notifiers.team.notify_team", lambda *a: self.messages.append(a[2]))
        monkeypatch.setattr(rollback_database, "remaining_steps", lambda *_: tuple(self.left))
        monkeypatch.setattr(rollback_database, "losses", lambda *_: dict(self.lost))
        monkeypatch.setattr(rollback_database, "require_safe_now", self._require_safe)
        monkeypatch.setattr(rollback_database, "undo", lambda *_: self.left.clear())
        monkeypatch.setattr(rollback_database, "sound_catalog", lambda _: {})
        self.order("first", "17")

    def _require_safe(self, *_: Any) -> None:
        if self.unsafe is not None:
            raise SchemaContractBroken(self.unsafe)

    def order(self, run: str, backup: str, tier: str = "database") -> None:
        """Order it, up to the backup of what was written."""
        number = 1 + len(list(self.ledger.entries(self.release.release_id).of_kind(DataKept)))
        kept = DataKept(run=run, instance="main", backup=backup, round=number)
        self.ledger.append(self.release.release_id, kept)
        self.context: Any = {
            "params": {"tier": tier, "release": self.release.release_id},
            "dag_run": SimpleNamespace(run_id=run),
            "ti": asking_task(),
            "task_state_store": FakeTaskState(),
        }

    def run(self, answer: str | None = None, *, user: str | None = "jo") -> Any:
        task = RollBackDatabaseOperator(task_id="undo_migrations")
        task.__dict__ |= {"ledger": self.ledger, "cloud_run": None}
        if answer is None:
            return task.execute(self.context)
        event = {
            "chosen_options": [answer],
            "responded_at": datetime.now(UTC),
            "responded_by_user": None if user is None else {"id": user, "name": user},
            "params_input": {},
        }
        return task.on_answer(self.context, event)

    def confirmations(self) -> list[DatabaseRollbackConfirmed]:
        return list(self.ledger.entries(self.release.release_id).of_kind(DatabaseRollbackConfirmed))


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Order:
    return Order(monkeypatch)


def test_the_person_sees_statements_loss_and_backup_and_is_on_record(orders: Order) -> None:
    with pytest.raises(TaskAwaitingInput):
        orders.run()
    (question,) = orders.asked
    for words in ("DROP TABLE b;", "- table a: 3 rows", "Backup 17 of main"):
        assert words in question["body"]
    assert question["defaults"] == [LEAVE_SCHEMA]
    assert orders.messages == ["database_rollback"]
    assert orders.run(UNDO) == ["0003", "0002"]
    assert orders.left == []
    (confirmed,) = orders.confirmations()
    assert (confirmed.user.name, confirmed.lost, confirmed.backup) == ("jo", {"table a": 3}, "17")
    done = orders.ledger.get(orders.release.release_id, DatabaseRolledBack)
    assert done is not None
    assert done.undone == ("0003", "0002")
    assert orders.messages == ["database_rollback", "database_rolled_back"]


@pytest.mark.parametrize(("answer", "user"), [(LEAVE_SCHEMA, "jo"), (UNDO, None)])
def test_anything_but_a_persons_yes_leaves_the_schema(orders: Order, answer: str, user: str | None) -> None:
    with pytest.raises(AirflowFailException, match="the schema stays as it is; the traffic is back"):
        orders.run(answer, user=user)
    assert (orders.left, orders.confirmations()) == (STEPS, [])


def test_what_became_unsafe_since_leaves_the_schema(orders: Order) -> None:
    orders.unsafe = "release v9 is open"
    for answer in (None, UNDO):
        with pytest.raises(AirflowFailException, match="The schema stays as it is: release v9 is open"):
            orders.run(answer)
    assert orders.left == STEPS


def test_a_confirmation_holds_for_its_order_alone(orders: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rollback_database, "undo", killed)
        with pytest.raises(KeyboardInterrupt):
            orders.run(UNDO)
    first = orders.context
    orders.order("second", "18")
    orders.lost = {"table a": 5000}
    with pytest.raises(TaskAwaitingInput):
        orders.run()
    assert "5000 rows" in orders.asked[-1]["body"]
    orders.context = first
    assert orders.run() == ["0003", "0002"], "the killed task of the first order goes on unasked"
    assert [found.round for found in orders.confirmations()] == [1]


def test_a_later_order_puts_on_record_what_a_killed_one_had_undone(orders: Order) -> None:
    orders.ledger.append(
        orders.release.release_id,
        DatabaseRollbackConfirmed(migrations=("0003", "0002"), backup="17", user=Person(id="jo", name="jo")),
    )
    orders.left.clear()
    orders.order("second", "18")
    assert orders.run() == ["0003", "0002"]
    assert orders.asked == []
    assert orders.ledger.get(orders.release.release_id, DatabaseRolledBack) is not None


def test_the_tier_restore_leaves_the_schema_that_serves(orders: Order) -> None:
    orders.order("third", "19", tier="restore")
    with pytest.raises(AirflowSkipException, match="the schema that serves stays"):
        orders.run()
