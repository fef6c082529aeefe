"""The lease of a service, written on the service itself: who may change it now, and until when.

It is in the service's annotations, so a person sees it in the console, and so does a Slipway in another
Airflow deployment, with a ledger of its own. An annotation of the service makes no revision and moves no
traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.cloud import run_v2

from slipway.exceptions import CloudRunError, ReleaseConflict
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.cloud_run.client import POLL_SECONDS, CloudRunClient, ServiceWrite
from slipway.hooks.cloud_run.traffic import short_name
from slipway.hooks.deadline import Deadline

RELEASE_KEY = "slipway-lease-release"
RUN_KEY = "slipway-lease-run"
UNTIL_KEY = "slipway-lease-until"
_KEYS = (RELEASE_KEY, RUN_KEY, UNTIL_KEY)
LEDGER_RELEASE_LABEL = "slipway-ledger-release"
LEDGER_HEAD_LABEL = "slipway-ledger-head"
_NEVER = datetime.max.replace(tzinfo=UTC)

Requirement = Callable[[run_v2.Service], None]
"""Raises where a service, as it is read, is not to be changed."""


def no_requirement(_: run_v2.Service) -> None:
    """Require nothing."""


@dataclass(frozen=True)
class Lease:
    """The right of one release to change a service, for a bounded time.

    :param release: the release's id.
    :param run: the Airflow run that carries it out.
    :param until: moment in UTC at which somebody else may take the service over.
    :param head: the last entry that the release has on record, as the service's label has it; empty: none is
        written.
    """

    release: str
    run: str
    until: datetime
    head: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"release {self.release} (run {self.run}, until {self.until:%Y-%m-%d %H:%M:%S} UTC)"

    def annotations(self) -> dict[str, str]:
        """Return what is written on the service."""
        return {
            RELEASE_KEY: self.release,
            RUN_KEY: self.run,
            UNTIL_KEY: self.until.astimezone(UTC).isoformat(timespec="seconds"),
        }


def labelled_head(service: run_v2.Service) -> tuple[str, str] | None:
    """Return the release whose record a service's labels tell of, and its last entry then, None without any.

    :param service: the service as read from the API.
    """
    labels = service.labels
    if LEDGER_RELEASE_LABEL not in labels or LEDGER_HEAD_LABEL not in labels:
        return None
    return labels[LEDGER_RELEASE_LABEL], labels[LEDGER_HEAD_LABEL]


def lease_of(service: run_v2.Service) -> Lease | None:
    """Return the lease on a service, run out or not. One whose end cannot be read never runs out.

    :param service: the service as read from the API.
    """
    written = service.annotations
    if RELEASE_KEY not in written:
        return None
    try:
        until = datetime.fromisoformat(written.get(UNTIL_KEY, "")).astimezone(UTC)
    except (ValueError, OverflowError):
        until = _NEVER
    return Lease(written[RELEASE_KEY], written.get(RUN_KEY, "unknown"), until)


def foreign_lease(service: run_v2.Service, release: str) -> Lease | None:
    """Return the lease by which another release holds a service now, if any.

    :param service: the service as read from the API.
    :param release: id of the release that asks.
    """
    lease = lease_of(service)
    if lease is None or lease.release == release or lease.until <= datetime.now(UTC):
        return None
    return lease


def annotations_with(service: run_v2.Service, lease: Lease) -> dict[str, str]:
    """Return the annotations of a service with the lease taken, renewed, or taken over from one that ran out.

    :param service: the service as read from the API.
    :param lease: the lease to write.
    :raises ReleaseConflict: when another release holds the service.
    """
    held = foreign_lease(service, lease.release)
    if held is not None:
        raise held_by(service, held)
    return {**service.annotations, **lease.annotations()}


def put_lease(service: run_v2.Service, current: run_v2.Service, lease: Lease) -> list[str]:
    """Put a lease, and the end of the release's record, on a service that is to be written.

    They are the service's own annotations and labels: neither makes a revision.

    :param service: the message to send.
    :param current: the service as read from the API.
    :param lease: the lease to write.
    :return: the fields that the write has with it.
    :raises ReleaseConflict: when another release holds the service.
    """
    service.annotations = annotations_with(current, lease)
    if not lease.head:
        return ["annotations"]
    service.labels = {
        **current.labels,
        LEDGER_RELEASE_LABEL: lease.release,
        LEDGER_HEAD_LABEL: lease.head,
    }
    return ["annotations", "labels"]


def annotations_without(service: run_v2.Service, release: str) -> dict[str, str]:
    """Return the annotations of a service without the lease of a release; another one's stays.

    :param service: the service as read from the API.
    :param release: id of the release that gives its lease back.
    """
    lease = lease_of(service)
    own = lease is not None and lease.release == release
    return {key: value for key, value in service.annotations.items() if not own or key not in _KEYS}


def held_by(service: run_v2.Service, lease: Lease) -> ReleaseConflict:
    """Say that a service is held, and by whom."""
    return ReleaseConflict(
        f"service {short_name(service.name)}: {lease} holds it; wait until it is promoted or rolled back."
        f" When that run is gone for good, its lease runs out by itself, or remove the annotations"
        f" {RELEASE_KEY}, {RUN_KEY} and {UNTIL_KEY}"
    )


class ServiceLeases:
    """Takes, renews and frees the leases of services.

    :param client: reads and writes the services.
    """

    def __init__(self, client: CloudRunClient) -> None:
        self._client = client

    def take(
        self,
        address: ServiceAddress,
        lease: Lease,
        deadline: Deadline,
        *,
        require: Requirement = no_requirement,
    ) -> Lease | None:
        """Write a lease on a service, or a later end of the same one.

        :param address: where the service is.
        :param lease: the lease to write.
        :param deadline: bound of the whole call.
        :param require: raises where the service is not to be changed; asked on every read that is written on.
        :return: the expired lease of another release that was taken over, if any.
        :raises ReleaseConflict: when another release holds the service.
        """

        def with_lease(current: run_v2.Service) -> Mapping[str, str]:
            annotations = annotations_with(current, lease)
            require(current)
            return annotations

        before = self._annotate(address, with_lease, deadline, lease)
        replaced = lease_of(before)
        return None if replaced is None or replaced.release == lease.release else replaced

    def free(
        self,
        address: ServiceAddress,
        release: str,
        deadline: Deadline,
        *,
        require: Requirement = no_requirement,
    ) -> bool:
        """Take the lease of a release off a service; another one's stays.

        :param address: where the service is.
        :param release: id of the release.
        :param deadline: bound of the whole call.
        :param require: raises where the service is not to be changed; asked on every read that is written on.
        :return: whether it was there.
        """

        def without(current: run_v2.Service) -> Mapping[str, str]:
            require(current)
            return annotations_without(current, release)

        before = self._annotate(address, without, deadline)
        lease = lease_of(before)
        return lease is not None and lease.release == release

    def _annotate(
        self,
        address: ServiceAddress,
        wanted: Callable[[run_v2.Service], Mapping[str, str]],
        deadline: Deadline,
        lease: Lease | None = None,
    ) -> run_v2.Service:
        """Bring a service's annotations to what ``wanted`` makes of them; return it as it was before.

        Every write is on the etag of the read that ``wanted`` decided on, so that of two that want the lease
        one sees the other's.
        """
        while True:
            current = self._client.read(address, deadline)
            goal = dict(wanted(current))
            if dict(current.annotations) == goal:
                return current
            service = run_v2.Service(name=address.name, annotations=goal, etag=current.etag)
            mask = ["annotations"] if lease is None else put_lease(service, current, lease)
            change = ServiceWrite(service, mask)
            try:
                written = self._client.write(
                    address,
                    current,
                    lambda _, change=change: change,  # type: ignore[misc]
                    lambda latest, goal=goal: latest is not None and dict(latest.annotations) == goal,  # type: ignore[misc]
                    fenced=True,
                    deadline=deadline,
                )
            except ReleaseConflict:
                if deadline.passed:
                    raise
                deadline.pause(POLL_SECONDS)
                continue
            # The operation's own end says how the service is, not whether it was annotated: that is read.
            if written.refusal is None and dict(self._client.read(address, deadline).annotations) == goal:
                return current
            if deadline.passed or written.refusal is not None:
                raise CloudRunError(
                    f"service {address}: cannot write its annotations: {written.refusal or written.failure}"
                )
            deadline.pause(POLL_SECONDS)
