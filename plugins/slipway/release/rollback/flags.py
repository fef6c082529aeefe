"""The feature flags on the way back: as they were when the release began."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.exceptions import SlipwayError
from slipway.ledger.entries import ConfigurationChange, ConfigurationWritten, FlagsRolledBack, ReleaseOpened
from slipway.policy.release import EnvironmentName
from slipway.release.configuration import ROLLBACK_ALIAS, ConfigurationStore, changes

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger, Release
    from slipway.policy.configuration import Document
    from slipway.policy.release import Policy

log = logging.getLogger(__name__)


def reason_to_keep_flags(release: Release, ledger: Ledger, environment: EnvironmentName) -> str | None:
    """Return why a rollback leaves the flags as they are, None when it writes them.

    :param release: the release to undo.
    :param ledger: the record of the releases.
    :param environment: ``staging`` or ``production``.
    """
    if ledger.get(release.release_id, ConfigurationWritten, environment=environment) is None:
        return f"release {release.release_id}: wrote no configuration"
    if release.plan.follows is not None:
        # The secret's alias reaches every region: the earlier ones keep the version, and its flags.
        return f"release {release.release_id}: the regions before it keep their flags"
    return None


def roll_back_flags(
    release: Release,
    cloud_run: CloudRunTrafficHook,
    ledger: Ledger,
    environment: EnvironmentName,
    *,
    gcp_conn_id: str,
) -> FlagsRolledBack:
    """Return the flags to the versions in force when the release began.

    Where nothing changed since, nothing is written. A setting that the release brought, with ``on_rollback``
    in the policy, has no earlier state: the policy's value is written. A document stays as it is where a
    setting would change in another region, whose serving revision follows the same secret.

    A revision mounts its version by number, so that writing another reaches nothing that runs. A product that
    knows where its document is (``<VARIABLE>_REFERENCE``) follows the alias ``rollback`` while the version
    there is newer than its own: the revision that serves again switches over within seconds, and the next
    release, whose version is newer still, does not. Therefore an earlier content is written as a new version.
    Done again it writes nothing.

    :param release: the release to undo.
    :param cloud_run: the door to Cloud Run.
    :param ledger: the record of the releases.
    :param environment: ``staging`` or ``production``.
    :param gcp_conn_id: connection to Google Cloud.
    :return: the versions in force, and which of them the serving revision follows.
    """
    store = ConfigurationStore(release, environment, cloud_run, gcp_conn_id)
    opened = ledger.get(release.release_id, ReleaseOpened)
    began = {} if opened is None else opened.configuration
    running = store.running()
    versions, found, switched_off = dict[str, int](), list[ConfigurationChange](), list[str]()
    kept = dict[str, tuple[str, ...]]()
    documents = {
        name: document for name, document in release.policy.configuration.items() if document.rolls_back
    }
    for name, document in documents.items():
        before, now = began.get(name), running.get(name)
        earlier = None if before is None else store.read(name, before.in_force)
        content, brought = content_after(document, earlier)
        if before is not None and now is not None and not brought and now.in_force == before.in_force:
            versions[name] = int(before.in_force)
            continue
        reached = tuple(_regions_changed(release, environment, name, content, cloud_run, gcp_conn_id))
        if reached:
            kept[name] = reached
            versions |= {} if now is None else {name: int(now.in_force)}
            continue
        versions[name] = store.secrets.add_version(
            **store.secret(name), data=json.dumps(content, sort_keys=True).encode()
        )
        store.secrets.point_alias(**store.secret(name), alias=ROLLBACK_ALIAS, version=versions[name])
        found += changes(name, document, None if now is None else now.content, content)
        switched_off += [f"{name} {key}" for key in brought]
    return FlagsRolledBack(
        environment=environment,
        versions=versions,
        serving={name: running[name].in_force for name in documents if name in running},
        changes=tuple(found),
        switched_off=tuple(switched_off),
        serving_follows={name: name in running and running[name].follows for name in documents},
        kept_for=kept,
    )


@dataclass(frozen=True)
class _Elsewhere:
    """Another region of production, as a release to it would find it."""

    policy: Policy
    stable: Mapping[str, Mapping[str, int]]


def _regions_changed(
    release: Release,
    environment: EnvironmentName,
    document: str,
    content: Mapping[str, Any],
    cloud_run: CloudRunTrafficHook,
    gcp_conn_id: str,
) -> Iterator[str]:
    """Yield the other regions in which a setting would change; one that cannot be read counts as such."""
    policy = release.policy
    for region in policy.regions if environment == "production" else ():
        if region == policy.region:
            continue
        store = ConfigurationStore(
            _Elsewhere(policy.in_region(region), {}), environment, cloud_run, gcp_conn_id
        )
        try:
            now = store.running().get(document)
        except SlipwayError as error:
            log.warning("Region %s cannot be read, so that its flags stay: %s", region, error)
            yield region
            continue
        if now is not None and now.follows and changes_settings(now.content or {}, content):
            yield region


def changes_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a setting that is there becomes another one, or goes; one that is not there is unknown anyway.

    :param before: content in force.
    :param after: content that would be.
    """
    return any(key not in after or after[key] != value for key, value in before.items())


def content_after(
    document: Document, earlier: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Return what a document says after a rollback, and the settings in it that the release brought.

    :param document: as the policy has it.
    :param earlier: content in force when the release began; None when nothing that serves mounted it.
    """
    missing = {key: value for key, value in document.on_rollback.items() if key not in (earlier or {})}
    base = document.content(rolled_back=True) if earlier is None else earlier
    return {**base, **missing}, list(missing)
