"""Cloud Run's services and revisions as a pure state machine.

Requests change what is wanted; the reconciler reports back what became of it. Nothing here starts a process,
opens a socket or waits.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.cloud import run_v2
from google.protobuf import field_mask_pb2

from sandbox.cloud.api_errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
)
from sandbox.cloud.run import revisions as run_revisions
from sandbox.cloud.run import validation as run_validation
from sandbox.cloud.run.conditions import Failure, condition, failed
from sandbox.cloud.run.limits import MAX_REVISIONS, MAX_TAGS
from sandbox.cloud.run.names import ServiceName, short
from sandbox.cloud.run.records import ServiceRecords

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def _random_suffix() -> str:
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(3))


@dataclass(frozen=True)
class Accepted:
    """A change that was accepted and is now to be carried out.

    :param service: copy of the service as it stands after the request.
    :param revision: full name of the new revision to bring up, if any.
    :param only_validated: nothing was stored and nothing is to be done.
    """

    service: Any
    revision: str | None = None
    only_validated: bool = False


class ServiceStore(ServiceRecords):
    """All services and revisions of all projects, as requests and the reconciler change them.

    :param clock: current time, time zone aware.
    :param suffix: makes the random end of generated revision names.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        suffix: Callable[[], str] = _random_suffix,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._suffix = suffix
        self._running: dict[str, int] = {}

    def create(self, parent: str, service_id: str, given: Any, validate_only: bool = False) -> Accepted:
        """Create a service with its first revision.

        :param parent: ``projects/<project>/locations/<region>``.
        :param service_id: short name of the service.
        :param given: the service, as the caller sent it.
        :param validate_only: check the request and change nothing.
        :raises AlreadyExistsError: the name is taken.
        :raises InvalidArgumentError: something in it is wrong.
        """
        name = f"{parent}/services/{service_id}"
        ServiceName.parse(name)
        if name in self._services:
            raise AlreadyExistsError(f"Resource '{service_id}' already exists.")
        now = self._clock()
        wanted = run_validation.merged(run_v2.Service(name=name), given, field_mask_pb2.FieldMask())
        wanted.uid, wanted.create_time = str(uuid.uuid4()), now
        return self._store(wanted, None, validate_only)

    def update(
        self, given: Any, mask: field_mask_pb2.FieldMask, allow_missing: bool, validate_only: bool
    ) -> Accepted:
        """Change a service; a changed template makes a new revision.

        :param given: the service, as the caller sent it.
        :param mask: the fields to change; empty for all.
        :param allow_missing: create a service that does not exist.
        :param validate_only: check the request and change nothing.
        :raises AbortedError: the etag given is not the current one.
        :raises AlreadyExistsError: the template names a revision that exists with another configuration.
        :raises InvalidArgumentError: something in it is wrong.
        :raises NotFoundError: there is no such service and ``allow_missing`` is not set.
        """
        name = ServiceName.parse(given.name)
        if allow_missing and given.name not in self._services:
            return self.create(name.parent, name.service, given, validate_only)
        current = self._service(given.name)
        self._check_etag(current, given.etag)
        if current.delete_time:
            raise FailedPreconditionError(f"Resource '{name.service}' is being deleted.")
        return self._store(run_validation.merged(current, given, mask), current, validate_only)

    def delete(self, name: str, etag: str, validate_only: bool = False) -> Accepted:
        """Mark a service for deletion; ``remove`` ends it.

        :param name: full name of the service.
        :param etag: the version that the caller read; empty for any.
        :param validate_only: check the request and change nothing.
        :raises AbortedError: the etag given is not the current one.
        :raises NotFoundError: there is none of this name.
        """
        current = self._service(name)
        self._check_etag(current, etag)
        if not validate_only:
            current.delete_time = self._clock()
            self._begin(current)
        return Accepted(run_v2.Service(current), only_validated=validate_only)

    def remove(self, name: str) -> None:
        """Forget a service and its revisions."""
        del self._services[name]
        self._running.pop(name, None)
        for revision in [r for r in self._revisions if r.startswith(f"{name}/revisions/")]:
            del self._revisions[revision]

    def delete_revision(self, name: str, etag: str, validate_only: bool = False) -> Any:
        """Delete a revision that can get no traffic.

        :param name: full name of the revision.
        :param etag: the version that the caller read; empty for any.
        :param validate_only: check the request and change nothing.
        :return: the revision as it was.
        :raises AbortedError: the etag given is not the current one.
        :raises FailedPreconditionError: it is the latest one or is named in the traffic.
        """
        revision = self._revision(name)
        self._check_etag(revision, etag)
        service = self._service(str(ServiceName.parse(name)))
        used = {t.revision for t in [*service.traffic, *service.traffic_statuses]}
        if short(name) in used:
            raise FailedPreconditionError(
                f"Revision '{short(name)}' cannot be deleted: it is named in the traffic of the service."
            )
        if name in (service.latest_created_revision, service.latest_ready_revision):
            raise FailedPreconditionError(
                f"Revision '{short(name)}' cannot be deleted: it is the latest revision of the service."
            )
        if not validate_only:
            del self._revisions[name]
        return run_v2.Revision(revision)

    def addressed(self, name: str, url: str) -> None:
        """Record where a service is reached; nowhere when its default URL is disabled."""
        service = self._service(name)
        service.uri, service.urls = ("", []) if service.default_uri_disabled else (url, [url])

    def revision_settled(self, name: str, failure: Failure | None) -> None:
        """Record that a new revision became ready (or, with a failure, that it did not)."""
        revision = self._revisions.get(name)
        if revision is None:
            return
        run_revisions.settle(revision, failure, self._clock())
        service = self._service(str(ServiceName.parse(name)))
        if failure is None and self._newer(name, service.latest_ready_revision):
            service.latest_ready_revision = name

    def routed(self, name: str, statuses: Iterable[Any]) -> None:
        """Record the traffic that the data plane now really has."""
        self._service(name).traffic_statuses = list(statuses)

    def settled(self, name: str, failure: Failure | None) -> None:
        """Record the end of one change of a service."""
        service = self._service(name)
        now = self._clock()
        self._running[name] = max(0, self._running.get(name, 0) - 1)
        service.reconciling = self._running[name] > 0
        service.observed_generation = service.generation
        created = self._revisions.get(service.latest_created_revision)
        broken = failed(created.conditions, "Ready") if created is not None else None
        configuration = Failure(9, broken.message, broken.reason) if broken is not None else None
        service.conditions = [
            condition("RoutesReady", failure, now),
            condition("ConfigurationsReady", configuration, now),
        ]
        service.terminal_condition = condition(
            "Ready", failure or configuration, now, pending=service.reconciling
        )

    def _store(self, wanted: Any, current: Any | None, validate_only: bool) -> Accepted:
        run_validation.complete(wanted)
        run_validation.check(wanted, short(wanted.name))
        named = self._new_revision_name(wanted, current)
        wanted.generation += 1
        wanted.update_time = self._clock()
        wanted.etag = _etag(wanted)
        if validate_only:
            return Accepted(wanted, only_validated=True)
        revision = None
        if named is not None:
            made = run_revisions.make(named, wanted, self._clock())
            made.etag = _etag(made)
            self._revisions[made.name] = made
            self._revisions_made[wanted.name] = self._revisions_made.get(wanted.name, 0) + 1
            wanted.latest_created_revision = revision = made.name
            self._prune(wanted)
        self._services[wanted.name] = wanted
        self._prune_tags(ServiceName.parse(wanted.name).parent)
        self._begin(wanted)
        return Accepted(run_v2.Service(wanted), revision)

    def _prune(self, service: Any) -> None:
        """Over the limit the oldest revisions that do not serve go, as documented."""
        prefix = f"{service.name}/revisions/"
        made = [name for name in self._revisions if name.startswith(prefix)]
        used = {f"{prefix}{t.revision}" for t in [*service.traffic, *service.traffic_statuses] if t.revision}
        used |= {service.latest_created_revision, service.latest_ready_revision}
        idle = [name for name in made if name not in used]
        for name in idle[: max(0, len(made) - MAX_REVISIONS)]:
            del self._revisions[name]

    def _prune_tags(self, parent: str) -> None:
        """Over the limit tags without traffic go, those of the service first that was changed longest ago."""
        services = [s for name, s in self._services.items() if name.startswith(f"{parent}/services/")]
        over = sum(bool(target.tag) for service in services for target in service.traffic) - MAX_TAGS
        for service in sorted(services, key=lambda service: service.update_time):
            idle = [target.tag for target in service.traffic if target.tag and not target.percent]
            gone = idle[: max(0, over)]
            over -= len(gone)
            for field in ("traffic", "traffic_statuses"):
                kept = [target for target in getattr(service, field) if target.tag not in gone]
                setattr(service, field, kept)

    def _begin(self, service: Any) -> None:
        self._running[service.name] = self._running.get(service.name, 0) + 1
        service.reconciling = True
        service.terminal_condition = condition("Ready", None, self._clock(), pending=True)

    def _new_revision_name(self, wanted: Any, current: Any | None) -> str | None:
        """Name the revision that the template asks for; None when it exists already."""
        template = wanted.template
        name = ServiceName.parse(wanted.name)
        configuration = run_revisions.configuration(template)
        if template.revision:
            existing = self._revisions.get(name.revision(template.revision))
            if existing is None:
                return str(template.revision)
            if run_revisions.configuration(existing) == configuration:
                return None
            raise AlreadyExistsError(
                f"Revision named '{template.revision}' with different configuration already exists."
            )
        if current is not None and run_revisions.configuration(current.template) == configuration:
            return None
        number = self._revisions_made.get(wanted.name, 0) + 1
        return f"{name.service}-{number:05d}-{self._suffix()}"

    def _newer(self, name: str, other: str) -> bool:
        order = list(self._revisions)
        return other not in self._revisions or order.index(name) > order.index(other)

    def _check_etag(self, resource: Any, given: str) -> None:
        if given and given != resource.etag:
            raise AbortedError(
                f"Conflict for resource '{short(resource.name)}': version '{given}' was specified "
                f"but current version is '{resource.etag}'."
            )


def _etag(resource: Any) -> str:
    version = base64.urlsafe_b64encode(f"{resource.uid}/{resource.generation}".encode()).decode()
    return f'"{version}"'
