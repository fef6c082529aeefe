"""A release whose traffic would not arrive is refused before it is opened."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.exceptions import LoadBalancerMisconfigured
from slipway.hooks import load_balancer as hooks
from slipway.hooks.load_balancer import BackendService, EndpointGroup, GroupAddress
from slipway.operators.load_balancer import CheckLoadBalancerOperator
from slipway.policy.release import Policy, parse_policy

from tests.unit.slipway.on_record import FIRST, LATER, context_of, requested, two_regions


class Hook:
    """A load balancer that leads to one service in the first region."""

    closed = 0

    def __init__(self, **_: Any) -> None:
        pass

    def backend_service(self, *, project_id: str, name: str) -> BackendService | None:
        return BackendService("EXTERNAL_MANAGED", (GroupAddress(project_id, FIRST, "neg-us"),), ())

    def endpoint_group(self, group: GroupAddress) -> EndpointGroup:
        return EndpointGroup("SERVERLESS", "netra-backend-prod", "")

    def close(self) -> None:
        Hook.closed += 1


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "LoadBalancerHook", Hook)
    monkeypatch.setattr(Hook, "closed", 0)


def check(*regions: str, load_balancer: dict[str, Any] | None) -> list[str]:
    document = two_regions().model_dump(mode="json")
    document["environments"]["production"]["regions"] = list(regions)
    document["load_balancer"] = load_balancer
    policy: Policy = parse_policy(document, source="of the test")
    validated = requested("run", policy).as_xcom()
    return CheckLoadBalancerOperator(task_id="check", validated=validated).check(context_of())


def test_every_region_must_be_reached_and_the_hook_is_closed() -> None:
    netra = {"backend_services": {"backend": "netra-backend"}}
    assert check(FIRST, load_balancer=netra) == ["netra-backend"]
    with pytest.raises(LoadBalancerMisconfigured, match=f"region {LATER}: no serverless network endpoint"):
        check(FIRST, LATER, load_balancer=netra)
    assert Hook.closed == 2


def test_a_policy_without_a_load_balancer_asks_nobody() -> None:
    with pytest.raises(AirflowSkipException, match="the policy names no load balancer"):
        check(FIRST, LATER, load_balancer=None)
    assert Hook.closed == 0
