"""A release's own steps at a service: recorded, leased, guarded, and left clean."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from google.cloud import run_v2
from slipway.exceptions import CloudRunTimeout, ReleaseConflict, RequestRefused, TrafficDrift
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease, lease_of, serving_split, tags_of
from slipway.hooks.secret_manager import SecretVersionHook
from slipway.ledger.entries import DriftFound, ReleaseOpened, RevisionDeployed, ServicesLocked
from slipway.ledger.ledger import Ledger
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.reconcile import ReconcileReleaseOperator
from slipway.triggers.cloud_run import RevisionsReadyTrigger

from tests.integration.slipway.hooks.web_service import PROJECT, SECONDS, Web
from tests.integration.slipway.operators.conftest import Product
from tests.integration.slipway.operators.deferrals import only_event
from tests.integration.slipway.operators.steps import DOCUMENT, Steps
from tests.unit.slipway.on_record import run_with

pytestmark = pytest.mark.sandbox


def test_a_release_records_the_way_back_and_leases_leaves_and_frees_the_service(steps: Steps) -> None:
    web, product = steps.product.web, steps.product
    revisions = len(web.hook.list_revisions(web.address))
    steps.open()
    opened, leased = steps.entry(ReleaseOpened), lease_of(web.read())
    target = opened.targets[web.address.service]
    assert (target.revision, target.image) == (product.stable, web.image("frontend:1.0.0"))
    assert target.mounted == {"FEATURE_FLAGS": f"{product.secret}:1"}
    state = opened.states[web.address.service]
    assert state is not None
    assert state.traffic == {product.stable: 100}
    assert leased is not None
    assert (leased.release, leased.run) == (steps.release_id, product.context["dag_run"].run_id)
    assert len(web.hook.list_revisions(web.address)) == revisions, "a lease makes no revision"
    assert web.split() == {"stable": 100}, "a lease moves no traffic"

    steps.deploy()
    assert serving_split(web.read()) == {product.stable: 100}
    assert steps.revision in tags_of(web.read()).values()
    steps.shift()
    assert serving_split(web.read()) == {product.stable: 90, steps.revision: 10}
    steps.shift()
    renewed = lease_of(web.read())
    assert renewed is not None
    assert renewed.until >= leased.until
    steps.shift("full")
    steps.close("promoted")
    after = web.read()
    assert (serving_split(after), tags_of(after), lease_of(after)) == ({steps.revision: 100}, {}, None)
    with pytest.raises(ReleaseConflict, match="promoted; it changes nothing any more"):
        steps.shift()


def test_another_ones_lease_is_respected_until_it_runs_out(steps: Steps) -> None:
    web = steps.product.web
    other = Lease("v9-9-9-other", "elsewhere", datetime.now(UTC) + timedelta(hours=1))
    web.hook.take_lease(web.address, other, timeout=SECONDS)
    with pytest.raises(ReleaseConflict, match=r"release v9-9-9-other \(run elsewhere, until .* holds it"):
        steps.open()
    assert lease_of(web.read()) == Lease(other.release, other.run, other.until.replace(microsecond=0))
    run_out = Lease(other.release, other.run, datetime.now(UTC) - timedelta(seconds=1))
    web.hook.take_lease(web.address, run_out, timeout=SECONDS)
    steps.open()
    assert "v9-9-9-other" in steps.entry(ServicesLocked).taken_over[web.address.service]
    steps.deploy()
    web.hook.free_lease(web.address, steps.release_id, timeout=SECONDS)
    web.hook.take_lease(web.address, other, timeout=SECONDS)
    with pytest.raises(ReleaseConflict, match="v9-9-9-other"):
        steps.shift()
    assert "left alone: release v9-9-9-other" in steps.roll_back()["note"]


def test_somebody_elses_change_stops_a_step_and_is_named_by_the_rollback(steps: Steps) -> None:
    web = steps.product.web
    steps.open()
    steps.deploy()
    steps.shift()
    new = steps.revision.removeprefix(f"{web.address.service}-")
    web.shift({"stable": 60, new: 40})
    with pytest.raises(TrafficDrift, match=r"traffic .*90.* -> .*60"):
        steps.shift("half")
    assert serving_split(web.read()) == {steps.product.stable: 60, steps.revision: 40}
    assert "60" in steps.entry(DriftFound, phase="shift_traffic", service=web.address.service).reason
    undone = steps.roll_back()
    assert "overwritten" in undone["note"]
    assert undone["after"] == {steps.product.stable: 100}
    with pytest.raises(ReleaseConflict, match="is being rolled back"):
        steps.shift("half")
    steps.close("rolled_back")
    assert (tags_of(web.read()), lease_of(web.read())) == ({}, None), "it would keep its instances for ever"


def variables(revision: run_v2.Revision) -> dict[str, str]:
    return {variable.name: variable.value for variable in revision.containers[0].env if variable.value}


def test_a_new_revision_is_built_on_what_serves_and_not_on_what_was_deployed_last(steps: Steps) -> None:
    web, product = steps.product.web, steps.product
    web.deploy("by-hand", env={"BY_HAND": "1"})
    with pytest.raises(RequestRefused, match=r"by-hand, deployed by .* env BY_HAND absent -> .*leave_out"):
        steps.open()
    product.context["params"]["leave_out_newest"] = True
    after = Steps(product)
    after.open()
    left_out = after.entry(ReleaseOpened).left_out[web.address.service]
    assert (left_out.revision, left_out.release) == (web.name("by-hand"), None)
    after.deploy()
    made = web.hook.get_revision(web.address, after.revision)
    assert "BY_HAND" not in variables(made)
    deployed = after.entry(RevisionDeployed, environment="production", component="backend")
    assert deployed.base == product.stable
    changed = {change.field: (change.before, change.after) for change in deployed.changes}
    assert changed["image"] == (web.image("frontend:1.0.0"), web.image("frontend:1.1.0"))
    assert changed["scaling.min_instance_count"] == (None, "1")
    assert changed["env FEATURE_FLAGS_REFERENCE"][0] is None
    assert "env BACKEND_URL" not in changed
    after.close("rolled_back")
    product.start_run()
    again = Steps(product)
    again.open()
    assert again.entry(ReleaseOpened).left_out[web.address.service].release == after.release_id


def test_a_variable_taken_out_of_the_policy_is_gone_from_the_next_revision(steps: Steps) -> None:
    web, product = steps.product.web, steps.product
    first = product.open(services=product.services(MODE="fast"))
    steps.note_configuration()
    steps.deploy()
    assert variables(web.hook.get_revision(web.address, steps.revision))["MODE"] == "fast"
    steps.shift("full")
    product.ledger.close(first.release_id, outcome="promoted", reason="the tests")
    web.hook.free_lease(web.address, first.release_id, timeout=SECONDS)
    product.stable = steps.revision
    product.start_run()
    after = Steps(product)
    second = product.open()
    after.note_configuration()
    after.deploy()
    assert "MODE" not in variables(web.hook.get_revision(web.address, after.revision))
    deployed = after.entry(RevisionDeployed, environment="production", component="backend")
    assert ("env MODE", "fast", None) in [(c.field, c.before, c.after) for c in deployed.changes]
    product.ledger.close(second.release_id, outcome="rolled_back", reason="the tests")


def test_a_repair_by_hand_survives_the_rollback(steps: Steps) -> None:
    web = steps.product.web
    steps.open()
    steps.deploy()
    steps.shift()
    web.deploy("hotfix", tag="mine")
    web.shift({"hotfix": 100})
    with pytest.raises(TrafficDrift, match=r"revision .* -> .*-hotfix"):
        steps.shift("half")
    undone = steps.roll_back()
    assert "left alone: none of it is this release's" in undone["note"]
    steps.run(ReconcileReleaseOperator(task_id="reconcile", verdict="verdict"))
    assert web.split()["hotfix"] == 100
    assert tags_of(web.read()) == {"mine": web.name("hotfix")}


def test_a_target_whose_secret_is_disabled_is_no_way_back(steps: Steps) -> None:
    secrets, product = steps.product.secrets, steps.product
    name = f"projects/{PROJECT}/secrets/{product.secret}/versions/1"
    secrets.client.disable_secret_version(name=name)
    with pytest.raises(RequestRefused, match=r"FEATURE_FLAGS is .*:1, which is DISABLED.*stable_is_broken"):
        steps.open()
    assert lease_of(product.web.read()) is None
    product.context["params"] |= {"stable_is_broken": True, "reason": "its flags were disabled by accident"}
    broken = Steps(product)
    broken.open()
    opened = broken.entry(ReleaseOpened)
    assert (opened.stable_is_broken, opened.reason) == (True, "its flags were disabled by accident")
    assert "DISABLED" in opened.findings[0]


@pytest.fixture
def unmade(cloud_run: CloudRunTrafficHook, image: Callable[[str], str], ledger: Ledger) -> Iterator[Product]:
    """A product whose service does not exist."""
    web, secrets = Web(cloud_run, image), SecretVersionHook()
    made = Product.__new__(Product)
    made.web, made.secrets, made.ledger, made.prefix = web, secrets, ledger, web.address.service
    made.secret, made.stable = f"{made.prefix}-{DOCUMENT}", "none"
    secrets.add_version(project_id=PROJECT, secret=made.secret, data=b"{}")
    run = type("Run", (), {"run_id": f"manual__{uuid.uuid4().hex}", "conf": {}})
    made.context = {"params": {"version": "1.1.0", "reason": None}, "dag_run": run} | run_with()
    yield made
    secrets.client.transport.close()
    web.delete()


def test_the_first_release_of_a_service_serves_at_once_and_cannot_be_taken_back(unmade: Product) -> None:
    steps = Steps(unmade)
    steps.open()
    assert steps.entry(ReleaseOpened).stable == {unmade.web.address.service: {}}
    steps.deploy()
    assert lease_of(unmade.web.read()) is not None
    steps.shift()
    assert steps.shift()[unmade.web.address.service]["percent"] == 100
    assert "there is no earlier revision" in steps.roll_back()["note"]
    assert unmade.web.split() == {"v" + steps.revision.partition("-v")[2]: 100}
    steps.close("rolled_back")
    assert lease_of(unmade.web.read()) is None


def test_a_revision_that_takes_its_time_is_waited_for_by_the_triggerer(steps: Steps) -> None:
    web, product = steps.product.web, steps.product
    steps.open()
    slow = DeployRevisionsOperator(task_id="deploy_revisions", environment="production")
    slow.cloud_run = hook = _Slow()
    with pytest.raises(TaskDeferred) as deferred:
        slow.execute(product.context)
    hook.close()
    trigger = deferred.value.trigger
    assert deferred.value.method_name == "execute_complete"
    path, arguments = trigger.serialize()
    assert path == "slipway.triggers.cloud_run.RevisionsReadyTrigger"
    assert [found["revision"] for found in arguments["services"]] == [steps.revision]
    steps.deploy()
    again = RevisionsReadyTrigger(**arguments)
    event = asyncio.run(only_event(again))
    assert event == {"status": "success", "states": {web.address.service: "ready"}}
    slow.cloud_run = web.hook
    slow.execute_complete(product.context, event)
    assert (
        steps.entry(RevisionDeployed, environment="production", component="backend").revision
        == steps.revision
    )


def test_the_triggers_wait_is_over_at_its_moment(steps: Steps) -> None:
    where = {**steps.product.web.address.as_payload(), "revision": steps.product.web.name("never")}
    trigger = RevisionsReadyTrigger(
        services=[where],
        until=datetime.now(UTC).isoformat(),
        poll_seconds=0.1,
        gcp_conn_id="google_cloud_default",
    )
    assert asyncio.run(only_event(trigger)) == {
        "status": "timeout",
        "states": {where["service"]: "pending"},
    }


class _Slow(CloudRunTrafficHook):
    """A hook whose deployments are not done in time; everything else is real."""

    def deploy_revision(self, *_: Any, **__: Any) -> Any:
        raise CloudRunTimeout("not ready in 30 s")
