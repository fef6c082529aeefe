"""A version goes from one region to the next, once, and only from one that was promoted and serves it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
    TaskDeferred,
)
from slipway.analysis.verdict import Verdict
from slipway.exceptions import RequestRefused
from slipway.hooks.cloud_run.hook import lease_of, serving_split
from slipway.ledger.entries import GateDecided, LoadTested, NextRegionStarted, RegionsReported
from slipway.ledger.ledger import Ledger, Outcome
from slipway.operators import regions
from slipway.operators.configuration import RollBackFlagsOperator
from slipway.operators.gates import PreparationGateOperator
from slipway.operators.preflight import ValidateRequestOperator
from slipway.operators.regions import ReleaseRegionsOperator
from slipway.policy.release import Policy, parse_policy

from sandbox.cloud import team_room
from sandbox.supervisor.settings import HOST, LOCATION, Settings
from tests.integration.slipway.hooks.web_service import Web
from tests.integration.slipway.operators.conftest import VERSION, Product
from tests.integration.slipway.operators.steps import Steps
from tests.sample_entries import proven

pytestmark = pytest.mark.sandbox

LATER = "europe-west1"


class Runs:
    """The runs of the release DAG that Airflow knows, by name."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def get_dr_count(self, dag_id: str, *, run_ids: list[str]) -> int:
        return sum(run in self.states for run in run_ids)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return self.states[run_id]


class Rollout:
    """A product in two regions, and the releases of its next version to them.

    :param product: the product, with its service in the first region.
    :param later: the same service in the second.
    """

    def __init__(self, product: Product, later: Web) -> None:
        self.product, self.ledger, self.later = product, product.ledger, later
        self.run, self.runs = f"all-{uuid.uuid4().hex}", Runs()
        product.context["dag_run"].run_id = f"{self.run}--{LOCATION}"
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
        for entry in proven(list(self.policy.validation.suites)):
            ledger.append(release, entry)
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

    def inherit(self, steps: Steps) -> GateDecided:
        """Judge the second region by the evidence of the first."""
        gate = PreparationGateOperator(task_id="gate", phase="preparation")
        return gate.judge(self.ledger.release(steps.release_id), self.product.context)

    def go_on(self, **request: Any) -> list[str]:
        """Release region by region: start the next run, wait for the one that runs, or end."""
        task = ReleaseRegionsOperator(task_id="release_each_region", release_dag_id="release")
        task.cloud_run = self.product.web.hook
        params = {"version": VERSION, "policy": "release.yaml", "reason": None} | request
        context: Any = {"run_id": self.run, "params": params, "ti": self.runs}
        return task.execute_complete(context, None) if self.runs.states else task.execute(context)

    def started(self, **request: Any) -> DagRunTriggerException:
        """Return the run that is started next."""
        with pytest.raises(DagRunTriggerException) as caught:
            self.go_on(**request)
        return caught.value

    def end_first(self, outcome: Outcome = "promoted") -> None:
        """End the first region's release, and its run."""
        self.first.close(outcome)
        self.runs.states[f"{self.run}--{LOCATION}"] = "success" if outcome == "promoted" else "failed"

    def serving(self) -> list[dict[str, int]]:
        """Return who serves in the first and in the second region."""
        return [
            {name: percent for name, percent in serving_split(web.read()).items() if percent}
            for web in (self.product.web, self.later)
        ]


@pytest.fixture
def rollout(product: Product, cloud_server: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rollout]:
    """A rollout of this test's own; the team's chat room is the sandbox's."""
    room = team_room.connection(f"http://{HOST}:{cloud_server.google_port}")
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_TEAM", json.dumps(room))
    later = product.web.as_seen_by(product.web.hook)
    later.address = replace(product.web.address, location=LATER)
    later.deploy("stable-eu")
    made = Rollout(product, later)
    monkeypatch.setattr(regions, "load_policy", lambda _: made.policy)
    yield made
    later.delete()


def test_a_promoted_region_begins_the_next_which_moves_its_own_traffic_alone(rollout: Rollout) -> None:
    asked = {"version": VERSION, "policy": "release.yaml", "reason": "it is time"}
    begun = rollout.started(**asked, canary_percent=20, stable_is_broken=False)
    assert begun.trigger_dag_id == "release"
    assert begun.dag_run_id == f"{rollout.run}--{LOCATION}"
    assert begun.conf == {**asked, "region": LOCATION, "canary_percent": 20}
    assert begun.wait_for_completion
    assert begun.deferrable
    rollout.runs.states[begun.dag_run_id] = "running"
    with pytest.raises(TaskDeferred) as waiting:
        rollout.go_on(**asked)
    assert waiting.value.trigger.run_ids == [begun.dag_run_id]

    rollout.serve_first()
    rollout.end_first()
    begun, again = rollout.started(**asked), rollout.started(**asked)
    assert begun.dag_run_id == again.dag_run_id == f"{rollout.run}--{LATER}"
    assert not begun.reset_dag_run
    follows = rollout.first.release_id
    assert begun.conf == {**asked, "region": LATER, "follows": follows}
    assert rollout.first.entry(NextRegionStarted, region=LATER).run == begun.dag_run_id

    second = rollout.ask(run=begun.dag_run_id, **begun.conf)
    second.open()
    release = rollout.ledger.release(second.release_id)
    assert (release.actor, release.policy.region) == ("unknown", LATER)
    assert release.stable == {rollout.later.address.service: {rollout.later.name("stable-eu"): 100}}
    lease = lease_of(rollout.later.read())
    assert lease is not None
    assert lease.release == second.release_id
    assert lease_of(rollout.product.web.read()) is None
    assert rollout.inherit(second).verdict == "promote"
    origin = second.entry(LoadTested).inherited_from
    assert origin is not None
    entry = next(e for e in rollout.ledger.entries(origin.release) if e.sequence == origin.sequence)
    assert (origin.release, entry.key, entry.hash) == (follows, LoadTested.KEY, origin.hash)
    assert rollout.ledger.verification.of(second.release_id).holds

    second.deploy()
    second.shift()
    assert rollout.serving() == [
        {rollout.first.revision: 100},
        {rollout.later.name("stable-eu"): 90, second.revision: 10},
    ]
    second.shift("full")
    second.close("promoted")
    rollout.runs.states[begun.dag_run_id] = "success"
    assert rollout.go_on(**asked) == [LOCATION, LATER]
    service = rollout.later.address.service
    assert second.entry(RegionsReported).serving == {
        LOCATION: {service: {rollout.first.revision: {"percent": 100, "version": VERSION}}},
        LATER: {service: {second.revision: {"percent": 100, "version": VERSION}}},
    }
    assert second.entry(RegionsReported).rollback_commands == {}


def test_a_later_region_that_is_rolled_back_leaves_the_first_and_says_how_it_goes_back(
    rollout: Rollout, cloud_server: Settings
) -> None:
    rollout.serve_first()
    rollout.end_first()
    run = rollout.started().dag_run_id
    second = rollout.ask(run=run)
    second.open()
    rollout.inherit(second)
    second.deploy()
    second.shift()
    release = rollout.ledger.release(second.release_id)
    rollout.ledger.append(
        release.release_id, GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason="5 % errors")
    )
    second.roll_back()
    with pytest.raises(AirflowSkipException, match="the regions before it keep their flags"):
        second.run(RollBackFlagsOperator(task_id="roll_back_feature_flags", environment="production"))
    second.close("rolled_back")
    stable, service = rollout.later.name("stable-eu"), rollout.later.address.service
    assert rollout.serving() == [{rollout.first.revision: 100}, {stable: 100}]
    rollout.runs.states[run] = "failed"
    why = f"in {LATER}: rolled back: canary: 5 % errors; no further region gets it; {LOCATION} keep it"
    for _ in range(2):
        with pytest.raises(AirflowFailException, match=why):
            rollout.go_on()
    entry = second.entry(RegionsReported)
    assert {region: found[service] for region, found in entry.serving.items()} == {
        LOCATION: {rollout.first.revision: {"percent": 100, "version": VERSION}},
        LATER: {stable: {"percent": 100, "version": "1.0.0"}},
    }
    command = (
        f"gcloud run services update-traffic {service} --project {rollout.product.web.address.project_id}"
        f" --region {LOCATION} --to-revisions {rollout.product.stable}=100"
    )
    assert (entry.kept, entry.rollback_commands) == ((LOCATION,), {LOCATION: (command,)})
    said = [line["text"] for line in team_room.messages(cloud_server) if second.release_id in line["text"]]
    assert any("opened)" in message for message in said)
    assert any("outcome)" in message for message in said)
    (message,) = [message for message in said if "regions)" in message]
    assert f"Release {VERSION} was rolled back in {LATER}: canary: 5 % errors" in message
    assert f"{LOCATION} keep it" in message
    assert command in message


def test_a_first_region_that_is_not_promoted_begins_no_other(rollout: Rollout) -> None:
    with pytest.raises(RequestRefused, match=rf"version {VERSION} was not promoted in {LOCATION}, the"):
        rollout.ask()
    rollout.serve_first()
    with pytest.raises(RequestRefused, match=rf"to {LOCATION} is still open, not promoted; promote it in"):
        rollout.ask(follows=rollout.first.release_id)
    rollout.first.roll_back()
    rollout.end_first("rolled_back")
    with pytest.raises(AirflowFailException, match=f"in {LOCATION}: rolled back: .*; no further region gets"):
        rollout.go_on()
    with pytest.raises(RequestRefused, match=rf"to {LOCATION} is rolled_back, not promoted"):
        rollout.ask(follows=rollout.first.release_id)
    assert rollout.serving() == [{rollout.product.stable: 100}, {rollout.later.name("stable-eu"): 100}]


def test_a_region_that_no_longer_serves_the_version_is_followed_by_none(rollout: Rollout) -> None:
    rollout.serve_first()
    rollout.end_first()
    rollout.product.web.shift({"stable": 100})
    with pytest.raises(RequestRefused, match=rf"region {LOCATION} does not serve {VERSION} any more"):
        rollout.ask()


def test_what_was_validated_cannot_be_changed_on_the_way(rollout: Rollout) -> None:
    rollout.serve_first()
    rollout.end_first()
    with pytest.raises(RequestRefused, match=r"images=\{'backend': 'x:1'\}: .* leave images out"):
        rollout.ask(images={"backend": "x:1"})
    with pytest.raises(RequestRefused, match=r"follows='v0-0-0-none': .*was never opened"):
        rollout.ask(follows="v0-0-0-none")


def test_evidence_that_is_missing_or_was_changed_is_none(
    rollout: Rollout, ledger: Ledger, ledger_database: str
) -> None:
    rollout.serve_first()
    rollout.end_first()
    second = rollout.ask()
    second.open()
    with psycopg.connect(ledger_database) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
        connection.execute("DELETE FROM ledger_entry WHERE key = 'migrated/production'")
    decision = rollout.inherit(second)
    assert decision.verdict == "rollback"
    assert "migrated/production" in decision.reason
    with pytest.raises(RequestRefused, match="was changed afterwards; it is no evidence"):
        rollout.ask()


def test_a_release_that_was_refused_ends_the_row(rollout: Rollout) -> None:
    run = f"{rollout.run}--{LOCATION}"
    rollout.runs.states[run] = "failed"
    with pytest.raises(
        AirflowFailException, match=f"release to {LOCATION} refused: see preflight of run {run}"
    ):
        rollout.go_on()
    with pytest.raises(RequestRefused, match="region='moon': must be one of"):
        rollout.go_on(region="moon")


def test_the_row_goes_on_from_a_region_that_a_person_names(rollout: Rollout) -> None:
    rollout.serve_first()
    rollout.end_first()
    rollout.run, rollout.runs = "later", Runs()
    begun = rollout.started(region=LATER)
    assert begun.dag_run_id == f"later--{LATER}"
    assert begun.conf == {"version": VERSION, "policy": "release.yaml", "region": LATER}
