"""Cloud Run hook: makes revisions without moving traffic, and moves traffic.

Every write is read, compared and sent with the etag of what was read; done again it does nothing. What a
write did is always read back from the service: neither an error nor a success of the call is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.cloud import run_v2

from slipway.exceptions import ReleaseConflict, RevisionNotFound
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.cloud_run.client import CloudRunClient
from slipway.hooks.cloud_run.deployment import Revisions
from slipway.hooks.cloud_run.leases import (
    Lease,
    Requirement,
    ServiceLeases,
    foreign_lease,
    labelled_head,
    lease_of,
    no_requirement,
)
from slipway.hooks.cloud_run.operations import OperationRecord
from slipway.hooks.cloud_run.revision import (
    Readiness,
    RevisionSpec,
    image_digest,
    image_of,
    minimum_instances,
    readiness,
    secrets_of,
    variables_of,
)
from slipway.hooks.cloud_run.splits import TrafficSplits
from slipway.hooks.cloud_run.state import state_of
from slipway.hooks.cloud_run.traffic import TrafficChange, TrafficPlan, revision_uri, serving_split, tags_of
from slipway.hooks.deadline import Deadline
from slipway.hooks.google.endpoint import GoogleEndpointMixin
from slipway.hooks.secret_version import SecretVersion

__all__ = [
    "CloudRunTrafficHook",
    "Lease",
    "SecretVersion",
    "ServiceAddress",
    "TrafficChange",
    "foreign_lease",
    "image_digest",
    "image_of",
    "labelled_head",
    "lease_of",
    "minimum_instances",
    "readiness",
    "revision_uri",
    "secrets_of",
    "serving_split",
    "state_of",
    "tags_of",
    "variables_of",
]


T = TypeVar("T")


class CloudRunTrafficHook(GoogleEndpointMixin, GoogleBaseHook):
    """Deploy revisions of Cloud Run services and split their traffic.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.run`` may name another address.
    """

    endpoint_name = "run"

    def __init__(self, gcp_conn_id: str = "google_cloud_default", **kwargs: Any) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, **kwargs)
        self._compose()

    def _compose(self) -> None:
        self._client = CloudRunClient(self.api_client, regional=self.is_default_universe, log=self.log)
        self._leases = ServiceLeases(self._client)
        self._splits = TrafficSplits(self._client)
        self._revisions = Revisions(self._client)

    @contextmanager
    def own_channel(self) -> Iterator[Self]:
        """Give a copy of this hook with channels of its own, for use in another thread."""
        with super().own_channel() as twin:
            twin._compose()
            yield twin

    def get_service(self, address: ServiceAddress) -> run_v2.Service:
        """Read a service.

        :param address: where the service is.
        :raises ServiceNotFound: when there is none.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        return self._client.read(address)

    def get_revision(self, address: ServiceAddress, revision: str) -> run_v2.Revision:
        """Read a revision.

        :param address: where its service is.
        :param revision: short name.
        :raises RevisionNotFound: when there is none.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        found = self._client.find_revision(address, revision)
        if found is None:
            raise RevisionNotFound(f"service {address}: no revision {revision}; list its revisions")
        return found

    def list_revisions(self, address: ServiceAddress) -> list[run_v2.Revision]:
        """List a service's revisions, newest first.

        :param address: where the service is.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        return self._client.list_revisions(address)

    def get_readiness(self, address: ServiceAddress, revision: str) -> Readiness:
        """Return whether a revision can serve, as Cloud Run reports it.

        :param address: where its service is.
        :param revision: short name.
        :raises CloudRunError: when Cloud Run gives no usable answer.
        """
        return readiness(self._client.find_revision(address, revision), self._client.read(address), revision)

    def take_lease(
        self, address: ServiceAddress, lease: Lease, *, timeout: float, require: Requirement = no_requirement
    ) -> Lease | None:
        """Write a lease on a service, or a later end of the same one.

        :param address: where the service is.
        :param lease: the lease to write.
        :param timeout: bound of the whole call, in seconds.
        :param require: raises where the service, as it is read, is not to be changed.
        :return: the expired lease of another release that was taken over, if any.
        :raises ReleaseConflict: when another release holds the service.
        :raises ServiceNotFound: when there is no such service.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        return self._leases.take(address, lease, Deadline(timeout), require=require)

    def free_lease(
        self, address: ServiceAddress, release: str, *, timeout: float, require: Requirement = no_requirement
    ) -> bool:
        """Take the lease of a release off a service; another one's stays.

        :param address: where the service is.
        :param release: id of the release.
        :param timeout: bound of the whole call, in seconds.
        :param require: raises where the service, as it is read, is not to be changed.
        :return: whether it was there.
        :raises ServiceNotFound: when there is no such service.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        return self._leases.free(address, release, Deadline(timeout), require=require)

    def set_traffic(
        self,
        address: ServiceAddress,
        *,
        split: Mapping[str, int],
        tags: Mapping[str, str] | None = None,
        drop_tags: Collection[str] = (),
        etag: str | None = None,
        lease: Lease | None = None,
        operation: OperationRecord | None = None,
        timeout: float,
    ) -> TrafficChange:
        """Split the requests between revisions by name, and wait until the service reports it.

        Nothing is written when the service is so already. Without ``etag`` a conflict is resolved by one
        read: when the split is by then the requested one the call succeeds, when somebody changed the service
        it fails. With ``etag`` any other state fails, with one exception: when an attempt of this very call
        was not answered, a conflict is checked for being its own doing.

        :param address: where the service is.
        :param split: percent by short revision name, in total 100.
        :param tags: tag by short revision name, replacing all tags; None keeps them as they are.
        :param drop_tags: tags to take away of those that are kept.
        :param etag: write only if the service still has this etag.
        :param lease: lease to take or renew in the same write.
        :param operation: where the name of the write's operation is kept; a write that an earlier try made is
            waited for by that name.
        :param timeout: bound of the whole call, in seconds.
        :raises ValueError: when the split is not in total 100 %; nothing was called.
        :raises ServiceNotFound: when there is no such service.
        :raises RevisionNotFound: when a revision of the split does not exist.
        :raises RevisionNotReady: when a revision of the split cannot serve.
        :raises ReleaseConflict: when somebody else changed the service, or holds its lease.
        :raises CloudRunTimeout: when the split did not show in time.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        TrafficPlan.of(split, {})
        deadline = Deadline(timeout)
        current = self._client.read(address, deadline)
        if etag is not None and current.etag != etag:
            raise _changed(address, etag, current)
        kept = tags_of(current) if tags is None else {tag: revision for revision, tag in tags.items()}
        plan = TrafficPlan.of(split, {tag: name for tag, name in kept.items() if tag not in drop_tags})
        changed = not plan.asked_of(current)
        after = self._splits.settle(
            address,
            current,
            plan,
            lease=lease,
            fenced=etag is not None,
            operation=operation,
            deadline=deadline,
        )
        return TrafficChange(
            serving_split(current), serving_split(after), changed, after.etag, state_of(after)
        )

    def deploy_revision(
        self,
        address: ServiceAddress,
        *,
        revision: str,
        base: str | None,
        image: str,
        env: Mapping[str, str],
        secrets: Mapping[str, SecretVersion],
        min_instances: int,
        max_instances: int,
        labels: Mapping[str, str],
        managed: Collection[str] = (),
        sql_instances: Mapping[str, str] | None = None,
        tag: str | None,
        expected_etag: str | None = None,
        lease: Lease | None = None,
        operation: OperationRecord | None = None,
        timeout: float,
    ) -> run_v2.Service:
        """Make an immutable revision that is ready and gets no requests, except through its tag.

        What serves now is pinned by revision name in the same write, so that no traffic moves. A revision
        that is already there with this image, ``env`` and ``secrets`` is not made again; only its tag is
        ensured. The first revision of a service serves at once: there is nothing to hold it back for.

        :param address: where the service is; it is created when absent.
        :param revision: full name of the revision, ``<service>-<suffix>``.
        :param base: short name of the revision it is built on, whatever was deployed after that one; None
            for the service's own template, where no revision serves yet.
        :param image: image reference with a digest.
        :param env: environment values, laid over those of ``base``.
        :param secrets: pinned secret versions by environment variable, laid over likewise.
        :param min_instances: instances kept warm while the revision is in the traffic or has a tag.
        :param max_instances: bound of its instances.
        :param labels: labels of the revision, e.g. the release.
        :param managed: variables that are not taken over from ``base``.
        :param sql_instances: Cloud SQL connection names to replace in its volumes, the new one by the old.
        :param tag: tag with a URL of its own, or None.
        :param expected_etag: make the revision only if the service still has this etag.
        :param lease: lease to take or renew in the same write.
        :param operation: where the name of the write's operation is kept; a revision that an earlier try
            began to make is waited for by that name.
        :param timeout: bound of the whole call, in seconds.
        :return: the service with the revision ready.
        :raises ReleaseConflict: when the name is taken by another revision, the service was changed, or
            another release holds its lease.
        :raises RevisionNotFound: when there is no revision ``base``.
        :raises RevisionNotReady: when the revision cannot serve, with Cloud Run's reason.
        :raises CloudRunTimeout: when it was neither ready nor failed in time.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        :raises ValueError: when the request contradicts itself.
        """
        if not revision.startswith(f"{address.service}-"):
            raise ValueError(f"revision={revision!r}: must begin with {address.service}-")
        spec = RevisionSpec(
            revision,
            image,
            env,
            secrets,
            min_instances,
            max_instances,
            labels,
            frozenset(managed),
            sql_instances or {},
        )
        deadline = Deadline(timeout)
        current = self._client.find(address, deadline)
        if current is not None and self._revisions.is_made(address, current, revision, deadline):
            failure = self._client.resume(address, operation, deadline)
        else:
            if expected_etag is not None and (current is None or current.etag != expected_etag):
                raise _changed(address, expected_etag, current)
            built_on = None if base is None else self.get_revision(address, base)
            failure = self._revisions.make(address, current, spec, built_on, lease, operation, deadline)
        ready = self._revisions.await_ready(address, spec, failure, deadline)
        split = serving_split(ready) or {revision: 100}
        tags = tags_of(ready) if tag is None else {**tags_of(ready), tag: revision}
        plan = TrafficPlan.of(split, tags)
        return self._splits.settle(
            address, ready, plan, lease=lease, fenced=False, operation=operation, deadline=deadline
        )

    def delete_revision(self, address: ServiceAddress, revision: str, *, etag: str, timeout: float) -> bool:
        """Delete a revision that nobody can reach; done again it changes nothing.

        :param address: where its service is.
        :param revision: short name.
        :param etag: delete it only if it still has this etag.
        :param timeout: bound of the whole call, in seconds.
        :return: False when Cloud Run refuses: the revision has changed, serves, has a tag, or is the latest.
        :raises CloudRunError: when Cloud Run gives no usable answer, or the revision is still there.
        """
        return self._client.delete_revision(address, revision, etag, Deadline(timeout))

    async def call_async(self, call: Callable[[Self], T]) -> T:
        """Run a blocking call in a thread, on a copy of this hook with a channel of its own, for a trigger.

        A cancelled call lets the thread finish what it began, within the call's own bound.

        :param call: what to do with the copy of the hook.
        :return: what the call returns.
        """

        def run() -> T:
            with self.own_channel() as twin:
                return call(twin)

        return await asyncio.to_thread(run)


def _changed(address: ServiceAddress, etag: str, current: run_v2.Service | None) -> ReleaseConflict:
    """Say that a service is not as its reader left it, and who changed it.

    :param etag: the etag that was expected.
    :param current: the service as read, None when it does not exist.
    """
    if current is None:
        return ReleaseConflict(f"service {address}: expected etag {etag}, but it does not exist")
    return ReleaseConflict(
        f"service {address}: expected etag {etag}, it has {current.etag}; last changed by"
        f" {current.last_modifier or 'an unknown author'} (generation {current.generation},"
        f" traffic {serving_split(current)}); read it again and decide"
    )
