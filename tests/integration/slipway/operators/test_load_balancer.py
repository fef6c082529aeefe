"""A release whose traffic would not arrive is refused, before it and before the next region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.exceptions import LoadBalancerMisconfigured
from slipway.operators.load_balancer import CheckLoadBalancerOperator
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import plan_release

from sandbox.cloud.load_balancer.api import Backend, Group, LoadBalancers
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox

PROJECT, SERVICE = "netra-production", "netra-backend-prod"
CONTEXT: Any = {"params": {"version": "1.1.0"}, "dag_run": SimpleNamespace(run_id="by hand")}


@pytest.fixture(autouse=True)
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    us = Group("us-central1", "neg-us", SERVICE)
    with served(LoadBalancers({"netra-backend": Backend((us,), project=PROJECT)}).routes()) as url:
        extra = {"project": PROJECT, "is_anonymous": True, "api_endpoints": {"compute": url}}
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        yield


def policy(*regions: str, **load_balancer: str) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    document["environments"]["production"] |= {"project_id": PROJECT, "regions": list(regions)}
    document["load_balancer"] = {"backend_services": load_balancer} if load_balancer else None
    return parse_policy(document, source="of the test")


def check(judged_by: Policy) -> list[str]:
    plan = plan_release(
        {"version": "1.1.0"},
        run_id="by hand",
        known_fields=("version",),
        policy=judged_by,
        resolve_digest=lambda image: f"{image}@sha256:{'0' * 64}",
    )
    validated = {"plan": plan.model_dump(mode="json"), "policy": judged_by.model_dump(mode="json")}
    return CheckLoadBalancerOperator(task_id="check_load_balancer", validated=validated).check(CONTEXT)


def test_a_region_that_it_does_not_lead_to_is_refused() -> None:
    assert check(policy("us-central1", backend="netra-backend")) == ["netra-backend"]
    with pytest.raises(LoadBalancerMisconfigured, match=rf"region europe-west1: no .* leads to {SERVICE}"):
        check(policy("us-central1", "europe-west1", backend="netra-backend"))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(LoadBalancerMisconfigured) as caught:
        check(policy("us-central1", auth="netra-backend", frontend="absent"))
    first, second = str(caught.value).splitlines()
    assert "leads to netra-backend-prod; it must lead to netra-auth-prod" in first
    assert "backend service absent: there is none" in second


def test_a_policy_without_one_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT")
    with pytest.raises(AirflowSkipException, match="names no load balancer"):
        check(policy("us-central1", "europe-west1"))
