"""Everything in a policy that Google Cloud refuses, found before a release touches anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from slipway.policy.cloud_run import (
    refused_name,
    refused_path,
    refused_project,
    refused_secret,
    refused_tag,
    refused_variables,
)
from slipway.policy.environment import Environment
from slipway.policy.fields import PolicyFields

EnvironmentT = TypeVar("EnvironmentT", bound=str)


def refused_environment(place: Environment, documents: Iterable[str]) -> Iterator[str]:
    """Yield, field by field of an environment, what Google Cloud refuses, and what is allowed.

    :param place: the environment.
    :param documents: names of the configuration documents, which are secrets there.
    """
    instance = None if place.database is None else place.database.instance
    yield from refused_project(place.project_id, instance)
    refused = refused_tag(place.tag)
    if refused is not None:
        yield f"tag={place.tag}: {refused}"
    for secret in map(place.secret, documents):
        refused = refused_secret(secret)
        if refused is not None:
            yield f"secret_prefix: the secret {secret[:100]} {refused}"


def refused_service(
    names: Mapping[EnvironmentT, str],
    tags: Mapping[EnvironmentT, str],
    env: Mapping[str, str],
    secrets: Mapping[str, str],
) -> Iterator[str]:
    """Yield, field by field of a service, what Cloud Run refuses, and what is allowed.

    :param names: its name by environment.
    :param tags: the tag of its new revisions by environment.
    :param env: values of its environment variables.
    :param secrets: what its other variables mount.
    """
    for environment, tag in tags.items():
        name = names[environment]
        refused = refused_name(name, tag)
        if refused is not None:
            yield f".names.{environment}={name}: {refused}"
    yield from (f": {line}" for line in refused_variables(env, secrets))


def refused_policy(policy: PolicyFields) -> Iterator[str]:
    """Yield, field by field, what Google Cloud refuses of a policy, and what is allowed.

    :param policy: the policy.
    """
    for key, place in policy.environments.items():
        lines = refused_environment(place, policy.configuration)
        yield from (f"environments.{key}.{line}" for line in lines)
    tags = {key: place.tag for key, place in policy.environments.items()}
    for name, service in policy.services.items():
        yield from (
            f"services.{name}{line}"
            for line in refused_service(service.names, tags, service.env, service.secrets)
        )
        if service.max_instances < policy.staging_min_instances:
            yield (
                f"services.{name}.max_instances={service.max_instances}: must be at least"
                f" {policy.staging_min_instances}, which is staging_min_instances"
            )
    refused = None if policy.verification is None else refused_path(policy.verification.path)
    if policy.verification is not None and refused is not None:
        yield f"verification.path={policy.verification.path}: {refused}"
