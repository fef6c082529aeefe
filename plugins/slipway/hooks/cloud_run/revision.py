"""What a Cloud Run revision is made of: the template of the next one, the contents and state of one that
exists. Pure functions of messages."""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence
from dataclasses import dataclass, field
from typing import Literal

from google.cloud import run_v2

from slipway.analysis.infrastructure import ScalingFacts
from slipway.hooks.cloud_run.traffic import short_name
from slipway.hooks.secret_version import SecretVersion


@dataclass(frozen=True)
class RevisionSpec:
    """What a release gives a new revision.

    :param revision: full name, ``<service>-<suffix>``.
    :param image: image reference; with a digest, so that it can never mean something else.
    :param env: plain environment values, laid over those of the revision it is built on.
    :param secrets: pinned secret versions by environment variable, laid over likewise.
    :param min_instances: instances kept warm while the revision is in the traffic or has a tag.
    :param max_instances: bound of its instances.
    :param labels: labels of the revision, laid over likewise.
    :param managed: variables that are not taken over from the revision it is built on; those in ``env`` and
        ``secrets`` never are.
    :param sql_instances: Cloud SQL connection names to replace in its volumes, the new one by the old one.
    :raises ValueError: when a variable is in both ``env`` and ``secrets``, or the bounds cross.
    """

    revision: str
    image: str
    env: Mapping[str, str]
    secrets: Mapping[str, SecretVersion]
    min_instances: int
    max_instances: int
    labels: Mapping[str, str]
    managed: frozenset[str] = frozenset()
    sql_instances: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        twice = sorted(self.env.keys() & self.secrets.keys())
        if twice:
            raise ValueError(f"revision {self.revision}: {', '.join(twice)} in both env and secrets")
        if not 0 <= self.min_instances <= self.max_instances or self.max_instances < 1:
            raise ValueError(
                f"revision {self.revision}: min_instances={self.min_instances}, max_instances="
                f"{self.max_instances}; must be 0 <= min <= max and max >= 1"
            )


@dataclass(frozen=True)
class Readiness:
    """Whether a revision can serve.

    :param state: ``pending`` until Cloud Run has decided.
    :param message: Cloud Run's own words about it.
    """

    state: Literal["ready", "failed", "pending"]
    message: str = ""


def serving_container(containers: MutableSequence[run_v2.Container]) -> run_v2.Container:
    """Return the container that gets the requests: the one with a port, else the first.

    :param containers: the containers of a revision.
    :raises ValueError: when there is none.
    """
    if not containers:
        raise ValueError("a revision without a container has no image")
    return next((container for container in containers if container.ports), containers[0])


def next_template(current: run_v2.RevisionTemplate, spec: RevisionSpec) -> run_v2.RevisionTemplate:
    """Return the template of a new revision: another one with the release's changes laid over it.

    :param current: the template of the revision it is built on, or an empty one for the first revision.
    :param spec: what the new revision is made of.
    """
    template = run_v2.RevisionTemplate(current)
    template.revision = spec.revision
    template.labels.update(spec.labels)
    for volume in template.volumes:
        # Touched, it would take the place of another kind of volume.
        if "cloud_sql_instance" in volume:
            names = list(volume.cloud_sql_instance.instances)
            volume.cloud_sql_instance.instances = [spec.sql_instances.get(name, name) for name in names]
    template.scaling.min_instance_count = spec.min_instances
    template.scaling.max_instance_count = spec.max_instances
    if not template.containers:
        template.containers.append(run_v2.Container())
    container = serving_container(template.containers)
    container.image = spec.image
    given = {
        **{name: run_v2.EnvVar(name=name, value=value) for name, value in spec.env.items()},
        **{name: _secret_variable(name, secret) for name, secret in spec.secrets.items()},
    }
    replaced = given.keys() | spec.managed
    container.env = [*(kept for kept in container.env if kept.name not in replaced), *given.values()]
    return template


def _secret_variable(name: str, secret: SecretVersion) -> run_v2.EnvVar:
    selector = run_v2.SecretKeySelector(secret=secret.secret, version=secret.version)
    return run_v2.EnvVar(name=name, value_source=run_v2.EnvVarSource(secret_key_ref=selector))


def differences(revision: run_v2.Revision, spec: RevisionSpec) -> list[str]:
    """Name what of ``spec`` an existing revision does not have. Values of the environment stay unnamed."""
    container = serving_container(revision.containers)
    values = {variable.name: variable.value for variable in container.env}
    secrets = secrets_of(revision)
    found = [] if container.image == spec.image else [f"image {container.image}, not {spec.image}"]
    found += [f"env {name}" for name, value in sorted(spec.env.items()) if values.get(name) != value]
    found += [
        f"secret {name}={secrets.get(name, 'absent')}, not {wanted}"
        for name, wanted in sorted(spec.secrets.items())
        if secrets.get(name) != str(wanted)
    ]
    gone = spec.managed - spec.env.keys() - spec.secrets.keys()
    found += [f"env {name}, not absent" for name in sorted(gone & (values.keys() | secrets.keys()))]
    used = sql_instances_of(revision) & spec.sql_instances.keys()
    found += [f"Cloud SQL instance {name}, not absent" for name in sorted(used)]
    return found


def secrets_of(revision: run_v2.Revision) -> dict[str, str]:
    """Return the secret versions that a revision uses, ``<secret>:<version>`` by environment variable.

    A version reads ``latest`` when whoever made the revision did not pin it.
    """
    return {
        variable.name: f"{variable.value_source.secret_key_ref.secret}:"
        f"{variable.value_source.secret_key_ref.version or 'latest'}"
        for variable in serving_container(revision.containers).env
        if variable.value_source.secret_key_ref.secret
    }


def sql_instances_of(revision: run_v2.Revision) -> set[str]:
    """Return the connection names of the Cloud SQL instances that Cloud Run connects a revision to."""
    return {
        name
        for volume in revision.volumes
        if "cloud_sql_instance" in volume
        for name in volume.cloud_sql_instance.instances
    }


def values_of(revision: run_v2.Revision) -> dict[str, str]:
    """Return a revision's plain environment variables with their values, which may be secret."""
    return {
        variable.name: variable.value
        for variable in serving_container(revision.containers).env
        if not variable.value_source.secret_key_ref.secret
    }


def variables_of(revision: run_v2.Revision) -> set[str]:
    """Return the names of a revision's plain environment variables, without their values."""
    return {
        variable.name
        for variable in serving_container(revision.containers).env
        if not variable.value_source.secret_key_ref.secret
    }


def image_of(revision: run_v2.Revision) -> str:
    """Return the image reference of a revision's serving container."""
    return str(serving_container(revision.containers).image)


def image_digest(revision: run_v2.Revision) -> str | None:
    """Return the digest of a revision's image, ``sha256:...``; None when it was deployed by a tag."""
    _, separator, digest = image_of(revision).partition("@")
    return digest if separator else None


def minimum_instances(revision: run_v2.Revision) -> int | None:
    """Return how many of a revision's minimum instances are ready; None when Cloud Run does not report it.

    :param revision: the revision as read from the API.
    """
    if "scaling_status" not in revision:
        return None
    return int(revision.scaling_status.desired_min_instance_count)


def scaling_facts(service: run_v2.Service, revision: run_v2.Revision) -> ScalingFacts:
    """Return the bounds of a serving revision's instances, with those of its service laid over them.

    :param service: the service as read from the API.
    :param revision: the revision that serves.
    """
    own, whole = revision.scaling, service.scaling
    if whole.scaling_mode == run_v2.ServiceScaling.ScalingMode.MANUAL:
        return ScalingFacts(0, 0, manual=int(whole.manual_instance_count))
    return ScalingFacts(
        minimum=max(own.min_instance_count, whole.min_instance_count),
        maximum=min(own.max_instance_count, whole.max_instance_count or own.max_instance_count),
    )


def readiness(revision: run_v2.Revision | None, service: run_v2.Service, name: str) -> Readiness:
    """Decide from what Cloud Run reports whether a revision can serve.

    The revision's own condition decides; where it has none, the service's does. The code of a failed
    operation says nothing: the same failure has been seen with different ones.

    :param revision: the revision as read, or None when it cannot be found.
    :param service: the service, read at the same time.
    :param name: short name of the revision.
    """
    failed, succeeded = run_v2.Condition.State.CONDITION_FAILED, run_v2.Condition.State.CONDITION_SUCCEEDED
    conditions = [] if revision is None else list(revision.conditions)
    for condition in conditions:
        if condition.type_ == "Ready" and condition.state == succeeded:
            return Readiness("ready")
        if condition.type_ == "Ready" and condition.state == failed:
            return Readiness("failed", condition.message)
    if short_name(service.latest_ready_revision) == name:
        return Readiness("ready")
    terminal = service.terminal_condition
    if short_name(service.latest_created_revision) == name and terminal.state == failed:
        return Readiness("failed", terminal.message)
    messages = [condition.message for condition in conditions if condition.message]
    return Readiness("pending", "; ".join(messages) or terminal.message)
