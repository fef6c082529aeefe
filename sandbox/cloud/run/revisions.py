"""How a service's template becomes an immutable revision."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from google.cloud import run_v2

from sandbox.cloud.run.conditions import Failure, condition
from sandbox.cloud.run.names import ServiceName

_COPIED = sorted(run_v2.Revision.meta.fields.keys() & run_v2.RevisionTemplate.meta.fields.keys())
_CONDITIONS = ("Ready", "ContainerHealthy", "ResourcesAvailable")


def configuration(template_or_revision: Any) -> bytes:
    """What two templates, or a template and a revision, have the same of when they configure the same."""
    return bytes(_revision_of(template_or_revision).SerializeToString(deterministic=True))


def make(short_name: str, service: Any, now: datetime) -> Any:
    """Make the revision of a service's template; not ready yet.

    :param short_name: last part of its name.
    :param service: the service, with its name, generation and template.
    :param now: the moment, in UTC.
    """
    revision = run_v2.Revision.wrap(_revision_of(service.template))
    revision.name = ServiceName.parse(service.name).revision(short_name)
    revision.uid = str(uuid.uuid4())
    revision.generation = 1
    revision.create_time = revision.update_time = now
    revision.service = service.name.rpartition("/")[2]
    revision.reconciling = True
    revision.conditions = [condition(kind, None, now, pending=True) for kind in _CONDITIONS]
    return revision


def settle(revision: Any, failure: Failure | None, now: datetime) -> None:
    """Write a revision's outcome into it."""
    revision.reconciling = False
    revision.observed_generation = revision.generation
    revision.update_time = now
    revision.conditions = [condition(kind, failure, now) for kind in _CONDITIONS]


def _revision_of(source: Any) -> Any:
    """A bare protobuf revision with only the configuration of the source in it."""
    raw = type(source).pb(source)
    target = run_v2.Revision.pb(run_v2.Revision())
    for name in _COPIED:
        field = raw.DESCRIPTOR.fields_by_name[name]
        if field.is_repeated:
            getattr(target, name).MergeFrom(getattr(raw, name))
        elif field.message_type is None and (not field.has_presence or raw.HasField(name)):
            setattr(target, name, getattr(raw, name))
        elif field.message_type is not None and raw.HasField(name):
            getattr(target, name).CopyFrom(getattr(raw, name))
    return target
