"""What Cloud Run accepts: names, lengths and paths, refused when a policy is read and not by the API later.

Source: Google's pages "Known issues in Cloud Run", "Cloud Run quotas and limits" and "Rollbacks, gradual
rollouts, and traffic migration".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

SERVICE_LENGTH, TAGGED_LENGTH = 49, 46
RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
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


def refused_variables(variables: Collection[str]) -> Iterator[str]:
    """Yield, for each variable that Cloud Run sets itself, what to do.

    :param variables: names of a service's environment variables.
    """
    for variable in sorted(RESERVED_VARIABLES.intersection(variables)):
        yield f"the variable {variable} is set by Cloud Run; take it out"


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
