"""The DAG rollback's tasks, one after the other, on a release that runs or was promoted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from slipway.exceptions import ReleaseConflict
from slipway.ledger.entries import (
    FullyRestored,
    ReleaseOpened,
    RollbackOrdered,
    ServicesReleased,
    TrafficRestored,
)
from slipway.operators.base import ReleaseOperator
from slipway.operators.configuration import RollBackFlagsOperator
from slipway.operators.ordered_rollback import OrderRollbackOperator

from dags.rollback import rollback_of_release
from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox


class Rollback:
    """A run of the DAG, its tasks done one by one as Airflow would.

    :param steps: the release.
    """

    def __init__(self, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = steps
        self.goes_on: bool | None = None
        monkeypatch.setattr(OrderRollbackOperator, "do_branch", self._branch)

    def _branch(self, _: Any, branches: Any) -> None:
        self.goes_on = branches is not None

    def run(self, *, plan_only: bool = False, tier: str = "traffic") -> None:
        form = {
            "release": self.steps.release_id,
            "tier": tier,
            "reason": "wrong prices",
            "plan_only": plan_only,
        }
        run = SimpleNamespace(run_id="rollback-run", conf=form, triggering_user_name="jo", run_type="manual")
        context: Any = {"params": form, "dag_run": run, "run_id": run.run_id}
        tasks: Any = rollback_of_release.topological_sort()
        for task in tasks:
            # The product of the tests has no flags to roll back in the secrets of the real one.
            if isinstance(task, RollBackFlagsOperator) or self.goes_on is False:
                continue
            assert isinstance(task, ReleaseOperator)
            task.__dict__ |= {"cloud_run": self.steps.product.web.hook, "ledger": self.steps.product.ledger}
            if task.task_id == "database.keep_data" or (task.task_id, tier) == ("restore_whole", "traffic"):
                # The release has no migrations; what follows in the group is skipped with this task.
                with pytest.raises(AirflowSkipException):
                    task.execute(context)
            elif not task.task_id.startswith("database."):
                task.execute(context)


@pytest.fixture
def rollback(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> Rollback:
    """A canary with a share of the traffic, and its rollback by hand."""
    steps.open()
    steps.deploy()
    steps.shift()
    return Rollback(steps, monkeypatch)


def promote(steps: Steps) -> None:
    steps.shift("half")
    steps.shift("full")
    steps.close("promoted")
    assert steps.product.web.split() == {steps.revision.rpartition(steps.product.prefix + "-")[2]: 100}


def test_a_running_release_goes_back_and_its_run_moves_nothing_any_more(rollback: Rollback) -> None:
    steps = rollback.steps
    rollback.run()
    assert steps.product.web.split() == {"stable": 100}
    with pytest.raises(ReleaseConflict, match="changes nothing any more"):
        steps.shift("half")
    assert steps.product.web.split() == {"stable": 100}
    ended = steps.product.ledger.release(steps.release_id)
    assert (ended.outcome, ended.reason) == ("rolled_back", "ordered by jo: wrong prices")
    assert steps.entry(ServicesReleased).services[steps.product.web.address.service].lease_freed
    keys = [entry.key for entry in steps.product.ledger.entries(steps.release_id)]
    assert keys.index("rollback_ordered/traffic") < keys.index("rolled_back/traffic") < keys.index("closed")


def test_a_promoted_release_goes_back_too_and_the_next_one_may_begin(rollback: Rollback) -> None:
    steps = rollback.steps
    promote(steps)
    rollback.run()
    web, ledger = steps.product.web, steps.product.ledger
    assert web.split() == {"stable": 100}
    assert ledger.release(steps.release_id).outcome == "rolled_back"
    assert ledger.verification.of(steps.release_id).holds
    assert [entry.key for entry in ledger.entries(steps.release_id)].count("closed") == 1
    steps.product.start_run()
    following = Steps(steps.product)
    following.open()
    assert ledger.release(following.release_id).stable == {web.address.service: {steps.product.stable: 100}}


def test_the_release_that_went_back_last_says_what_serves(rollback: Rollback) -> None:
    steps, ledger = rollback.steps, rollback.steps.product.ledger
    promote(steps)
    steps.product.start_run()
    following = Steps(steps.product)
    following.open()
    assert ledger.listing.newest_ended() == []
    following.close("rolled_back")
    assert ledger.listing.newest_ended() == [following.release_id]
    rollback.run()
    assert ledger.listing.newest_ended() == [steps.release_id], "the watchdog compares with this one"


def test_the_tier_full_compares_every_service_with_what_served_when_the_release_began(
    rollback: Rollback,
) -> None:
    steps, web = rollback.steps, rollback.steps.product.web
    promote(steps)
    rollback.run(tier="full")
    whole = steps.entry(FullyRestored)
    assert (whole.wrong, whole.changes) == ((), {})
    began = steps.entry(ReleaseOpened).targets[web.address.service]
    serving = whole.serving[web.address.service]
    assert (serving.revision, serving.digest, serving.mounted) == (
        steps.product.stable,
        began.digest,
        {"FEATURE_FLAGS": f"{steps.product.secret}:1"},
    )
    web.deploy("by-hand")
    web.shift({"by-hand": 100})
    with pytest.raises(AirflowFailException, match=r"revision is .*by-hand, was .*stable"):
        rollback.run(tier="full")
    assert len(steps.entry(FullyRestored, round=2).wrong) > 0


def test_a_second_rollback_says_so_and_touches_nothing(rollback: Rollback) -> None:
    rollback.run()
    web, ledger = rollback.steps.product.web, rollback.steps.product.ledger
    # Without flags on record as rolled back there is a step left; it finds everything as it should be.
    etag = web.read().etag
    rollback.run()
    assert web.read().etag == etag
    assert rollback.steps.entry(TrafficRestored).changes[web.address.service].changed
    keys = [entry.key for entry in ledger.entries(rollback.steps.release_id)]
    assert len(keys) == len(set(keys))
    assert "rolled_back/traffic/2" not in keys


def test_a_plan_moves_nothing_and_orders_nothing(rollback: Rollback) -> None:
    web = rollback.steps.product.web
    etag = web.read().etag
    rollback.run(plan_only=True)
    assert rollback.goes_on is False
    assert web.read().etag == etag
    release_id = rollback.steps.release_id
    assert rollback.steps.product.ledger.get(release_id, RollbackOrdered, tier="traffic") is None


def test_a_release_that_another_one_followed_is_refused(rollback: Rollback) -> None:
    steps = rollback.steps
    promote(steps)
    steps.product.start_run()
    following = Steps(steps.product)
    following.open()
    following.deploy()
    following.shift()
    before = steps.product.web.split()
    with pytest.raises(AirflowFailException, match=rf"{following.release_id}.* Roll back the release that"):
        rollback.run()
    assert steps.product.web.split() == before
