"""Everything in a policy that Google Cloud refuses, found before a release touches anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from slipway.policy.cloud_run import (
    refused_name,
    refused_project,
    refused_secret,
    refused_tag,
    refused_variables,
)
from slipway.policy.environment import Environment

EnvironmentT = TypeVar("EnvironmentT", bound=str)


def refused_environment(place: Environment, documents: Iterable[str]) -> Iterator[str]:
    """Yield, field by field of an environment, what Google Cloud refuses, and what is allowed.

    :param place: the environment.
    :param documents: names of the configuration documents, which are secrets there.
    """
    yield from refused_project(place.project_id, place.database.instance)
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
    for environment, name in names.items():
        refused = refused_name(name, tags[environment])
        if refused is not None:
            yield f".names.{environment}={name}: {refused}"
    yield from (f": {line}" for line in refused_variables(env, secrets))
