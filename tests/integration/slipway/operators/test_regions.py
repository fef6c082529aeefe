"""A version goes from one region to the next, once, and only from one that was promoted and serves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException
from slipway.exceptions import ReleaseConflict, RequestRefused
from slipway.hooks.cloud_run.hook import lease_of, serving_split
from slipway.ledger.ledger import Ledger
from slipway.operators.configuration import RollBackFlagsOperator
from slipway.operators.preflight import ValidateRequestOperator
from slipway.operators.regions import (
    EarlierRegionGateOperator,
    ReleaseNextRegionOperator,
    ReportRegionsOperator,
)
from slipway.policy.release import Policy, parse_policy

from sandbox.cloud import team_room
from sandbox.supervisor.settings import LOCATION, Settings
from tests.integration.slipway.hooks.web_service import Web
from tests.integration.slipway.operators.conftest import VERSION, Product
from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox

LATER = "europe-west1"


class Rollout:
    """A product in two regions, and the releases of its next version to them.

    :param product: the product, with its service in the first region.
    :param later: the same service in the second.
    """

    def __init__(self, product: Product, later: Web) -> None:
        self.product, self.ledger, self.later = product, product.ledger, later
        self.first = Steps(product)
        document = self.first.validated["policy"]
        document["environments"]["production"]["regions"] = [LOCATION, LATER]
        self.policy: Policy = parse_policy(document, source="of the test")
        self.first.validated["policy"] = self.policy.model_dump(mode="json")
        product.context["params"]["policy"] = "release.yaml"

    def serve_first(self) -> None:
        """Release the version to the first region, up to all of its traffic."""
        self.first.open()
        release, ledger = self.first.release_id, self.ledger
        promoted = {"verdict": "promote", "reason": "all well", "findings": []}
        for suite in self.policy.staging_validation.suites:
            ledger.append(release, f"suite/{suite}", {"passed": 10})
        for key in ("load_test", "gate/staging", "gate/preparation"):
            ledger.append(release, key, promoted)
        for key in ("database_checked", "backed_up", "rehearsed", "migrated"):
            ledger.append(release, f"{key}/production", {"seconds": 1})
        self.first.deploy()
        self.first.shift("full")

    def ask(self, run: str = "by hand", **conf: Any) -> Steps:
        """Ask for the release to the second region, and plan it; refused, nothing changes."""
        request = {"version": VERSION, "policy": "release.yaml", "region": LATER} | conf
        validate = ValidateRequestOperator(task_id="validate_request")
        validate.cloud_run = self.product.web.hook
        plan, policy = validate._later(request, self.policy.in_region(LATER), run)
        self.product.start_run()
        self.product.context["dag_run"].run_id = run
        steps = Steps(self.product)
        self.product.context["params"] |= request
        steps.validated = {"plan": plan.model_dump(mode="json"), "policy": policy.model_dump(mode="json")}
        steps.release_id, steps.revision = plan.release_id, plan.progressive.revisions["production"]
        return steps

    def take_over(self, steps: Steps) -> Any:
        """Take the first region's evidence over."""
        gate = EarlierRegionGateOperator(
            task_id="gate", phase="earlier_region", go="on", start_rollback="off"
        )
        return gate.judge(self.ledger.release(steps.release_id), self.product.context)

    def hand_over(self) -> DagRunTriggerException:
        """Return what the next region is begun with."""
        with pytest.raises(DagRunTriggerException) as caught:
            ReleaseNextRegionOperator(task_id="begin").execute(self.product.context)
        return caught.value

    def serving(self) -> list[dict[str, int]]:
        """Return who serves in the first and in the second region."""
        return [
            {name: percent for name, percent in serving_split(web.read()).items() if percent}
            for web in (self.product.web, self.later)
        ]


@pytest.fixture
def rollout(product: Product, google: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollout]:
    """A rollout of this test's own; the team's chat room is the sandbox's."""
    room = {"conn_type": "http", "host": f"{google}{team_room.PATH}"}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_TEAM", json.dumps(room))
    later = product.web.as_seen_by(product.web.hook)
    later.where = {**product.web.where, "location": LATER}
    later.deploy("stable-eu")
    yield Rollout(product, later)
    later.delete()


def test_a_promoted_region_begins_the_next_which_moves_its_own_traffic_alone(rollout: Rollout) -> None:
    rollout.serve_first()
    rollout.first.close("promoted")
    begun, again = rollout.hand_over(), rollout.hand_over()
    assert begun.dag_run_id == again.dag_run_id == f"{rollout.first.release_id}--{LATER}"
    assert begun.skip_when_already_exists
    assert not begun.reset_dag_run
    follows = rollout.first.release_id
    assert begun.conf == {"version": VERSION, "policy": "release.yaml", "region": LATER, "follows": follows}
    assert rollout.first.entry(f"next_region/{LATER}")["run"] == begun.dag_run_id

    second = rollout.ask(run=begun.dag_run_id, **begun.conf)
    second.open()
    release = rollout.ledger.release(second.release_id)
    assert (release.actor, release.policy.region) == ("unknown", LATER)
    assert release.stable == {rollout.later.where["service"]: {rollout.later.name("stable-eu"): 100}}
    lease = lease_of(rollout.later.read())
    assert lease is not None
    assert lease.release == second.release_id
    assert lease_of(rollout.product.web.read()) is None
    assert rollout.take_over(second)["verdict"] == "promote"
    taken = second.entry("load_test")
    origin = taken["taken_over"]
    entry = next(e for e in rollout.ledger.entries(origin["release"]) if e.sequence == origin["sequence"])
    assert (origin["release"], entry.key, entry.hash) == (follows, "load_test", origin["hash"])
    assert rollout.ledger.verify(second.release_id)

    second.deploy()
    second.shift()
    assert rollout.serving() == [
        {rollout.first.revision: 100},
        {rollout.later.name("stable-eu"): 90, second.revision: 10},
    ]
    second.shift("full")
    second.close("promoted")
    with pytest.raises(AirflowSkipException, match=f"{LATER} is the last region"):
        ReleaseNextRegionOperator(task_id="begin").execute(rollout.product.context)
    found = second.run(ReportRegionsOperator(task_id="report_regions"))
    service = rollout.later.where["service"]
    assert found == {
        LOCATION: {service: {rollout.first.revision: {"percent": 100, "version": VERSION}}},
        LATER: {service: {second.revision: {"percent": 100, "version": VERSION}}},
    }
    assert second.entry("regions")["rollback_commands"] == {}


def test_a_later_region_that_is_rolled_back_leaves_the_first_and_says_how_it_goes_back(
    rollout: Rollout, settings: Settings
) -> None:
    rollout.serve_first()
    rollout.first.close("promoted")
    second = rollout.ask()
    second.open()
    rollout.take_over(second)
    second.deploy()
    second.shift()
    release = rollout.ledger.release(second.release_id)
    rollout.ledger.append(
        release.release_id, "gate/canary", {"phase": "canary", "verdict": "rollback", "reason": "5 % errors"}
    )
    second.roll_back()
    with pytest.raises(AirflowSkipException, match="the regions before it keep their flags"):
        second.run(RollBackFlagsOperator(task_id="roll_back_feature_flags", environment="production"))
    second.close("rolled_back")
    stable, service = rollout.later.name("stable-eu"), rollout.later.where["service"]
    assert rollout.serving() == [{rollout.first.revision: 100}, {stable: 100}]
    with pytest.raises(ReleaseConflict, match=f"to {LATER}: rolled back; no further region gets it"):
        ReleaseNextRegionOperator(task_id="begin").execute(rollout.product.context)

    report = ReportRegionsOperator(task_id="report_regions")
    assert second.run(report) == second.run(report)
    entry = second.entry("regions")
    assert {region: found[service] for region, found in entry["serving"].items()} == {
        LOCATION: {rollout.first.revision: {"percent": 100, "version": VERSION}},
        LATER: {stable: {"percent": 100, "version": "1.0.0"}},
    }
    command = (
        f"gcloud run services update-traffic {service} --project {rollout.product.web.where['project_id']}"
        f" --region {LOCATION} --to-revisions {rollout.product.stable}=100"
    )
    assert (entry["kept"], entry["rollback_commands"]) == ([LOCATION], {LOCATION: [command]})
    said = [line["text"] for line in team_room.messages(settings) if line["release"] == second.release_id]
    (message,) = said
    assert f"Release {VERSION} was rolled back in {LATER}: canary: 5 % errors" in message
    assert f"{LOCATION} keep it" in message
    assert command in message


def test_a_first_region_that_is_not_promoted_begins_no_other(rollout: Rollout) -> None:
    with pytest.raises(RequestRefused, match=rf"version {VERSION} was not promoted in {LOCATION}, the"):
        rollout.ask()
    rollout.serve_first()
    with pytest.raises(ReleaseConflict, match=f"to {LOCATION}: open; no further region gets it"):
        ReleaseNextRegionOperator(task_id="begin").execute(rollout.product.context)
    with pytest.raises(RequestRefused, match=rf"to {LOCATION} is still open, not promoted; promote it in"):
        rollout.ask(follows=rollout.first.release_id)
    rollout.first.roll_back()
    rollout.first.close("rolled_back")
    with pytest.raises(ReleaseConflict, match=f"to {LOCATION}: rolled back; no further region gets it"):
        ReleaseNextRegionOperator(task_id="begin").execute(rollout.product.context)
    with pytest.raises(RequestRefused, match=rf"to {LOCATION} is rolled_back, not promoted"):
        rollout.ask(follows=rollout.first.release_id)
    assert rollout.serving() == [{rollout.product.stable: 100}, {rollout.later.name("stable-eu"): 100}]


def test_a_region_that_no_longer_serves_the_version_is_followed_by_none(rollout: Rollout) -> None:
    rollout.serve_first()
    rollout.first.close("promoted")
    rollout.product.web.shift({"stable": 100})
    with pytest.raises(RequestRefused, match=rf"region {LOCATION} does not serve {VERSION} any more"):
        rollout.ask()


def test_what_was_validated_cannot_be_changed_on_the_way(rollout: Rollout) -> None:
    rollout.serve_first()
    rollout.first.close("promoted")
    with pytest.raises(RequestRefused, match=r"images=\{'backend': 'x:1'\}: .* leave images out"):
        rollout.ask(images={"backend": "x:1"})
    with pytest.raises(RequestRefused, match=r"follows='v0-0-0-none': .*was never opened"):
        rollout.ask(follows="v0-0-0-none")


def test_evidence_that_is_missing_or_was_changed_is_none(
    rollout: Rollout, ledger: Ledger, empty_database: str
) -> None:
    rollout.serve_first()
    rollout.first.close("promoted")
    second = rollout.ask()
    second.open()
    with psycopg.connect(empty_database) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
        connection.execute("DELETE FROM ledger_entry WHERE key = 'migrated/production'")
    decision = rollout.take_over(second)
    assert decision["verdict"] == "rollback"
    assert "migrated/production" in decision["reason"]
    with pytest.raises(RequestRefused, match="was changed afterwards; it is no evidence"):
        rollout.ask()
