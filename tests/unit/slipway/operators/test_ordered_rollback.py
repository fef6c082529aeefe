"""A person's order: refused, shown as a plan, found done, or put on record before anything moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.exceptions import RequestRefused, SchemaContractBroken
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.ledger.entries import (
    BackupRestored,
    ConfigurationWritten,
    DatabaseBackedUp,
    DatabaseSwitched,
    FlagsRolledBack,
    RollbackOrdered,
    SplitChange,
    TrafficRestored,
)
from slipway.ledger.timeline import is_being_undone, rollback_reason
from slipway.operators import ordered_rollback
from slipway.operators.ordered_rollback import OrderRollbackOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.release.rollback import database
from slipway.release.rollback.database import BackwardStep
from slipway.release.rollback.traffic import RollbackStep, restored_entry

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened, using

WEB = "netra-backend-prod"
OLD, NEW = {"old": 100}, {"new": 100}


class Services:
    """What the one service serves, and what follows the order."""

    def __init__(self) -> None:
        self.serving = dict(NEW)
        self.left: SplitChange | None = None
        self.branches: list[Any] = []
        self.backward: tuple[BackwardStep, ...] = ()


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    state = Services()

    def steps(*_: Any) -> dict[str, RollbackStep]:
        address = ServiceAddress("p", "us-central1", WEB)
        return {WEB: RollbackStep(address, "new", OLD, state.serving, state.left)}

    monkeypatch.setattr(ordered_rollback, "rollback_steps", steps)
    monkeypatch.setattr(ordered_rollback, "require_readable_targets", lambda *_: {})
    monkeypatch.setattr(ordered_rollback, "switches_of_tier", lambda *_: ())
    monkeypatch.setattr(database, "require_earlier_version", lambda *_: None)
    monkeypatch.setattr(database, "backward_steps", lambda *_: state.backward)
    monkeypatch.setattr(
        OrderRollbackOperator, "do_branch", lambda _, __, branches: state.branches.append(branches)
    )
    return state


def order(ledger: FakeLedger, release: str | None = None, *, user: str | None = "jo", **params: Any) -> None:
    """Run the task with a form filled in, by a person or by another DAG."""
    named = release or next(iter(ledger.opened))
    form = {"release": named, "tier": "traffic", "reason": "wrong prices", "plan_only": False} | params
    run_type = "manual" if user else "operator_triggered"
    run: Any = SimpleNamespace(run_id="rollback-run", conf={}, triggering_user_name=user, run_type=run_type)
    context: Any = {"params": form, "dag_run": run}
    using(OrderRollbackOperator(task_id="order_rollback"), ledger).execute(context)


def on_record(ledger: FakeLedger) -> list[str]:
    return [entry.key for entry in ledger.entries(next(iter(ledger.opened)))]


def test_the_order_is_on_record_and_stops_the_releases_own_run(services: Services) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    order(ledger)
    assert services.branches == [[]], "all that is downstream"
    entry = ledger.get(release, RollbackOrdered, tier="traffic")
    assert entry is not None
    assert (entry.actor, entry.reason, entry.source, entry.task) == (
        "jo",
        "wrong prices",
        "DAG rollback",
        "order_rollback",
    )
    record = ledger.entries(release)
    assert is_being_undone(record)
    assert rollback_reason(record) == "ordered by jo: wrong prices"
    order(ledger)
    assert on_record(ledger) == ["opened", "rollback_ordered/traffic"], "another try writes nothing"


def test_what_the_watchdog_orders_has_its_name(services: Services) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    order(ledger, user=None)
    entry = ledger.get(release, RollbackOrdered, tier="traffic")
    assert entry is not None
    assert entry.actor == "release_watchdog"


def test_a_plan_changes_nothing_and_names_what_a_person_must_decide(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise SchemaContractBroken("1.1.0 cannot run on the schema")

    monkeypatch.setattr(ordered_rollback, "require_readable_targets", broken)
    ledger = FakeLedger()
    opened(ledger)
    order(ledger, plan_only=True)
    assert services.branches == [None]
    assert on_record(ledger) == ["opened"]


def test_a_release_that_is_rolled_back_already_is_green_and_left_alone(services: Services) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    ledger.close(release, outcome="rolled_back", reason="5 % errors")
    services.serving = dict(OLD)
    order(ledger)
    assert services.branches == [None]
    assert on_record(ledger) == ["opened", "closed"]


@pytest.mark.parametrize("why", ["traffic", "flags"])
def test_a_rolled_back_release_of_which_something_is_left_is_rolled_back_further(
    services: Services, why: str
) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    if why == "flags":
        services.serving = dict(OLD)
        ledger.append(release, ConfigurationWritten(environment="production", versions={"flags": 1}))
    ledger.close(release, outcome="rolled_back", reason="5 % errors")
    order(ledger)
    assert services.branches == [[]]
    if why == "flags":
        ledger.append(release, FlagsRolledBack(environment="production", versions={"flags": 2}))
        order(ledger)
        assert services.branches == [[], None]


def promoted_long_ago(ledger: FakeLedger) -> None:
    release = next(iter(ledger.opened.values()))
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    found = ledger.opened[release.release_id]
    assert found.closed_at is not None
    ledger.opened[release.release_id] = replace(found, closed_at=found.closed_at - timedelta(days=15))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"release": "v9-9-9-abcdef"}, "release='v9-9-9-abcdef': no release with this id is on record"),
        ({"reason": " "}, "reason=' ': say in a few words why"),
        ({"tier": "everything"}, "tier='everything': must be one of traffic, database, restore, full"),
        ({"tier": "restore"}, "has made no backup of production's database; choose the tier traffic"),
        ({}, "its rollback window of 14 days ended on"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_moves(
    services: Services, params: dict[str, Any], words: str
) -> None:
    ledger = FakeLedger()
    opened(ledger)
    if not params:
        promoted_long_ago(ledger)
    before = on_record(ledger)
    with pytest.raises(AirflowFailException) as refused:
        order(ledger, **params)
    assert str(refused.value).startswith("Rollback refused, nothing was changed: ")
    assert words in str(refused.value)
    assert on_record(ledger) == before
    assert services.branches == []


def test_a_release_whose_successor_serves_is_refused(services: Services) -> None:
    ledger = FakeLedger()
    ledger.close(opened(ledger).release_id, outcome="promoted", reason="every phase was promoted")
    newer = {"newer": 100}
    services.serving, services.left = (
        newer,
        SplitChange(before=newer, after=newer, changed=False, note="left"),
    )
    with pytest.raises(AirflowFailException, match="Roll back the release that serves"):
        order(ledger)


def test_the_tasks_of_the_rollback_work_on_the_release_that_the_form_names() -> None:
    run = SimpleNamespace(run_id="rollback-run")
    context: Any = {"params": {"release": " v1-2-0-abcdef "}, "dag_run": run}
    assert RollBackTrafficOperator(task_id="roll_back_traffic").release_id(context) == "v1-2-0-abcdef"


def test_a_further_rollback_is_on_record_when_it_moved_something() -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    moved = {WEB: SplitChange(before=NEW, after=OLD)}
    still = {WEB: SplitChange(before=OLD, after=OLD, changed=False)}
    for changes, number in ((still, 1), (moved, 1)):
        assert restored_entry(release, ledger, changes).round == number
    ledger.append(release, TrafficRestored(reason="r", changes=moved))
    assert restored_entry(release, ledger, still).round == 1, "another try of the same one"
    again = restored_entry(release, ledger, moved)
    assert (again.round, again.key) == (2, "rolled_back/traffic/2")


def test_a_tier_that_the_contract_forbids_is_refused_before_anything_moves(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any) -> None:
        raise RequestRefused("tier='database': 0003 is a contract")

    monkeypatch.setattr(database, "backward_steps", forbidden)
    ledger = FakeLedger()
    opened(ledger)
    with pytest.raises(AirflowFailException, match="nothing was changed: tier='database': 0003 is"):
        order(ledger, tier="database")
    assert on_record(ledger) == ["opened"]
    assert services.branches == []
    with pytest.raises(AirflowFailException, match="tier='full': it includes the tier database"):
        order(ledger, tier="full")
    order(ledger)
    assert services.branches == [[]], "the traffic does not need the schema's consent"


def test_migrations_that_are_left_are_undone_after_an_earlier_rollback_of_the_traffic(
    services: Services,
) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    ledger.close(release, outcome="rolled_back", reason="5 % errors")
    services.serving = dict(OLD)
    services.backward = (BackwardStep("0003", "DROP TABLE t;"),)
    order(ledger, tier="database", plan_only=True)
    assert (services.branches, on_record(ledger)) == ([None], ["opened", "closed"])
    order(ledger, tier="database")
    assert on_record(ledger)[-1] == "rollback_ordered/database"
    services.backward = ()
    order(ledger, tier="database")
    assert services.branches == [None, [], None], "all of it is undone: nothing to do"


def test_a_backup_is_restored_after_an_earlier_rollback_of_the_traffic_and_only_once(
    services: Services,
) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    made = {"environment": "production", "instance": "main", "backup": "17"}
    ledger.append(release, DatabaseBackedUp.model_validate({**made, "rows_before": {}, "rows_after": {}}))
    ledger.close(release, outcome="rolled_back", reason="5 % errors")
    services.serving = dict(OLD)
    order(ledger, tier="restore")
    assert on_record(ledger)[-1] == "rollback_ordered/restore"
    ledger.append(
        release,
        BackupRestored(
            backup="17",
            source="main",
            instance="new",
            connection_name="p:r:new",
            addresses=("10.0.0.7",),
            kept_in="18",
        ),
    )
    order(ledger, tier="restore")
    assert services.branches == [[], []], "restored, and the services are not switched to it yet"
    switched = {"source": "main", "instance": "new", "connection": "netra_production_db", "changes": {}}
    ledger.append(release, DatabaseSwitched.model_validate({**switched, "reason": "switched to new"}))
    order(ledger, tier="restore")
    assert services.branches == [[], [], None]


def test_what_cannot_be_switched_is_refused_before_anything_moves(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise RequestRefused("tier='restore': the policy does not say how services find the database")

    monkeypatch.setattr(ordered_rollback, "switches_of_tier", refuse)
    ledger = FakeLedger()
    release = opened(ledger).release_id
    made = {"environment": "production", "instance": "main", "backup": "17"}
    ledger.append(release, DatabaseBackedUp.model_validate({**made, "rows_before": {}, "rows_after": {}}))
    with pytest.raises(AirflowFailException, match="nothing was changed: tier='restore': the policy does"):
        order(ledger, tier="restore")
    assert "rollback_ordered/restore" not in on_record(ledger)
