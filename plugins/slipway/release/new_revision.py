"""What a new revision is made of: the revision that serves, with the policy laid over it.

A variable that a policy manages follows the policy alone: what this policy sets has its value, and what the
policy of the release behind the serving revision set and this one does not is gone. Any other variable of the
serving revision stays. What was deployed after the serving revision plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.exceptions import ReleaseConflict, ReleaseUnknown
from slipway.hooks.secret_version import SecretVersion
from slipway.ledger.entries import ConfigurationWritten, TemplateChange
from slipway.policy.release import EnvironmentName, Policy
from slipway.release.address import service_address
from slipway.release.serving_versions import RELEASE_LABEL, serving_revision

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger, Release

OWN_FIELDS = ("revision", f"label {RELEASE_LABEL}")
"""What names the release itself: it differs always."""


@dataclass(frozen=True)
class Base:
    """The revision that a new one is built on.

    :param revision: as read; None when nothing serves yet.
    :param policy: of the release that made it; None when none on record did.
    """

    revision: run_v2.Revision | None
    policy: Policy | None

    @property
    def name(self) -> str | None:
        """Its short name."""
        return None if self.revision is None else str(self.revision.name).rpartition("/")[2]


def base_of(
    release: Release, environment: EnvironmentName, key: str, cloud_run: CloudRunTrafficHook, ledger: Ledger
) -> Base:
    """Return what a release builds a service's new revision on.

    In production that is the recorded rollback target, in staging what serves there.

    :param release: the release.
    :param environment: ``staging`` or ``production``.
    :param key: the service's key in the policy.
    :param cloud_run: the door to Cloud Run.
    :param ledger: the record of the releases.
    :raises RevisionNotFound: when the recorded revision is gone.
    """
    name = release.policy.services[key].names[environment]
    revision = serving_revision(release, environment, name, cloud_run)
    if revision is None:
        return Base(None, None)
    found = cloud_run.get_revision(service_address(release.policy, name, environment), revision)
    try:
        return Base(found, ledger.release(found.labels.get(RELEASE_LABEL, "")).policy)
    except ReleaseUnknown:
        return Base(found, None)


def made_of(
    release: Release, environment: EnvironmentName, key: str, base: Base, versions: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a new revision is made of, as ``CloudRunTrafficHook.deploy_revision`` takes it.

    :param release: the release.
    :param environment: ``staging`` or ``production``.
    :param key: the service's key in the policy.
    :param base: what it is built on.
    :param versions: the version of each configuration document.
    """
    policy, service = release.policy, release.plan.services[key]
    place, definition = policy.environments[environment], policy.services[key]
    managed = managed_variables(base.policy, key) if base.policy is not None else frozenset[str]()
    return {
        "revision": service.revisions[environment],
        "base": base.name,
        "image": service.image,
        "env": dict(definition.env) | _references(policy, environment, definition.secrets, versions),
        "secrets": {
            variable: SecretVersion(secret=place.secret(document), version=str(versions[document]))
            for variable, document in definition.secrets.items()
        },
        "managed": managed | managed_variables(policy, key),
        "min_instances": (
            policy.staging_min_instances if environment == "staging" else definition.min_instances
        ),
        "max_instances": definition.max_instances,
        "labels": {RELEASE_LABEL: release.release_id},
        "tag": place.tag,
    }


def configured_versions(release: Release, environment: EnvironmentName, ledger: Ledger) -> Mapping[str, int]:
    """Return the version of each configuration document that the release wrote; none without documents.

    :param release: the release.
    :param environment: ``staging`` or ``production``.
    :param ledger: the record of the releases.
    :raises ReleaseConflict: when it has not written them yet.
    """
    if not release.policy.configuration:
        return {}
    configured = ledger.get(release.release_id, ConfigurationWritten, environment=environment)
    if configured is None:
        raise ReleaseConflict(
            f"release {release.release_id}: no configuration of {environment} on record; write it first"
        )
    return configured.versions


def planned_changes(
    release: Release, environment: EnvironmentName, key: str, base: Base
) -> tuple[TemplateChange, ...]:
    """Name everything that the new revision is going to differ in from the one that serves.

    The versions of the configuration are not known before they are written; each one mounted is named.

    :param release: the release.
    :param environment: ``staging`` or ``production``.
    :param key: the service's key in the policy.
    :param base: what the new revision is built on.
    """
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.revision import RevisionSpec, next_template, secrets_of
    from slipway.hooks.cloud_run.template import template_of

    policy, secrets = release.policy, release.policy.services[key].secrets
    wanted = made_of(release, environment, key, base, dict.fromkeys(policy.configuration, 1))
    mounts = {*secrets, *(f"{variable}_REFERENCE" for variable in secrets)}
    spec = RevisionSpec(
        wanted["revision"],
        wanted["image"],
        policy.services[key].env,
        {},
        wanted["min_instances"],
        wanted["max_instances"],
        wanted["labels"],
        wanted["managed"] - mounts,
    )
    built_on = run_v2.RevisionTemplate() if base.revision is None else template_of(base.revision)
    now = {} if base.revision is None else secrets_of(base.revision)
    written = (
        TemplateChange(
            field=f"secret {variable}",
            before=now.get(variable),
            after=f"{policy.environments[environment].secret(document)}, as this release writes it",
        )
        for variable, document in secrets.items()
    )
    return (*changes_between(base, next_template(built_on, spec), policy, key), *written)


def managed_variables(policy: Policy, key: str) -> frozenset[str]:
    """Return the names of the variables that a policy decides on alone.

    :param policy: the policy.
    :param key: the service's key in it.
    """
    service = policy.services.get(key)
    if service is None:
        return frozenset()
    return frozenset({*service.env, *service.secrets, *(f"{name}_REFERENCE" for name in service.secrets)})


def changes_between(
    base: Base, after: run_v2.RevisionTemplate | run_v2.Revision, policy: Policy, key: str
) -> tuple[TemplateChange, ...]:
    """Name everything that differs between the serving revision and the new one.

    A value of the environment is shown where a policy sets it; any other may be secret and is a digest.

    :param base: the revision that serves.
    :param after: the new revision, or its template.
    :param policy: the policy of the new one.
    :param key: the service's key in the policy.
    """
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.template import contents_of, template_of

    shown = {} if base.policy is None else dict(_shown(base.policy, key))
    shown |= dict(_shown(policy, key))
    template = template_of(after) if isinstance(after, run_v2.Revision) else after
    return compared(
        {} if base.revision is None else contents_of(template_of(base.revision)), contents_of(template), shown
    )


def compared(
    before: Mapping[str, str], after: Mapping[str, str], shown: Mapping[tuple[str, str], str]
) -> tuple[TemplateChange, ...]:
    """Compare the contents of two revisions.

    :param before: text by field, as ``contents_of`` returns it.
    :param after: likewise.
    :param shown: value that may be shown, by field and digest.
    """
    return tuple(
        TemplateChange(
            field=field,
            before=shown.get((field, before.get(field, "")), before.get(field)),
            after=shown.get((field, after.get(field, "")), after.get(field)),
        )
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field) and field not in OWN_FIELDS
    )


def _shown(policy: Policy, key: str) -> Iterator[tuple[tuple[str, str], str]]:
    from slipway.hooks.cloud_run.template import digest

    service = policy.services.get(key)
    for name, value in ({} if service is None else service.env).items():
        yield (f"env {name}", digest(value)), value


def _references(
    policy: Policy, environment: EnvironmentName, secrets: Mapping[str, str], versions: Mapping[str, int]
) -> dict[str, str]:
    """Return ``<VARIABLE>_REFERENCE`` of what a rollback changes: with it the product follows one."""
    place = policy.environments[environment]
    return {
        f"{variable}_REFERENCE": f"projects/{place.project_id}/secrets/{place.secret(document)}"
        f"/versions/{versions[document]}"
        for variable, document in secrets.items()
        if policy.configuration[document].rolls_back
    }
