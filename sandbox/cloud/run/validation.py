"""What the Cloud Run Admin API refuses before anything happens, in Google's words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from google.cloud import run_v2
from google.protobuf import field_mask_pb2

from sandbox.cloud.api_errors import InvalidArgumentError
from sandbox.cloud.run.container import memory_limit
from sandbox.cloud.run.limits import (
    check_annotations,
    check_environment,
    check_labels,
    check_scaling,
)

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
RESERVED_NAMESPACES = (
    "run.googleapis.com",
    "cloud.googleapis.com",
    "serving.knative.dev",
    "autoscaling.knative.dev",
)
USER_FIELDS = (
    "description",
    "labels",
    "annotations",
    "client",
    "client_version",
    "ingress",
    "launch_stage",
    "binary_authorization",
    "template",
    "traffic",
    "scaling",
    "invoker_iam_disabled",
    "default_uri_disabled",
    "custom_audiences",
    "iap_enabled",
)
"""Fields of a service that its user writes; the rest is the platform's."""

_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_TIMEOUT_SECONDS = 300
_CONCURRENCY = 80


def merged(current: Any, given: Any, mask: field_mask_pb2.FieldMask) -> Any:
    """Apply an update request to a service.

    :param current: the stored service; not changed.
    :param given: the service in the request.
    :param mask: which fields to take over; an empty mask replaces all of the user's fields.
    :return: the service as wanted.
    :raises InvalidArgumentError: a path that no service has, or that only the platform writes.
    """
    wanted = type(current)(current)
    source, target = type(given).pb(given), type(wanted).pb(wanted)
    paths = [path for path in mask.paths if path not in ("name", "etag")] or list(USER_FIELDS)
    for path in paths:
        if path.partition(".")[0] not in USER_FIELDS:
            raise InvalidArgumentError(f"update_mask: {path!r} is not a field that can be updated")
    try:
        field_mask_pb2.FieldMask(paths=paths).MergeMessage(source, target, True, True)
    except (AttributeError, ValueError) as error:
        raise InvalidArgumentError(f"update_mask {paths}: {error}") from error
    return wanted


def complete(service: Any) -> None:
    """Fill in the defaults that Cloud Run fills in."""
    if service.ingress == run_v2.IngressTraffic.INGRESS_TRAFFIC_UNSPECIFIED:
        service.ingress = run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL
    if not service.traffic:
        service.traffic = [run_v2.TrafficTarget(type_=LATEST, percent=100)]
    template = service.template
    if not type(template).pb(template).HasField("timeout"):
        type(template).pb(template).timeout.seconds = _TIMEOUT_SECONDS
    template.max_instance_request_concurrency = template.max_instance_request_concurrency or _CONCURRENCY


def check(service: Any, service_id: str) -> None:
    """Check a completed service.

    :param service: the service.
    :param service_id: short name of the service.
    :raises InvalidArgumentError: naming the first field that is wrong.
    """
    if not _ID.fullmatch(service_id) or len(service_id) > 49:
        raise InvalidArgumentError(
            f"service_id {service_id!r}: only lowercase, digits, and hyphens; must begin with letter, "
            "and may not end with hyphen; must be less than 50 characters."
        )
    for field, given in (
        ("annotations", service.annotations),
        ("labels", service.labels),
        ("template.annotations", service.template.annotations),
        ("template.labels", service.template.labels),
    ):
        _check_namespaces(field, given)
        (check_labels if field.endswith("labels") else check_annotations)(field, given)
    _check_template(service.template, service_id)
    _check_traffic(service.traffic, service_id)


def _check_namespaces(field: str, given: Any) -> None:
    for key in given:
        if key.partition("/")[0] in RESERVED_NAMESPACES:
            raise InvalidArgumentError(f"{field}: {key!r} is in a namespace that is not supported in v2")


def _check_template(template: Any, service_id: str) -> None:
    if len(template.containers) != 1:
        raise InvalidArgumentError(
            f"template.containers: exactly one container is supported, {len(template.containers)} given"
        )
    (container,) = template.containers
    if not container.image:
        raise InvalidArgumentError("template.containers[0].image: Required field not set")
    try:
        memory_limit(container)
    except ValueError as error:
        raise InvalidArgumentError(f"template.containers[0].resources.limits.memory: {error}") from error
    check_environment(container.env)
    name = template.revision
    if name and not (name.startswith(f"{service_id}-") and _ID.fullmatch(name) and len(name) <= 63):
        raise InvalidArgumentError(
            f"template.revision {name!r}: must be prefixed by the service name and a hyphen "
            f"({service_id}-), only lowercase, digits, and hyphens, at most 63 characters"
        )
    check_scaling(template)


def _check_traffic(targets: Any, service_id: str) -> None:
    for number, target in enumerate(targets):
        field = f"traffic[{number}]"
        if target.type_ not in (LATEST, REVISION):
            raise InvalidArgumentError(f"{field}.type: must be set")
        if (target.type_ == REVISION) != bool(target.revision):
            raise InvalidArgumentError(
                f"{field}.revision {target.revision!r}: must be given for the type REVISION and only for it"
            )
        if not 0 <= target.percent <= 100:
            raise InvalidArgumentError(f"{field}.percent {target.percent}: must be between 0 and 100")
        if target.tag and not (_ID.fullmatch(target.tag) and len(target.tag) + len(service_id) <= 46):
            raise InvalidArgumentError(
                f"{field}.tag {target.tag!r}: only lowercase, digits, and hyphens; with the name of the"
                " service at most 46 characters"
            )
    tags = Counter(target.tag for target in targets if target.tag)
    repeated = sorted(tag for tag, count in tags.items() if count > 1)
    if repeated:
        raise InvalidArgumentError(f"traffic: tag {', '.join(repeated)} given more than once")
    total = sum(target.percent for target in targets)
    if total != 100:
        raise InvalidArgumentError(f"traffic: percent must sum up to 100, got {total}")
