"""Releasing region by region: the release that a later region follows, its plan, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from slipway.analysis.verdict import Decision
from slipway.exceptions import ReleaseUnknown, RequestRefused, ServiceNotFound
from slipway.ledger.plan import ReleasePlan, release_id
from slipway.policy.release import Policy
from slipway.release.address import service_address
from slipway.release.inheritance import inherited, judge_inherited
from slipway.release.request import (
    requested_flag,
    requested_outside_windows,
    requested_over_broken_stable,
    requested_version,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger, Release

_VALIDATED = ("services", "images")


def requested_region(request: Mapping[str, Any], policy: Policy) -> str:
    """Return the region of production that a request names; without one it is the first.

    :param request: the run's conf: ``region`` and ``follows``, both optional.
    :param policy: names the regions.
    :raises RequestRefused: when production does not run there, or the first region is to follow a release.
    """
    region = request.get("region") or policy.regions[0]
    if region not in policy.regions:
        raise RequestRefused(f"region={region!r}: must be one of {', '.join(policy.regions)}")
    if region == policy.regions[0] and request.get("follows") is not None:
        raise RequestRefused(
            f"follows={request['follows']!r}: {region} is the first region and follows no release; leave"
            " follows out"
        )
    return str(region)


def requested_regions(request: Mapping[str, Any], policy: Policy) -> Sequence[str]:
    """Return the regions that a version goes to, one after the other.

    :param request: the run's conf; ``region`` is where to begin, without it the first of the policy.
    :param policy: names the regions, in their order.
    :return: the regions from there on.
    :raises RequestRefused: when production does not run in the region.
    """
    return policy.regions[policy.regions.index(requested_region(request, policy)) :]


def conf_of_region(request: Mapping[str, Any], region: str, previous: Release | None) -> dict[str, Any]:
    """Return the conf of the run that releases to a region.

    :param request: what a person asked for, for all regions.
    :param region: region of the run.
    :param previous: release to the region before, whose plan and policy count; None where the row begins.
    """
    if previous is None:
        return {**request, "region": region}
    passed_on = ("version", "policy", "reason", "outside_windows")
    return {
        **{key: request[key] for key in passed_on if key in request},
        "region": region,
        "follows": previous.release_id,
    }


def inherit_evidence(release: Release, ledger: Ledger) -> Decision:
    """Copy what the release to the region before proved of the version, and decide whether it is enough.

    The entries are written with where they come from: the release, and the entry's hash in its chain.

    :param release: a later region's release.
    :param ledger: record of the releases.
    :return: the decision.
    """
    source = str(release.plan.follows)
    for entry in inherited(source, ledger.entries(source)):
        ledger.append(release.release_id, entry)
    return judge_inherited(ledger.entries(release.release_id), release.policy, source=source)


def followed(request: Mapping[str, Any], policy: Policy, ledger: Ledger) -> Release:
    """Return the release whose evidence a later region inherits.

    :param request: the run's conf: ``version``, and optionally ``follows``; without it the newest promotion
        of the version in the region before counts.
    :param policy: the policy, in the later region.
    :param ledger: the record of the releases.
    :raises RequestRefused: when the region before has no such promotion, or its record was changed.
    """
    version, region, before = request["version"], policy.region, policy.region_before
    if before is None:
        raise RequestRefused(f"region={region!r}: is the first of {', '.join(policy.regions)}")
    first = f"promote it in {before} first; a release without region begins in {policy.regions[0]}"
    identifier = request.get("follows")
    try:
        found = (
            ledger.promoted(policy.name, version, before)
            if identifier is None
            else ledger.release(str(identifier))
        )
    except ReleaseUnknown as error:
        raise RequestRefused(f"follows={identifier!r}: {error}; {first}") from error
    if found is None:
        raise RequestRefused(
            f"region={region!r}: version {version} was not promoted in {before}, the region before; {first}"
        )
    about = f"release {found.release_id} of version {found.version} to {found.policy.region}"
    if (found.plan.policy_name, found.version, found.policy.region) != (policy.name, version, before):
        raise RequestRefused(
            f"follows={found.release_id!r}: is the {about} of {found.plan.policy_name}; {first}"
        )
    if found.outcome != "promoted":
        raise RequestRefused(
            f"region={region!r}: the {about} is {found.outcome or 'still open'}, not promoted; {first}"
        )
    if not ledger.verification.of(found.release_id).holds:
        raise RequestRefused(
            f"region={region!r}: the record of the {about} was changed afterwards; it is no evidence"
        )
    return found


def plan_following(
    request: Mapping[str, Any], earlier: Release, *, region: str, run_id: str, known_fields: Sequence[str]
) -> tuple[ReleasePlan, Policy]:
    """Plan the release of an earlier release's images to a later region, by the same policy.

    :param request: the run's conf.
    :param earlier: the release to the region before.
    :param region: the later region.
    :param run_id: Airflow run id.
    :param known_fields: fields a request may have.
    :raises RequestRefused: naming the field, its value and what is allowed.
    """
    version = requested_version(request, known_fields)
    for field in _VALIDATED:
        if request.get(field) is not None:
            raise RequestRefused(
                f"{field}={request[field]!r}: {region} gets what release {earlier.release_id} was validated"
                f" with; leave {field} out"
            )
    policy, broken = earlier.policy.in_region(region), requested_over_broken_stable(request)
    if broken:
        policy = policy.without_stable()
    if request.get("canary_percent") is not None:
        policy = policy.with_canary_percent(request["canary_percent"])
    identifier = release_id(version, run_id)
    services = {
        key: service.model_copy(
            update={
                "revisions": {
                    **service.revisions,
                    "production": f"{service.names['production']}-{identifier}",
                }
            }
        )
        for key, service in earlier.plan.services.items()
    }
    plan = earlier.plan.model_copy(
        update={
            "release_id": identifier,
            "run_id": run_id,
            "stable_is_broken": broken or earlier.plan.stable_is_broken,
            # What somebody deployed in another region is another change; a version goes again everywhere.
            "leave_out_newest": requested_flag(request, "leave_out_newest"),
            "release_again": requested_flag(request, "release_again") or earlier.plan.release_again,
            "outside_windows": requested_outside_windows(request),
            "follows": earlier.release_id,
            "services": services,
        }
    )
    return plan, policy


def earlier_releases(release: Release, ledger: Ledger) -> Iterator[Release]:
    """Yield the releases that a release follows, the region before it first."""
    while release.plan.follows is not None:
        release = ledger.release(release.plan.follows)
        yield release


def require_served(releases: Sequence[Release], cloud_run: CloudRunTrafficHook) -> None:
    """Make sure that earlier regions still serve what a later one is to get.

    :param releases: the releases to the earlier regions.
    :param cloud_run: the door to Cloud Run.
    :raises RequestRefused: naming the region, and what serves there.
    """
    from slipway.hooks.cloud_run.hook import serving_split

    for release in releases:
        region = release.policy.region
        for service in release.plan.services.values():
            name, own = service.names["production"], service.revisions["production"]
            try:
                live = cloud_run.get_service(service_address(release.policy, name))
            except ServiceNotFound as error:
                raise RequestRefused(f"region {region} does not serve {release.version}: {error}") from error
            split = serving_split(live)
            if split != {own: 100}:
                raise RequestRefused(
                    f"region {region} does not serve {release.version} any more: {name} serves {split}, not"
                    f" {own} alone; release a version to {release.policy.regions[0]} again"
                )
