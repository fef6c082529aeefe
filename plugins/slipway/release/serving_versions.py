"""Which application versions serve: what a schema has to be readable for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from slipway.exceptions import ReleaseUnknown, RevisionNotFound, ServiceNotFound
from slipway.ledger.plan import VERSION_PATTERN
from slipway.release.address import service_address

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger
    from slipway.policy.release import EnvironmentName, Policy


class Begun(Protocol):
    """What is known when a release begins, and of every one on record."""

    @property
    def policy(self) -> Policy:
        """The policy that it is judged by."""

    @property
    def stable(self) -> Mapping[str, Mapping[str, int]]:
        """By production service, the split that served when it began."""


RELEASE_LABEL = "slipway-release"


def serving_revision(
    release: Begun, environment: EnvironmentName, service: str, cloud_run: CloudRunTrafficHook
) -> str | None:
    """Return the short name of the revision that serves a service, None when none does.

    In production that is the recorded rollback target, however much the release's own revision serves by now.

    :param release: the release that asks.
    :param environment: ``staging`` or ``production``.
    :param service: name of the Cloud Run service.
    :param cloud_run: the door to Cloud Run.
    :raises CloudRunError: when the service cannot be read.
    """
    from slipway.hooks.cloud_run.hook import serving_split

    if environment == "production" and service in release.stable:
        return next(iter(release.stable[service]), None)
    try:
        live = cloud_run.get_service(service_address(release.policy, service, environment))
    except ServiceNotFound:
        return None
    split = serving_split(live)
    return max(split, key=lambda revision: split[revision], default=None)


def stable_versions(policy: Policy, cloud_run: CloudRunTrafficHook, ledger: Ledger) -> dict[str, str]:
    """Return the version of every production revision that has traffic and uses the database, in any region.

    A service that does not exist yet has none. A revision that a release made has that release's version. Any
    other one has its image's tag when that is a version, and what the policy assumes when it is not.

    :param policy: names the services that use the database.
    :param cloud_run: the door to Cloud Run.
    :param ledger: the record of the releases.
    :return: ``stable <service>``, with the region and the revision where there are several, to version.
    :raises CloudRunError: when a service cannot be read.
    """
    from slipway.hooks.cloud_run.hook import serving_split

    found: dict[str, str] = {}
    for region, key in itertools.product(policy.regions, policy.database_services):
        name = policy.services[key].names["production"]
        address = service_address(policy, name, region=region)
        try:
            split = serving_split(cloud_run.get_service(address))
        except ServiceNotFound:
            continue  # nobody is served there yet
        place = f"stable {key}" if len(policy.regions) == 1 else f"stable {key} in {region}"
        for revision in split:
            who = place if len(split) == 1 else f"{place} ({revision})"
            found[who] = version_of(cloud_run.get_revision(address, revision), revision, policy, ledger)
    return found


def target_versions(
    policy: Policy,
    targets: Mapping[str, str | None],
    cloud_run: CloudRunTrafficHook,
    ledger: Ledger,
) -> dict[str, str]:
    """Return the versions that a rollback would give the traffic to, of the services that use the database.

    :param policy: names the services that use the database.
    :param targets: by service name the revision to return to, None when there is none.
    :param cloud_run: the door to Cloud Run.
    :param ledger: the record of the releases.
    :return: version by service name.
    :raises CloudRunError: when a revision cannot be read.
    """
    names = {policy.services[key].names["production"] for key in policy.database_services}
    found: dict[str, str] = {}
    for name in sorted(names.intersection(targets)):
        revision = targets[name]
        if revision is None:
            continue
        try:
            seen = cloud_run.get_revision(service_address(policy, name), revision)
        except RevisionNotFound:
            continue  # on record as a finding: there is nothing to return to
        found[name] = version_of(seen, revision, policy, ledger)
    return found


def version_of(revision: run_v2.Revision, name: str, policy: Policy, ledger: Ledger) -> str:
    """Return the application version of a production revision.

    :param revision: the revision as read.
    :param name: its short name.
    :param policy: says which version is assumed of one that no release made and whose image has none.
    :param ledger: the record of the releases.
    """
    from slipway.hooks.cloud_run.revision import image_of

    try:
        release = ledger.release(revision.labels.get(RELEASE_LABEL, ""))
    except ReleaseUnknown:
        pass
    else:
        # Whoever deploys by hand takes the label over from the revision before.
        if name in {service.revisions["production"] for service in release.plan.services.values()}:
            return release.version
    tag = image_of(revision).partition("@")[0].rpartition(":")[2]
    if re.fullmatch(VERSION_PATTERN, tag):
        return tag
    return "unknown" if policy.migrations is None else policy.migrations.assumed_version
