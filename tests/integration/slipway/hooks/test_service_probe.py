"""Who answers at a service's URL: a split that is served, and one that was only accepted."""

from __future__ import annotations

import pytest
from slipway.hooks.service_probe import ServiceProbeHook
from slipway.policy.serving import Verification
from slipway.release.verification import verify_split

from tests.integration.slipway.hooks.web_service import Web

pytestmark = pytest.mark.sandbox

RULES = Verification(
    path="/health",
    revision_header="x-slipway-revision",
    false_alarm_probability=1e-6,
    min_detectable_percent=10,
    settle_seconds=0.5,
)


def test_a_split_is_seen_as_it_is_served_and_not_as_it_is_asked_for(web: Web) -> None:
    url, probe = web.read().uri, ServiceProbeHook()
    split = {web.name("a"): 90, web.name("b"): 10}
    served = verify_split(probe, url, split, RULES, seconds=0.5)
    assert (served["verdict"], served["rounds"]) == ("promote", 1)
    web.shift({"a": 100})
    pinned = verify_split(probe, url, split, RULES, seconds=0.5)
    assert pinned["verdict"] == "rollback"
    assert f"{web.name('b')} answered 0 of" in pinned["reason"]
    web.shift({"b": 100})
    leftover = verify_split(probe, url, {web.name("a"): 100}, RULES, seconds=0.5)
    assert "should answer none" in leftover["reason"]


def test_a_service_that_names_no_revision_cannot_be_verified(web: Web) -> None:
    other = RULES.model_copy(update={"revision_header": "x-nothing"})
    split = {web.name("a"): 90, web.name("b"): 10}
    found = verify_split(ServiceProbeHook(), web.read().uri, split, other, seconds=0.5)
    assert found["verdict"] == "rollback"
    assert "names its revision in x-nothing" in found["reason"]
