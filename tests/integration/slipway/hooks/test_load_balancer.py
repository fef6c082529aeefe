"""What is wrong in front of the services is found through the official clients, by region and group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial

import pytest
from slipway.exceptions import LoadBalancerUnreadable
from slipway.hooks.google.calls import bounded
from slipway.hooks.load_balancer import LoadBalancerHook
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.load_balancer import unfit

from sandbox.cloud.load_balancer.api import Backend, Group, LoadBalancers
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox

PROJECT, SERVICE = "netra-production", "netra-backend-prod"
US, EU = Group("us-central1", "neg-us", SERVICE), Group("europe-west1", "neg-eu", SERVICE)
BACKENDS: Mapping[str, Backend] = {
    "whole": Backend((US, EU), project=PROJECT),
    "one-region": Backend((US,), project=PROJECT),
    "gone": Backend((US,), missing=(("europe-west1", "neg-gone"),), project=PROJECT),
    "elsewhere": Backend((US, Group("europe-west1", "neg-other", "netra-auth-prod")), project=PROJECT),
    "tagged": Backend((US, Group("europe-west1", "neg-tag", SERVICE, tag="candidate")), project=PROJECT),
    "machines": Backend((US, Group("europe-west1", "neg-vm", "", kind="GCE_VM_IP_PORT")), project=PROJECT),
    "internal": Backend((US, EU), project=PROJECT, scheme="INTERNAL_MANAGED"),
}


def connect(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    extra = {"project": PROJECT, "is_anonymous": True, "api_endpoints": {"compute": url}}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadBalancerHook]:
    with served(LoadBalancers(BACKENDS).routes()) as url:
        connect(monkeypatch, url)
        with closing(LoadBalancerHook()) as made:
            yield made


def policy(backend: str) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    production = document["environments"]["production"]
    production |= {"project_id": PROJECT, "regions": ["us-central1", "europe-west1"]}
    document["load_balancer"] = {"backend_services": {"backend": backend}}
    return parse_policy(document, source="of the test")


def test_a_load_balancer_that_leads_to_every_region_is_fit(hook: LoadBalancerHook) -> None:
    assert unfit(policy("whole"), hook) == []
    assert unfit(load_policy("release.yaml"), hook) == [], "without one in the policy nothing is looked at"


@pytest.mark.parametrize(
    ("backend", "finding"),
    [
        ("absent", f"there is none in project {PROJECT}; make it, or correct load_balancer."),
        (
            "one-region",
            f"region europe-west1: no serverless network endpoint group leads to {SERVICE} there (it has",
        ),
        ("gone", "region europe-west1: neg-gone: there is no such network endpoint group; make it"),
        ("elsewhere", f"region europe-west1: neg-other: leads to netra-auth-prod; it must lead to {SERVICE}"),
        ("tagged", f"region europe-west1: neg-tag: leads to the tag candidate, past the split of {SERVICE}"),
        ("machines", "region europe-west1: neg-vm: is GCE_VM_IP_PORT; it must be SERVERLESS"),
        ("internal", "is INTERNAL_MANAGED; it must be EXTERNAL_MANAGED"),
    ],
)
def test_what_is_wrong_is_named_with_the_way_forward(
    hook: LoadBalancerHook, backend: str, finding: str
) -> None:
    (found,) = unfit(policy(backend), hook)
    assert found.startswith(f"backend service {backend}: {finding}")


def test_no_answer_is_not_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.hooks.load_balancer.bounded", partial(bounded, 0.5))
    connect(monkeypatch, "http://127.0.0.1:1")
    with (
        closing(LoadBalancerHook()) as hook,
        pytest.raises(LoadBalancerUnreadable, match=rf"backend service whole \({PROJECT}\): cannot be read"),
    ):
        unfit(policy("whole"), hook)
