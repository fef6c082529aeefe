"""A release by a policy with synthetic requests, through every phase: real requests and their real counts.

The limits are twenty times the usual ones: a few requests in seconds prove what usually takes minutes. How
often a release at 2 % is rolled back is measured by ``bench.analysis.synthetic``.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from slipway.analysis.verdict import Verdict
from slipway.assets import RELEASE_PROMOTED
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress, serving_split
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Ledger
from slipway.operators.base import ReleaseOperator
from slipway.operators.closing import ClosePromotedOperator, CloseRolledBackOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.gates import BakeGateOperator
from slipway.operators.preflight import OpenReleaseOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.traffic import ShiftTrafficOperator
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import plan_release
from slipway.sensors.bake import BakeSensor

from sandbox.supervisor.settings import HOST, LOCATION, Settings
from tests.integration.slipway.hooks.web_service import PROJECT, SECONDS
from tests.integration.slipway.operators.deferrals import run_to_end
from tests.unit.slipway.on_record import run_with

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]
USERS, SYNTHETIC = "error_rate", "synthetic_error_rate"
USERS_PER_SECOND = 6.0


def share(marked: str) -> dict[str, Any]:
    """The part of the product's own requests that fail, of users or of nobody."""
    service = 'project_id=~"$project|",location="$location",service_name="$service"'
    where = f'{{{service},revision_name=~"$revisions",{marked}}}'
    return {
        "kind": "share",
        "title": marked,
        "unit": "requests",
        "ingestion_seconds": None,
        "direction": "lower",
        "minimum_evidence": 5,
        "total": f"http_request_duration_seconds_count{where}",
        "bad": f"http_request_errors_total{where}",
        "target_percent": 2,
        "trigger_percent": 20,
    }


class Rates:
    """The second product, a service of the test's own, and the tasks of one release of it."""

    def __init__(self, hook: CloudRunTrafficHook, image: str, policy: Policy, ledger: Ledger) -> None:
        self.hook, self.ledger, self.policy = hook, ledger, policy
        (service,) = policy.services.values()
        self.address = ServiceAddress(PROJECT, LOCATION, service.names["production"])
        made: dict[str, Any] = {"env": {}, "secrets": {}, "labels": {}, "base": None, "tag": None}
        self.stable = f"{self.address.service}-stable"
        hook.deploy_revision(
            self.address,
            revision=self.stable,
            image=f"{image}:1.0.0",
            min_instances=1,
            max_instances=2,
            timeout=SECONDS,
            **made,
        )
        self.run_id = f"manual__{uuid.uuid4().hex}"
        run = SimpleNamespace(run_id=self.run_id, conf={}, triggering_user_name="ada")
        self.context: Any = {"params": {"version": "1.1.0", "reason": None}, "dag_run": run} | run_with()
        plan = plan_release(
            {"version": "1.1.0"},
            run_id=self.run_id,
            known_fields=("version",),
            policy=policy,
            resolve_digest=lambda _: f"{image}:1.1.0",
        )
        self.release_id, self.revision = plan.release_id, plan.progressive.revisions["production"]
        self.validated = {"plan": plan.model_dump(mode="json"), "policy": policy.model_dump(mode="json")}

    def run(self, operator: ReleaseOperator) -> Any:
        """Run a task to its end."""
        operator.cloud_run = self.hook
        return run_to_end(operator, self.context)

    def begin(self) -> None:
        """Open the release, and deploy its revision."""
        self.run(OpenReleaseOperator(task_id="open_release", validated=self.validated))
        self.run(DeployRevisionsOperator(task_id="deploy_revisions", environment="production"))

    def phase(self, phase: Any) -> PhaseBaked:
        """Shift the traffic of a phase, bake it, and judge it at its gate."""
        self.run(ShiftTrafficOperator(task_id="shift_traffic", phase=phase))
        self.run(BakeSensor(task_id="bake", phase=phase))
        baked = self.ledger.get(self.release_id, PhaseBaked, phase=phase)
        assert baked is not None
        gate = BakeGateOperator(task_id="go_or_rollback", phase=phase)
        gate.cloud_run = self.hook
        decided = gate.judge(self.ledger.release(self.release_id), self.context)
        assert decided.verdict == baked.verdict, decided.reason
        self.ledger.append(self.release_id, decided)
        return baked

    def counted(self, phase: str, metric: str) -> float:
        """Return how many events of the new revision a phase's evidence has."""
        evidence = self.ledger.get(self.release_id, EvidenceRecorded, phase=phase)
        assert evidence is not None
        looks = [canary for _, canary, _ in evidence.record().checks() if not isinstance(canary, str)]
        return sum(canary[metric].total for canary in looks)

    def split(self) -> dict[str, int]:
        return dict(serving_split(self.hook.get_service(self.address)))


@pytest.fixture
def rates(
    cloud_run: CloudRunTrafficHook,
    cloud_server: Settings,
    prometheus_server: Settings,
    ledger: Ledger,
    fault: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Rates]:
    """The product, its release not begun; the fault is the new revision's."""
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", str(cloud_server.registry_port))
    promql = {"conn_type": "http", "host": prometheus_server.prometheus_url}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_PROMQL", json.dumps(promql))
    document = load_policy("sandbox-rates.yaml").model_dump(mode="json")
    document["environments"]["production"]["project_id"] = PROJECT
    service = document["services"]["rates"]
    service |= {"names": {"production": f"rates-{uuid.uuid4().hex[:8]}"}, "env": fault}
    document["metrics"] = {
        USERS: share('synthetic!="true"'),
        SYNTHETIC: share('synthetic="true"'),
    }
    document["phases"] = {
        name: {"traffic_percent": percent, "bake_seconds": 5, "extension_seconds": 90}
        for name, percent in (("canary", 40), ("half", 50), ("full", 100))
    }
    document["checklist"]["notification"] = None
    document["decision"]["promotion_evidence"] = 20
    document["synthetic_requests"] = {
        "journey": [{"path": "/v1/rates"}],
        "requests_per_second": 5,
        "metrics": {USERS: SYNTHETIC},
    }
    policy = parse_policy(document, source="of the test")
    made = Rates(cloud_run, f"{HOST}:{cloud_server.registry_port}/rates/exchange-rates", policy, ledger)
    yield made
    from google.cloud import run_v2

    cloud_run.api_client(run_v2.ServicesClient).delete_service(name=made.address.name)


@pytest.fixture
def users(rates: Rates) -> Iterator[None]:
    """A few users."""
    over, url = threading.Event(), rates.hook.get_service(rates.address).uri

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            while not over.wait(1 / USERS_PER_SECOND):
                client.get("/v1/rates")

    thread = threading.Thread(target=ask)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("fault", [{}])
def test_a_good_release_with_few_users_is_promoted(rates: Rates) -> None:
    rates.begin()
    for phase in ("canary", "half", "full"):
        baked = rates.phase(phase)
        assert baked.verdict is Verdict.PROMOTE, baked.reason
        # The new revision has a part of the service's requests besides those to its tag.
        assert rates.counted(phase, SYNTHETIC) > 10
        assert rates.counted(phase, USERS) >= 5
    promoted = rates.context["outlet_events"] = {RELEASE_PROMOTED: SimpleNamespace()}
    rates.run(ClosePromotedOperator(task_id="close_promoted", outlets=[RELEASE_PROMOTED]))
    assert promoted[RELEASE_PROMOTED].extra["product"] == rates.policy.name
    assert rates.ledger.release(rates.release_id).outcome == "promoted"
    assert rates.split() == {rates.revision: 100}


@pytest.mark.parametrize("fault", [{"FAULT_ERROR_RATE": "0.7"}])
def test_a_bad_release_is_rolled_back_before_a_user_meets_it(rates: Rates) -> None:
    rates.begin()
    baked = rates.phase("canary")
    assert baked.verdict is Verdict.ROLLBACK, baked.reason
    assert rates.counted("canary", USERS) == 0
    rates.run(RollBackTrafficOperator(task_id="roll_back_traffic"))
    rates.run(CloseRolledBackOperator(task_id="close_release"))
    assert rates.ledger.release(rates.release_id).outcome == "rolled_back"
    assert rates.split() == {rates.stable: 100}
