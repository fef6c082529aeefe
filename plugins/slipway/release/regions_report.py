"""What every region serves when the release to one of them has ended, and how the earlier ones go back."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slipway.exceptions import CloudRunError, ServiceNotFound
from slipway.release.address import service_address
from slipway.release.regions import earlier_releases
from slipway.release.rollback.record import rollback_commands
from slipway.release.serving_versions import version_of

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger, Release

log = logging.getLogger(__name__)


def serving_by_region(
    release: Release, cloud_run: CloudRunTrafficHook, ledger: Ledger
) -> dict[str, dict[str, Any]]:
    """Return by region and service which revision and version serves how much.

    :param release: a release; its policy names the regions.
    :param cloud_run: Cloud Run hook.
    :param ledger: record of the releases, which knows the version of a revision.
    :return: region to service to revision to ``percent`` and ``version``.
    """
    return {region: _serving(release, region, cloud_run, ledger) for region in release.policy.regions}


def kept_regions(release: Release, ledger: Ledger) -> Mapping[str, Sequence[str]]:
    """Return the earlier regions that keep the version although this release was rolled back.

    :param release: a closed release.
    :param ledger: record of the releases.
    :return: region to the commands that give its traffic back; empty when the release was not rolled back.
    """
    if release.outcome != "rolled_back":
        return {}
    return {
        earlier.policy.region: rollback_commands(earlier.policy, earlier.stable)
        for earlier in earlier_releases(release, ledger)
    }


def kept_message(release: Release, kept: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Return subject and text of the message that tells the team which regions keep the version.

    :param release: a release that was rolled back.
    :param kept: what :func:`kept_regions` returned.
    """
    ended = f"Release {release.version} was rolled back in {release.policy.region}"
    regions = f"{', '.join(kept)} keep it"
    commands = "\n".join(command for found in kept.values() for command in found)
    text = (
        f"{ended}: {release.reason}\n{regions}. To give their traffic back to what served before:\n"
        f"{commands or 'nothing served before'}"
    )
    return f"{ended}; {regions}", text


def _serving(release: Release, region: str, cloud_run: CloudRunTrafficHook, ledger: Ledger) -> dict[str, Any]:
    """Return who serves in a region; another region's outage does not prevent the report."""
    from slipway.hooks.cloud_run.hook import serving_split

    policy, found = release.policy, dict[str, Any]()
    for service in release.plan.services.values():
        name = service.names["production"]
        address = service_address(policy, name, region=region)
        try:
            split = serving_split(cloud_run.get_service(address))
            found[name] = {
                revision: {
                    "percent": percent,
                    "version": version_of(
                        cloud_run.get_revision(address, revision), revision, policy, ledger
                    ),
                }
                for revision, percent in split.items()
            }
        except ServiceNotFound:
            found[name] = {}
        except CloudRunError as error:
            log.warning("Region %s: service %s cannot be read: %s", region, name, error)
            found[name] = {"unknown": str(error)}
    return found
