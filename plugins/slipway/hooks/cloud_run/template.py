"""A revision's contents: as the template of the next one, and as plain data to compare. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from google.cloud import run_v2
from google.protobuf import json_format

from slipway.hooks.cloud_run.revision import serving_container

RESERVED = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")
"""Namespaces of the platform's own labels and annotations: a template that has one is refused."""
HIDDEN = ("annotations", "args", "command", "http_headers")
"""Fields that may hold a secret in plain text: shown as digests, as the environment is."""


def template_of(revision: run_v2.Revision) -> run_v2.RevisionTemplate:
    """Return the template that makes a revision with the contents of one that exists.

    A revision has every field of a template except its health check's switch, which a revision does not keep.

    :param revision: the revision as read from the API.
    """
    template = run_v2.RevisionTemplate()
    source, target = run_v2.Revision.pb(revision), run_v2.RevisionTemplate.pb(template)
    for field in target.DESCRIPTOR.fields:
        if field.name not in source.DESCRIPTOR.fields_by_name:
            continue
        if field.is_repeated:
            getattr(target, field.name).MergeFrom(getattr(source, field.name))
        elif not field.has_presence:
            setattr(target, field.name, getattr(source, field.name))
        elif source.HasField(field.name):
            # A message cannot be set, and a number cannot be copied.
            one = type(target)(**{field.name: getattr(source, field.name)})
            target.MergeFrom(one)
    for kept in (target.labels, target.annotations):
        for name in [name for name in kept if name.partition("/")[0] in RESERVED]:
            del kept[name]
    return template


def contents_of(template: run_v2.RevisionTemplate) -> dict[str, str]:
    """Return everything a template holds. Values that may be secret are digests.

    :param template: the template.
    """
    if not template.containers:
        return dict(_fields(template))
    rest = run_v2.RevisionTemplate(template)
    serving = serving_container(rest.containers)
    found = dict(_container(serving))
    for number, container in enumerate(rest.containers):
        if container is not serving and container != serving:
            name = container.name or str(number)
            found |= {f"container {name}: {field}": text for field, text in _container(container)}
    rest.containers = []
    return dict(_fields(rest)) | found


def _container(container: run_v2.Container) -> Iterator[tuple[str, str]]:
    rest = run_v2.Container(container)
    for variable in container.env:
        reference = variable.value_source.secret_key_ref
        if reference.secret:
            yield f"secret {variable.name}", f"{reference.secret}:{reference.version or 'latest'}"
        else:
            yield f"env {variable.name}", digest(variable.value)
    rest.env = []
    yield from _fields(rest)


def _fields(message: Any) -> Iterator[tuple[str, str]]:
    plain = json_format.MessageToDict(type(message).pb(message), preserving_proto_field_name=True)
    for name, value in plain.pop("labels", {}).items():
        yield f"label {name}", value
    yield from _leaves(plain, "", hidden=False)


def _leaves(value: Any, path: str, *, hidden: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            below = f"{path}.{name}" if path else name
            yield from _leaves(part, below, hidden=hidden or name in HIDDEN)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            # What is named is compared by its name: another order is no change.
            name = part.get("name") if isinstance(part, dict) else None
            yield from _leaves(part, f"{path}[{name or number}]", hidden=hidden)
    else:
        yield path, digest(str(value)) if hidden else str(value)


def digest(text: str) -> str:
    """Return enough of a hash to see a change by, and too little to find the text by.

    :param text: what may be secret.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:8]
