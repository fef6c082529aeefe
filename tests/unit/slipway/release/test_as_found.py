"""Services as people have them: found before a release begins, with what follows and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import run_v2
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.address import asked_url
from slipway.release.as_found import service_findings

URL = "https://app.example.com"


def policy(
    *, url: str | None = None, inside: bool = False, asks: bool = True, identity: bool = False
) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    document["services"]["backend"] |= {"url": url, "requires_identity": identity}
    document["environments"]["production"]["workers_inside"] = inside
    if not asks:
        document |= {"verification": None, "warm_up": None}
    return parse_policy(document, source="of the test")


def found(rules: Policy, revision: dict[str, Any] | None = None, **service: Any) -> list[tuple[str, bool]]:
    """Return the findings of a service with these fields, and whether each refuses the release."""
    live = run_v2.Service(uri="https://backend-x.run.app", **service)
    serving = None if revision is None else run_v2.Revision(revision)
    return [(finding.name, finding.refuses) for finding in service_findings(rules, "backend", live, serving)]


def mounted(version: str) -> dict[str, Any]:
    reference = {"secret_key_ref": {"secret": "key", "version": version}}
    return {"containers": [{"image": "i", "env": [{"name": "KEY", "value_source": reference}]}]}


def test_an_open_service_has_nothing_to_know() -> None:
    assert found(policy(), mounted("3"), ingress="INGRESS_TRAFFIC_ALL") == []


def test_a_service_that_admits_any_image_refuses_the_release_where_the_policy_asks() -> None:
    document = load_policy("release.yaml").model_dump(mode="json") | {
        "images": {"binary_authorization": True}
    }
    asks = parse_policy(document, source="of the test")
    assert found(asks) == [("binary_authorization", True)]
    assert found(asks, binary_authorization={"use_default": True}) == []
    assert found(asks, binary_authorization={"policy": "projects/p/platforms/cloudRun/policies/a"}) == []
    assert found(policy()) == []


CLOSED = ({"default_uri_disabled": True}, {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"})


@pytest.mark.parametrize("service", CLOSED)
def test_a_service_that_the_workers_cannot_reach_refuses_the_release(service: dict[str, Any]) -> None:
    name = "default_url_disabled" if "default_uri_disabled" in service else "ingress"
    # neither the smoke tests at the tag's URL nor the verification
    assert found(policy(), **service) == [(name, True), (name, True)]
    assert found(policy(url=URL), **service) == [(name, True), (name, False)], "the tag's URL stays closed"
    assert found(policy(asks=False), **service) == [], "nothing asks"


def test_workers_inside_the_network_reach_a_service_with_internal_ingress() -> None:
    balancer = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    assert found(policy(inside=True), ingress=balancer) == []
    assert [refuses for _, refuses in found(policy(inside=True), ingress="INGRESS_TRAFFIC_NONE")] == [
        True,
        True,
    ]
    assert found(policy(inside=True), default_uri_disabled=True) != []


def test_what_only_weakens_the_evidence_is_named() -> None:
    assert found(policy(), mounted("1") | {"session_affinity": True}) == [("session_affinity", False)]
    assert found(policy(), mounted("latest")) == [("secret_latest", False)]
    assert found(policy(), mounted("")) == [("secret_latest", False)]
    assert found(policy(identity=True), invoker_iam_disabled=True) == [("invoker_check", False)]
    assert found(policy(identity=True), invoker_iam_disabled=False) == []


def test_identity_aware_proxy_turns_the_release_away() -> None:
    assert found(policy(), iap_enabled=True) == [("iap", True)]
    assert found(policy(asks=False), iap_enabled=True) == []


def test_a_finding_says_what_to_do() -> None:
    live = run_v2.Service(ingress="INGRESS_TRAFFIC_INTERNAL_ONLY")
    texts = [finding.text for finding in service_findings(policy(), "backend", live, None)]
    assert all("set environments.production.workers_inside" in text for text in texts)
    assert "or leave warm_up out of the policy" in texts[0]
    assert "or set services.backend.url to the URL that its users come by" in texts[1]


def test_the_url_that_is_asked() -> None:
    live = run_v2.Service(uri="https://backend-x.run.app")
    assert asked_url(policy(), "backend", live) == "https://backend-x.run.app"
    assert asked_url(policy(url="https://$location.example.com"), "backend", live) == (
        "https://us-central1.example.com"
    )
