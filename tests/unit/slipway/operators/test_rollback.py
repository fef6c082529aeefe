"""The operator that gives traffic back, without a cloud."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.ledger.entries import RollbackOrdered, SplitChange, TrafficRestored
from slipway.operators import rollback
from slipway.operators.rollback import RollBackTrafficOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened, using

WEB = "netra-backend-prod"
BACK = {WEB: SplitChange(before={"new": 100}, after={"old": 100})}
ORDER = RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback")


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The releases whose traffic was restored."""
    found: list[str] = []

    def restore(release: Any, *_: Any, **__: Any) -> dict[str, SplitChange]:
        found.append(release.release_id)
        return BACK

    monkeypatch.setattr(rollback, "restore_stable_traffic", restore)
    return found


def roll_back(ledger: FakeLedger) -> Any:
    (release,) = ledger.opened
    task = using(RollBackTrafficOperator(task_id="roll_back_traffic"), ledger)
    context: Any = {"params": {"release": release}, "dag_run": SimpleNamespace(run_id="run", conf={})}
    return task.execute(context)


def test_the_cleared_run_of_a_promoted_release_leaves_its_traffic(restored: list[str]) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    ledger.close(release, outcome="promoted", reason="every phase was promoted")
    with pytest.raises(AirflowSkipException, match="is promoted, and nobody ordered its rollback"):
        roll_back(ledger)
    assert restored == []
    assert ledger.get(release, TrafficRestored) is None


@pytest.mark.parametrize("ordered", [True, False])
def test_an_open_release_or_an_order_gives_the_traffic_back(restored: list[str], ordered: bool) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    if ordered:
        ledger.close(release, outcome="promoted", reason="every phase was promoted")
        ledger.append(release, ORDER)
    roll_back(ledger)
    assert restored == [release]
