"""The regions of production: one stays as it was, several are an order, and what does not fit is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.exceptions import PolicyError
from slipway.policy.release import Policy, load_policy, parse_policy

REGIONS = ["us-central1", "europe-west1", "asia-northeast1"]


def document(regions: Sequence[str] | None = None, environment: str = "production") -> dict[str, Any]:
    made = load_policy("release.yaml").model_dump(mode="json")
    if regions is not None:
        place = made["environments"][environment]
        del place["location"]
        place["regions"] = list(regions)
    return made


def refused(made: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(message)):
        parse_policy(made, source="x.yaml")


def order(policy: Policy) -> tuple[str | None, str, str | None]:
    return policy.region_before, policy.region, policy.region_after


def test_one_location_is_the_only_region() -> None:
    policy = load_policy("release.yaml")
    assert policy.regions == ("us-central1",)
    assert order(policy) == (None, "us-central1", None)


def test_a_policy_on_record_from_before_there_were_regions_still_reads() -> None:
    made = document()
    for place in made["environments"].values():
        del place["regions"]
    assert parse_policy(made, source="of release v1") == load_policy("release.yaml")


def test_a_release_begins_in_the_first_region_and_knows_its_neighbours_in_each() -> None:
    policy = parse_policy(document(REGIONS), source="x.yaml")
    assert order(policy) == (None, "us-central1", "europe-west1")
    assert order(policy.in_region("europe-west1")) == ("us-central1", "europe-west1", "asia-northeast1")
    assert order(policy.in_region("asia-northeast1")) == ("europe-west1", "asia-northeast1", None)
    again = policy.in_region("europe-west1").in_region("us-central1")
    assert again == policy
    assert policy.in_region("europe-west1").metrics == policy.metrics


def test_a_region_that_is_none_of_them_is_refused() -> None:
    policy = parse_policy(document(REGIONS), source="x.yaml")
    with pytest.raises(PolicyError, match=r"location=europe-west9: must be one of regions \(us-central1, "):
        policy.in_region("europe-west9")


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (["us-central1", "us-central1"], "regions=us-central1, us-central1: us-central1 is there twice"),
        (
            ["us-central1", "moon"],
            "production.regions[1]=moon: must be a region such as us-central1",
        ),
        (["us-central1-a"], "environments.production.regions[0]=us-central1-a: must be a region"),
        ([], "environments.production.location: missing"),
    ],
)
def test_regions_that_are_none_are_named(regions: list[str], message: str) -> None:
    refused(document(regions), message)


def test_staging_has_one_region() -> None:
    refused(document(REGIONS[:2], "staging"), "environments.staging.regions=us-central1, europe-west1: ")


def test_with_several_regions_every_query_is_of_one() -> None:
    made = document(REGIONS)
    made["metrics"]["error_rate"]["bad"] = 'errors{service_name="$service",revision_name=~"$revisions"}'
    refused(made, "metrics.error_rate.bad=errors{")
    refused(made, 'production has 3 regions, each judged by what it serves itself; add location="$location"')
    one = document(["us-central1"])
    one["metrics"] = made["metrics"]
    assert parse_policy(one, source="x.yaml").regions == ("us-central1",)


def test_with_several_regions_each_is_asked_at_a_url_of_its_own() -> None:
    made = document(REGIONS)
    made["services"]["backend"]["url"] = "https://app.example.com"
    refused(
        made, "services.backend.url=https://app.example.com: production has 3 regions, each asked by itself"
    )
    made["services"]["backend"]["url"] = "https://$location.example.com"
    assert parse_policy(made, source="x.yaml").services["backend"].url is not None
    one = document(["us-central1"])
    one["services"]["backend"]["url"] = "https://app.example.com"
    assert parse_policy(one, source="x.yaml").region == "us-central1"


def test_an_identity_token_goes_to_no_url_in_clear() -> None:
    made = document(["us-central1"])
    made["services"]["backend"] |= {"url": "http://app.example.com", "requires_identity": True}
    refused(made, "services.backend: url=http://app.example.com: must be https:// where requires_identity is")


def test_the_load_balancer_names_services_of_the_policy() -> None:
    made = document() | {"load_balancer": {"backend_services": {"bakend": "netra-backend"}}}
    refused(made, "load_balancer.backend_services: bakend is not one of backend, auth, frontend")


def test_a_file_begins_with_the_first_region(tmp_path: Path) -> None:
    made = document(REGIONS)
    made["environments"]["production"]["location"] = "europe-west1"
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(made))
    with pytest.raises(PolicyError, match=r"x.yaml: environments.production.location=europe-west1: .* us-"):
        load_policy("x.yaml", directory=tmp_path)
