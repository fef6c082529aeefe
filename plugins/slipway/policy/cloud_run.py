"""What Cloud Run accepts: names, lengths and paths, refused when a policy is read and not by the API later.

Source: Google's pages "Known issues in Cloud Run", "Cloud Run quotas and limits", "Rollbacks, gradual
rollouts, and traffic migration", "Configure environment variables", "Creating and managing projects",
"Instance settings" of Cloud SQL, and the reference of the Admin API v2 and of Secret Manager.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

SERVICE_LENGTH, TAGGED_LENGTH = 49, 46
VARIABLES, VARIABLE_BYTES = 1000, 32768
RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
RESERVED_PREFIX = "X_GOOGLE_"
REFERENCE_SUFFIX = "_REFERENCE"
"""A release sets ``X_REFERENCE`` beside every mounted secret ``X``."""
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,255}")
_INSTANCE_LENGTH = 98
#: Google's front end answers these itself: no request reaches a container. Its documentation advises against
#: every path that ends with z.
_RESERVED_PATH = re.compile(r"/eventlog|/_ah/.*|/.*z")


def refused_name(name: str, tag: str) -> str | None:
    """Return what a service may be called, when it may not be called this.

    :param name: name of the service.
    :param tag: the tag that a release gives its revisions.
    """
    if not _NAME.fullmatch(name) or len(name) > SERVICE_LENGTH:
        return (
            f"must be at most {SERVICE_LENGTH} lowercase letters, digits and hyphens, begin with a letter and"
            " not end with a hyphen"
        )
    if len(name) + len(tag) > TAGGED_LENGTH:
        room = TAGGED_LENGTH - len(tag)
        return f"must be at most {room} characters, which with the tag {tag} are {TAGGED_LENGTH}"
    return None


def refused_tag(tag: str) -> str | None:
    """Return what a tag may be called, when it may not be called this.

    :param tag: the tag that a release gives its revisions.
    """
    if _NAME.fullmatch(tag):
        return None
    return "must be lowercase letters, digits and hyphens, begin with a letter and not end with a hyphen"


def refused_project(project: str, instance: str | None) -> Iterator[str]:
    """Yield, field by field, what a project and its Cloud SQL instance may be called.

    :param project: id of the project.
    :param instance: name of the instance; None when there is none.
    """
    if not _PROJECT.fullmatch(project):
        yield (
            f"project_id={project}: must be 6 to 30 lowercase letters, digits and hyphens, begin with a"
            " letter and not end with a hyphen"
        )
    if instance is None:
        return
    if not _NAME.fullmatch(instance) or len(project) + 1 + len(instance) > _INSTANCE_LENGTH:
        yield (
            f"database.instance={instance}: must be lowercase letters, digits and hyphens, begin with a"
            f" letter, not end with a hyphen, and have at most {_INSTANCE_LENGTH} characters with the project"
            " and a colon"
        )


def refused_secret(name: str) -> str | None:
    """Return what a secret may be called, when it may not be called this.

    :param name: name of a secret.
    """
    return None if _SECRET.fullmatch(name) else "must be at most 255 letters, digits, hyphens and underscores"


def refused_variables(env: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield, for each variable that a revision may not have, what to do.

    :param env: values of a service's environment variables.
    :param secrets: what its other variables mount.
    """
    for variable in sorted(env.keys() | secrets.keys()):
        if variable in RESERVED_VARIABLES or variable.startswith(RESERVED_PREFIX):
            yield f"the variable {variable} is set by Cloud Run; take it out"
        elif not variable or "=" in variable or len(variable) > VARIABLE_BYTES:
            yield (
                f"the variable {variable[:100]!r} must have a name without =, of at most {VARIABLE_BYTES}"
                " characters"
            )
    for variable in sorted(env.keys() & (secrets.keys() | {f"{name}{REFERENCE_SUFFIX}" for name in secrets})):
        yield f"the variable {variable} is in env and comes from secrets too; take it out of env"
    for variable, value in sorted(env.items()):
        if len(value.encode()) > VARIABLE_BYTES:
            yield (
                f"the variable {variable} has {len(value.encode())} bytes; at most {VARIABLE_BYTES} are"
                " allowed; mount it as a configuration document"
            )
    count = len(env) + 2 * len(secrets)
    if count > VARIABLES:
        yield f"{count} variables, with a reference beside every secret; at most {VARIABLES} are allowed"


def refused_path(path: str) -> str | None:
    """Return which paths reach a container, when this one does not.

    :param path: path of a URL, with or without a query.
    """
    if _RESERVED_PATH.fullmatch(path.partition("?")[0]) is None:
        return None
    return (
        "must not be a path that Cloud Run answers itself (/eventlog, /_ah/..., and what ends with z); name"
        " another one, such as /health"
    )
