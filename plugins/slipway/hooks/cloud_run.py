"""The door to Cloud Run: make a revision without moving traffic, and move traffic.

Every write is read, compared and sent with the etag of what was read; done again it does nothing. What a
write did is always read back from the service: neither an error nor a success of the call is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from google.cloud import run_v2

from slipway.exceptions import (
    CloudRunError,
    CloudRunTimeout,
    ReleaseConflict,
    RevisionNotFound,
    RevisionNotReady,
)
from slipway.hooks.cloud_run_client import POLL_SECONDS, Change, CloudRunClient, ServiceAddress
from slipway.hooks.cloud_run_revision import (
    RevisionSpec,
    differences,
    image_digest,
    image_of,
    next_template,
    readiness,
    secrets_of,
    variables_of,
)
from slipway.hooks.cloud_run_traffic import (
    TrafficChange,
    TrafficPlan,
    describe_change,
    only_serving,
    revision_uri,
    serving_split,
    tags_of,
)
from slipway.hooks.deadline import Deadline
from slipway.hooks.secret_version import SecretVersion

__all__ = [
    "CloudRunTrafficHook",
    "SecretVersion",
    "TrafficChange",
    "image_digest",
    "image_of",
    "revision_uri",
    "secrets_of",
    "serving_split",
    "tags_of",
    "variables_of",
]


class CloudRunTrafficHook(CloudRunClient):
    """Deploy revisions of Cloud Run services and split their traffic.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.run`` may name another address.
    :param impersonation_chain: service accounts to impersonate, as in ``GoogleBaseHook``.
    """

    def deploy_revision(
        self,
        *,
        project_id: str,
        location: str,
        service: str,
        revision: str,
        image: str,
        env: Mapping[str, str],
        secrets: Mapping[str, SecretVersion],
        min_instances: int,
        max_instances: int,
        labels: Mapping[str, str],
        tag: str | None,
        expected_etag: str | None = None,
        timeout: float,
    ) -> run_v2.Service:
        """Make an immutable revision that is ready and gets no requests, except through its tag.

        What serves now is pinned by revision name in the same write, so that no traffic moves. A revision
        that is already there with this image, ``env`` and ``secrets`` is not made again; only its tag is
        ensured. The first revision of a service serves at once: there is nothing to hold it back for.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name of the service; it is created when absent.
        :param revision: full name of the revision, ``<service>-<suffix>``.
        :param image: image reference with a digest.
        :param env: environment values, laid over those of the current template.
        :param secrets: pinned secret versions by environment variable, laid over likewise.
        :param min_instances: instances kept warm while the revision is in the traffic or has a tag.
        :param max_instances: bound of its instances.
        :param labels: labels of the revision, e.g. the release.
        :param tag: tag with a URL of its own, or None.
        :param expected_etag: make the revision only if the service still has this etag.
        :param timeout: bound of the whole call, in seconds.
        :returns: the service with the revision ready.
        :raises ReleaseConflict: when the name is taken by another revision, or the service was changed.
        :raises RevisionNotReady: when the revision cannot serve, with Cloud Run's reason.
        :raises CloudRunTimeout: when it was neither ready nor failed in time.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        :raises ValueError: when the request contradicts itself.
        """
        address = ServiceAddress(project_id, location, service)
        if not revision.startswith(f"{service}-"):
            raise ValueError(f"revision={revision!r}: must begin with {service}-")
        spec = RevisionSpec(revision, image, env, secrets, min_instances, max_instances, labels)
        deadline = Deadline(timeout)
        current = self._find(address, deadline)
        failure = None
        if current is None or self._find_revision(address, revision, deadline) is None:
            if expected_etag is not None and (current is None or current.etag != expected_etag):
                raise _moved(address, expected_etag, current)
            failure = self._make_revision(address, current, spec, deadline)
        ready = self._await_revision(address, spec, failure, deadline)
        split = only_serving(serving_split(ready)) or {revision: 100}
        tags = tags_of(ready) if tag is None else {**tags_of(ready), tag: revision}
        return self._settle(address, ready, TrafficPlan.of(split, tags), fenced=False, deadline=deadline)

    def set_traffic(
        self,
        *,
        project_id: str,
        location: str,
        service: str,
        split: Mapping[str, int],
        tags: Mapping[str, str] | None = None,
        etag: str | None = None,
        timeout: float,
    ) -> TrafficChange:
        """Split the requests between revisions by name, and wait until the service reports it.

        Nothing is written when the service is so already. Without ``etag`` a conflict is resolved by one
        read: when the split is by then the wanted one the call succeeds, when somebody changed the service
        it fails. With ``etag`` any other state fails, with one exception: when an attempt of this very call
        was not answered, a conflict is checked for being its own doing.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        :param split: percent by short revision name, in total 100.
        :param tags: tag by short revision name, replacing all tags; None keeps them as they are.
        :param etag: write only if the service still has this etag.
        :param timeout: bound of the whole call, in seconds.
        :raises ValueError: when the split is not in total 100 %; nothing was called.
        :raises ServiceNotFound: when there is no such service.
        :raises RevisionNotFound: when a revision of the split does not exist.
        :raises RevisionNotReady: when a revision of the split cannot serve.
        :raises ReleaseConflict: when somebody else changed the service.
        :raises CloudRunTimeout: when the split did not show in time.
        :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
        """
        TrafficPlan.of(split, {})
        deadline = Deadline(timeout)
        address = ServiceAddress(project_id, location, service)
        current = self._read(address, deadline)
        if etag is not None and current.etag != etag:
            raise _moved(address, etag, current)
        kept = tags_of(current) if tags is None else {tag: revision for revision, tag in tags.items()}
        plan = TrafficPlan.of(split, kept)
        changed = not plan.asked_of(current)
        after = self._settle(address, current, plan, fenced=etag is not None, deadline=deadline)
        return TrafficChange(serving_split(current), serving_split(after), changed, after.etag)

    async def aset_traffic(self, **arguments: Any) -> TrafficChange:
        """Do :meth:`set_traffic` in a thread with a channel of its own, for a trigger.

        A cancelled call lets the thread finish what it began, within its ``timeout``.

        :param arguments: as for :meth:`set_traffic`.
        """

        def call() -> TrafficChange:
            with self.own_channel() as twin:
                return twin.set_traffic(**arguments)

        return await asyncio.to_thread(call)

    async def aget_service(self, *, project_id: str, location: str, service: str) -> run_v2.Service:
        """Do :meth:`get_service` in a thread with a channel of its own, for a trigger.

        :param project_id: Google Cloud project.
        :param location: region.
        :param service: short name.
        """

        def call() -> run_v2.Service:
            with self.own_channel() as twin:
                return twin.get_service(project_id=project_id, location=location, service=service)

        return await asyncio.to_thread(call)

    def _make_revision(
        self, address: ServiceAddress, current: run_v2.Service | None, spec: RevisionSpec, deadline: Deadline
    ) -> Exception | None:
        """Write the template with what serves pinned; return the operation's error."""

        def change(base: run_v2.Service | None) -> Change:
            return _with_revision(address, base, spec)

        def landed(latest: run_v2.Service | None) -> bool:
            return latest is not None and latest.template.revision == spec.revision

        written = self._write(address, current, change, landed, fenced=False, deadline=deadline)
        if written.refusal is not None:
            raise CloudRunError(f"service {address}: cannot make revision {spec.revision}: {written.refusal}")
        return written.failure

    def _await_revision(
        self, address: ServiceAddress, spec: RevisionSpec, failure: Exception | None, deadline: Deadline
    ) -> run_v2.Service:
        """Wait until the revision is ready and is the one asked for."""
        while True:
            service = self._read(address, deadline)
            found = self._find_revision(address, spec.revision, deadline)
            wrong = [] if found is None else differences(found, spec)
            if wrong:
                raise ReleaseConflict(
                    f"service {address}: revision {spec.revision} exists with another content"
                    f" ({'; '.join(wrong)}); deploy under another name"
                )
            seen = readiness(found, service, spec.revision)
            if seen.state == "ready" and found is not None:
                return service
            if seen.state == "failed" or failure is not None:
                raise RevisionNotReady(
                    f"service {address}: revision {spec.revision} cannot serve:"
                    f" {seen.message or failure or 'no reason given'}"
                )
            if deadline.passed:
                raise CloudRunTimeout(
                    f"service {address}: revision {spec.revision} not ready in {deadline.seconds:g} s;"
                    f" Cloud Run says: {seen.message or 'nothing'}"
                )
            deadline.pause(POLL_SECONDS)

    def _settle(
        self,
        address: ServiceAddress,
        current: run_v2.Service,
        plan: TrafficPlan,
        *,
        fenced: bool,
        deadline: Deadline,
    ) -> run_v2.Service:
        """Bring the traffic to ``plan``, and wait until the service reports it."""
        if plan.asked_of(current) and plan.shown_by(current):
            return current
        generation, failure = current.generation, None
        if not plan.asked_of(current):

            def change(base: run_v2.Service | None) -> Change:
                etag = "" if base is None else base.etag
                return Change(
                    run_v2.Service(name=address.name, traffic=plan.targets(), etag=etag), ["traffic"]
                )

            def landed(latest: run_v2.Service | None) -> bool:
                return latest is not None and plan.asked_of(latest)

            written = self._write(address, current, change, landed, fenced=fenced, deadline=deadline)
            generation, failure = written.generation, written.refusal or written.failure
        while True:
            service = self._read(address, deadline)
            if plan.asked_of(service) and plan.shown_by(service):
                self.log.info("service %s: traffic is %s", address, dict(plan.split))
                return service
            if failure is not None:
                raise self._explain(address, plan, failure, deadline)
            if service.generation > generation and not plan.asked_of(service):
                raise ReleaseConflict(
                    f"service {address}: its traffic was changed again while it was being set to"
                    f" {dict(plan.split)}: {describe_change(current, service)}"
                )
            if deadline.passed:
                raise CloudRunTimeout(
                    f"service {address}: traffic is {serving_split(service)} and not {dict(plan.split)}"
                    f" after {deadline.seconds:g} s; Cloud Run says:"
                    f" {service.terminal_condition.message or 'nothing'}"
                )
            deadline.pause(POLL_SECONDS)

    def _explain(
        self, address: ServiceAddress, plan: TrafficPlan, failure: Exception, deadline: Deadline
    ) -> CloudRunError:
        """Say why a split could not be set: most often one of its revisions is the reason."""
        service = self._read(address, deadline)
        for revision in plan.split:
            found = self._find_revision(address, revision, deadline)
            if found is None:
                return RevisionNotFound(f"service {address}: no revision {revision}; list its revisions")
            seen = readiness(found, service, revision)
            if seen.state == "failed":
                return RevisionNotReady(
                    f"service {address}: revision {revision} cannot serve: {seen.message or failure}"
                )
        return CloudRunError(f"service {address}: cannot set traffic {dict(plan.split)}: {failure}")


def _with_revision(address: ServiceAddress, base: run_v2.Service | None, spec: RevisionSpec) -> Change:
    """Return the write that adds a revision to ``base`` and keeps its traffic where it is, by name."""
    if base is None:
        template = next_template(run_v2.RevisionTemplate(), spec)
        return Change(run_v2.Service(name=address.name, template=template), [])
    service = run_v2.Service(name=address.name, template=next_template(base.template, spec), etag=base.etag)
    split = only_serving(serving_split(base))
    if not split:
        return Change(service, ["template"])
    service.traffic = TrafficPlan.of(split, tags_of(base)).targets()
    return Change(service, ["template", "traffic"])


def _moved(address: ServiceAddress, etag: str, current: run_v2.Service | None) -> ReleaseConflict:
    if current is None:
        return ReleaseConflict(f"service {address}: expected etag {etag}, but it does not exist")
    return ReleaseConflict(
        f"service {address}: expected etag {etag}, it has {current.etag}; last changed by"
        f" {current.last_modifier or 'an unnamed caller'} (generation {current.generation},"
        f" traffic {serving_split(current)}); read it again and decide"
    )
