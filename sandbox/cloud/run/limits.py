"""Documented limits of what a service may hold, refused before anything happens.

Sources: "Cloud Run quotas and limits", "Configure environment variables", "Requirements for labels", the
annotations of Kubernetes, and the reference of the Admin API v2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.cloud.api_errors import InvalidArgumentError

RESERVED_ENVIRONMENT = ("PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION")
MAX_INSTANCES = 100
"""Of a revision that states none."""
MAX_REVISIONS = 1000
"""Of a service; over it the oldest that do not serve are deleted."""
MAX_TAGS = 2000
"""Of all services of a project in one region; over it tags without traffic are deleted."""
_LABELS, _VARIABLES, _VARIABLE_BYTES = 64, 1000, 32768
_ANNOTATIONS_BYTES = 256 * 1024
_CONCURRENCY, _TIMEOUT_SECONDS = 1000, 3600
# Letters of any alphabet, but no capitals.
_LABEL_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")
_ANNOTATION_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def check_labels(field: str, labels: Mapping[str, str]) -> None:
    """Check labels as Google's billing takes them.

    :param field: where they stand.
    :param labels: the labels of a service or a template.
    :raises InvalidArgumentError: naming the first that is wrong.
    """
    if len(labels) > _LABELS:
        raise InvalidArgumentError(f"{field}: {len(labels)} labels; at most {_LABELS} are allowed")
    for key, value in labels.items():
        for text, form in ((key, _LABEL_KEY), (value, _LABEL_VALUE)):
            if not form.fullmatch(text) or text != text.lower():
                raise InvalidArgumentError(
                    f"{field}: {key!r}={value!r}: keys and values are at most 63 lowercase letters, digits, "
                    "underscores and dashes, and a key begins with a letter"
                )


def check_annotations(field: str, annotations: Mapping[str, str]) -> None:
    """Check annotations by Kubernetes' rules.

    :param field: where they stand.
    :param annotations: the annotations of a service or a template.
    :raises InvalidArgumentError: naming the first that is wrong.
    """
    for key in annotations:
        prefix, _, name = key.rpartition("/")
        if not _ANNOTATION_NAME.fullmatch(name) or len(prefix) > 253:
            raise InvalidArgumentError(
                f"{field}: {key!r}: a name is at most 63 letters, digits, '-', '_' and '.', with a prefix of "
                "at most 253 characters before a slash"
            )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_BYTES:
        raise InvalidArgumentError(f"{field}: {size} bytes; at most {_ANNOTATIONS_BYTES} are allowed")


def check_environment(variables: Iterable[Any]) -> None:
    """Check a container's environment.

    :param variables: the variables of the container, as Google's messages.
    :raises InvalidArgumentError: naming the first variable that is wrong.
    """
    names = [variable.name for variable in variables]
    reserved = sorted(n for n in set(names) if n in RESERVED_ENVIRONMENT or n.startswith("X_GOOGLE_"))
    if reserved:
        raise InvalidArgumentError(
            f"The following reserved env names were provided: {', '.join(reserved)}. "
            "These values are automatically set by the system."
        )
    field = "template.containers[0].env"
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise InvalidArgumentError(f"{field}: {', '.join(repeated)} given more than once")
    if len(names) > _VARIABLES:
        raise InvalidArgumentError(f"{field}: {len(names)} variables; at most {_VARIABLES} are allowed")
    for variable in variables:
        if not variable.name or "=" in variable.name or len(variable.name) > _VARIABLE_BYTES:
            raise InvalidArgumentError(f"{field}: {variable.name[:100]!r} is not the name of a variable")
        if len(variable.value.encode()) > _VARIABLE_BYTES:
            raise InvalidArgumentError(
                f"{field}: the value of {variable.name} is over {_VARIABLE_BYTES} bytes"
            )


def check_scaling(template: Any) -> None:
    """Check a template's instances, concurrency and request time-out.

    :param template: the template of a revision.
    :raises InvalidArgumentError: naming the first that is wrong.
    """
    least, most = template.scaling.min_instance_count, template.scaling.max_instance_count
    bound = most or MAX_INSTANCES
    if least < 0 or most < 0 or least > bound:
        raise InvalidArgumentError(
            f"template.scaling: min_instance_count {least} is above max_instance_count {bound}"
        )
    if not 0 <= template.max_instance_request_concurrency <= _CONCURRENCY:
        raise InvalidArgumentError(
            f"template.max_instance_request_concurrency {template.max_instance_request_concurrency}: must be "
            f"between 1 and {_CONCURRENCY}"
        )
    seconds = template.timeout.total_seconds()
    if not 0 < seconds <= _TIMEOUT_SECONDS:
        raise InvalidArgumentError(
            f"template.timeout {seconds:g} s: must be between 1 and {_TIMEOUT_SECONDS}"
        )
