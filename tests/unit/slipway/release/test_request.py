"""A request is checked completely before anything changes."""

from __future__ import annotations

import re

import pytest
from slipway.exceptions import ImageNotFound, RequestRefused
from slipway.ledger.plan import ReleasePlan, release_id
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import plan_release

FIELDS = ("version", "services", "images", "reason", "stable_is_broken", "outside_windows")
RUN = "manual__2026-11-23T10:00:00+00:00"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def resolve(image: str) -> str:
    name, _, tag = image.rpartition(":")
    if tag == "9.9.9":
        raise ImageNotFound(f"image {image}: not in the registry")
    return f"{name}@sha256:{'0' * 64}"


def plan(policy: Policy, **request: object) -> ReleasePlan:
    return plan_release(request, run_id=RUN, known_fields=FIELDS, policy=policy, resolve_digest=resolve)


def test_a_plan_pins_digests_and_names_revisions_by_run(policy: Policy) -> None:
    planned = plan(policy, version="1.1.0")
    assert list(planned.services) == ["backend", "auth", "frontend"]
    backend = planned.services["backend"]
    assert backend.image == f"gcr.io/netra-production/netra-backend@sha256:{'0' * 64}"
    assert backend.revisions["production"] == f"netra-backend-prod-{planned.release_id}"
    assert planned.progressive is backend
    assert plan(policy, version="1.1.0") == planned
    assert release_id("1.1.0", "another run") != planned.release_id


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"version": "latest"}, "version='latest': must look like 1.4.2"),
        ({}, "version=None: must look like 1.4.2"),
        ({"version": "1.1.0\n"}, "version="),
        (
            {"version": "1.1.0", "services": ["bakend"]},
            "services='bakend': unknown service; the policy has backend",
        ),
        ({"version": "1.1.0", "services": []}, "services=[]: must be a list out of backend"),
        ({"version": "1.1.0", "services": ["auth"]}, "must contain backend, whose evidence decides"),
        ({"version": "1.1.0", "images": {"auht": "a:1"}}, "images.auht='a:1': not a service of this release"),
        ({"version": "1.1.0", "images": {"auth": 3}}, "images.auth=3: must be an image reference"),
        ({"version": "1.1.0", "images": "auth"}, "images='auth': must map a service to an image reference"),
        (
            {"version": "1.1.0", "percent": 10},
            "percent=10: unknown field; a release takes version, services, images,",
        ),
        ({"version": f"1.1.0-{'x' * 40}"}, "characters"),
        (
            {"version": "1.1.0", "stable_is_broken": True},
            "reason='': a release over a broken stable must say",
        ),
        ({"version": "1.1.0", "stable_is_broken": True, "reason": " bad "}, "reason='bad'"),
        (
            {"version": "1.1.0", "outside_windows": True, "reason": "now"},
            "reason='now': a release outside the release windows must say why it cannot wait",
        ),
        ({"version": "1.1.0", "stable_is_broken": "yes"}, "stable_is_broken='yes': must be true or false"),
    ],
)
def test_a_wrong_request_is_refused_with_field_value_and_what_is_allowed(
    policy: Policy, request_: dict[str, object], message: str
) -> None:
    with pytest.raises(RequestRefused, match=re.escape(message)):
        plan(policy, **request_)


def test_an_image_that_is_not_there_is_refused(policy: Policy) -> None:
    with pytest.raises(ImageNotFound, match=r"netra-backend:9\.9\.9"):
        plan(policy, version="9.9.9")
    with pytest.raises(ImageNotFound, match=r"netra-auth:9\.9\.9"):
        plan(policy, version="1.1.0", images={"auth": f"{policy.services['auth'].image}:9.9.9"})


OWN = "gcr.io/netra-production/netra-auth"


@pytest.mark.parametrize(
    "image",
    [
        "docker.io/library/netra-auth:1.1.0",
        "gcr.io/netra-production/netra-backend:1.1.0",
        f"{OWN}-evil:1.1.0",
        f"{OWN}/inner:1.1.0",
        "gcr.io/netra-production/other/netra-auth:1.1.0",
        f"evil.example/{OWN}:1.1.0",
        f"us-docker.pkg.dev/hotfixes/netra-backend@sha256:{'0' * 64}",
        OWN,
    ],
)
def test_an_image_of_another_place_or_another_service_is_refused(policy: Policy, image: str) -> None:
    document = policy.model_dump(mode="json") | {"images": {"registries": ["us-docker.pkg.dev/hotfixes"]}}
    with pytest.raises(
        RequestRefused, match=re.escape(f"images.auth={image!r}: must be in {OWN} or us-docker")
    ):
        plan(parse_policy(document, source="test"), version="1.1.0", images={"auth": image})


@pytest.mark.parametrize("mark", [":1.1.0", f"@sha256:{'0' * 64}"])
@pytest.mark.parametrize("place", [OWN, "us-docker.pkg.dev/hotfixes/netra-auth"])
def test_an_image_of_the_policys_places_is_taken(policy: Policy, place: str, mark: str) -> None:
    document = policy.model_dump(mode="json") | {"images": {"registries": ["us-docker.pkg.dev/hotfixes"]}}
    planned = plan(parse_policy(document, source="test"), version="1.1.0", images={"auth": f"{place}{mark}"})
    assert planned.services["auth"].image.startswith(place)


def test_a_broken_stable_is_on_record_and_nothing_is_compared_with_it(policy: Policy) -> None:
    request = {"version": "1.1.0", "stable_is_broken": True, "reason": "it answers 503 to everybody"}
    assert plan(policy, **request).stable_is_broken
    assert not plan(policy, version="1.1.0").stable_is_broken
    alone = policy.without_stable()
    assert not [m for m in alone.metrics.values() if getattr(m, "compare_with_stable", False)]
    assert [m for m in policy.metrics.values() if getattr(m, "compare_with_stable", False)]
