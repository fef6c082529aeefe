"""The way back of one service, read and checked before anything changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.exceptions import RequestRefused, RevisionNotFound, SecretUnavailable, ServiceNotFound
from slipway.ledger.entries import TargetRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress
    from slipway.hooks.secret_manager import SecretVersionHook

NO_STABLE = "first release: no revision serves, so there is none to return to and none to compare with"


@dataclass(frozen=True)
class RollbackTarget:
    """What served a service when a release began.

    :param service: name of the production service.
    :param revision: the revision that has all the traffic; None when the service has none yet.
    :param image: its image reference.
    :param digest: digest of its image; None when it was deployed by a tag.
    :param secrets: ``<secret>:<version>`` by environment variable.
    :param release: the release that made it, if one did.
    :param state: the whole service as plain data; None when it does not exist.
    :param findings: what is wrong with it as a target; a release goes ahead over these only when it says
        that stable is broken.
    :param note: why there is no target.
    """

    service: str
    revision: str | None = None
    image: str | None = None
    digest: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    min_instances: int | None = None
    max_instances: int | None = None
    release: str | None = None
    state: Mapping[str, Any] | None = None
    findings: tuple[str, ...] = ()
    note: str | None = None

    @property
    def split(self) -> dict[str, int]:
        """The split to return to; empty when there is none."""
        return {} if self.revision is None else {self.revision: 100}

    def as_record(self) -> TargetRecord:
        """Return it as it is put on record, without the state."""
        return TargetRecord(
            service=self.service,
            revision=self.revision,
            image=self.image,
            digest=self.digest,
            mounted=self.secrets,
            min_instances=self.min_instances,
            max_instances=self.max_instances,
            release=self.release,
            findings=self.findings,
            note=self.note,
        )


def read_target(
    cloud_run: CloudRunTrafficHook,
    secrets: SecretVersionHook,
    address: ServiceAddress,
    *,
    release: str,
) -> RollbackTarget:
    """Read what serves a service now, and check that it could serve again.

    :param cloud_run: the door to Cloud Run.
    :param secrets: the door to Secret Manager.
    :param address: where the service is.
    :param release: id of the release that asks.
    :raises ReleaseConflict: when another release holds the service.
    :raises RequestRefused: when the traffic is split: then there is not one revision to return to.
    """
    from slipway.hooks.cloud_run.hook import (
        foreign_lease,
        image_digest,
        image_of,
        secrets_of,
        serving_split,
        state_of,
    )
    from slipway.hooks.cloud_run.leases import held_by

    service = address.service
    try:
        live = cloud_run.get_service(address)
    except ServiceNotFound:
        return RollbackTarget(service, note=NO_STABLE)
    held = foreign_lease(live, release)
    if held is not None:
        raise held_by(live, held)
    if not live.latest_ready_revision:
        return RollbackTarget(service, state=state_of(live), note=NO_STABLE)
    split = serving_split(live)
    if list(split.values()) != [100]:
        raise RequestRefused(
            f"service {service}: serves from {split}; one revision must have 100 % before a release can begin"
        )
    (name,) = split
    try:
        revision = cloud_run.get_revision(address, name)
    except RevisionNotFound as error:
        return RollbackTarget(service, name, state=state_of(live), findings=(str(error),))
    return RollbackTarget(
        service,
        revision=name,
        image=image_of(revision),
        digest=image_digest(revision),
        secrets=secrets_of(revision),
        min_instances=revision.scaling.min_instance_count,
        max_instances=revision.scaling.max_instance_count,
        release=revision.labels.get("slipway-release"),
        state=state_of(live),
        findings=(
            *_unready(revision, live, name),
            *_unusable(secrets, address.project_id, name, secrets_of(revision)),
        ),
    )


def _unready(revision: run_v2.Revision, live: run_v2.Service, name: str) -> list[str]:
    from slipway.hooks.cloud_run.hook import readiness

    seen = readiness(revision, live, name)
    return [] if seen.state == "ready" else [f"revision {name} is not ready: {seen.message or seen.state}"]


def _unusable(
    secrets: SecretVersionHook, project_id: str, revision: str, mounted: Mapping[str, str]
) -> list[str]:
    """Name the secret versions that a new instance of the revision could not read."""
    findings = []
    for variable, mount in mounted.items():
        secret, _, version = mount.rpartition(":")
        try:
            state = _version_state(secrets, project_id, secret, version)
        except SecretUnavailable as error:
            state = str(error)
        if state != "ENABLED":
            findings.append(f"revision {revision}: {variable} is {mount}, which is {state}")
    return findings


def _version_state(secrets: SecretVersionHook, project_id: str, secret: str, version: str) -> str:
    # A secret of another project is named in full; its project is the second part of the name.
    parts = secret.split("/")
    project, name = (parts[1], parts[-1]) if len(parts) > 1 else (project_id, secret)
    return secrets.version_state(project_id=project, secret=name, version=version)
