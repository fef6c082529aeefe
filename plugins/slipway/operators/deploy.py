"""What the operators that work on services have in common, and the one that deploys revisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from slipway.exceptions import CloudRunTimeout, ReleaseConflict, ServiceNotFound, TrafficDrift
from slipway.ledger.entries import ConfigurationWritten, DriftFound, RevisionDeployed, ServiceState
from slipway.ledger.timeline import is_being_undone
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import EnvironmentName
from slipway.release.address import service_address
from slipway.release.drift import last_state, require_no_drift, split_at
from slipway.release.new_revision import base_of, changes_between, made_of
from slipway.triggers.cloud_run import RevisionsReadyTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.address import ServiceAddress
    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService

POLL_SECONDS = 2.0
_MARGIN_SECONDS = 300


class ServicesOperator(ReleaseOperator):
    """Base of the operators that work on the release's Cloud Run services, one by one.

    Mapped over the services (``.partial(...).expand(service=...)``), each service is a task of its own: a row
    to look at, and one that fails is tried again alone.

    :param service: key of the one service to work on, for a mapped task; None for all. (templated)
    """

    template_fields = ("service",)

    def __init__(self, *, service: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service

    def chosen(self, release: Release) -> dict[str, PlannedService]:
        """Return the services to work on by their keys."""
        services = dict(release.plan.services)
        return services if self.service is None else {self.service: services[self.service]}

    def address(
        self, release: Release, service: PlannedService, environment: EnvironmentName = "production"
    ) -> ServiceAddress:
        """Return the address of a service.

        :param release: the release of this run.
        :param service: one of its services.
        :param environment: ``staging`` or ``production``.
        """
        return service_address(release.policy, service.names[environment], environment)

    def guarded(
        self, release: Release, service: PlannedService, *, goal: Mapping[str, int]
    ) -> run_v2.Service | None:
        """Read a production service, and refuse to touch it unless it is as this release left it.

        The lease in the ledger is renewed; the one on the service is with what the step writes.

        :param goal: the split that the step sets.
        :return: the service, None when it does not exist yet.
        :raises TrafficDrift: when somebody else changed the service.
        :raises ReleaseConflict: when another release holds it, or this one is over.
        """
        from slipway.hooks.cloud_run.hook import foreign_lease, state_of
        from slipway.hooks.cloud_run.leases import held_by

        entries = self.ledger.entries(release.release_id)
        if release.outcome is not None or is_being_undone(entries):
            raise ReleaseConflict(
                f"release {release.release_id}: {release.outcome or 'is being rolled back'}; it changes"
                " nothing any more"
            )
        try:
            live = self.cloud_run.get_service(self.address(release, service))
        except ServiceNotFound:
            return None
        held = foreign_lease(live, release.release_id)
        if held is not None:
            raise held_by(live, held)
        name = service.names["production"]
        self.ledger.leases.renew(
            release.release_id, [name], region=release.policy.region, until=self.lease(release).until
        )
        try:
            require_no_drift(
                service,
                last_state(entries, service.names["production"]),
                state_of(live),
                stable=release.stable[service.names["production"]],
                goal=goal,
                tag=release.policy.environments["production"].tag,
            )
        except TrafficDrift as drift:
            self.record(release, DriftFound(phase=self.task_id, service=name, reason=str(drift)))
            raise
        return live


class DeployRevisionsOperator(ServicesOperator):
    """Deploy the new revision of the release's services, by digest and without traffic.

    It is built on the revision that serves; everything that differs goes on record.

    The first revision of a service serves at once: there is nothing else that could. Without ``service`` all
    of the services are deployed before the wait for any of them is deferred.

    :param environment: ``staging`` or ``production``.
    """

    def __init__(self, *, environment: EnvironmentName, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.environment = environment

    def execute(self, context: Context) -> dict[str, str]:
        """Return the new revision per service; defer when that takes longer than a worker should wait."""
        release = self.release(context)
        waiting = [
            {
                **self.address(release, service, self.environment).as_payload(),
                "revision": service.revisions[self.environment],
            }
            for key, service in self.chosen(release).items()
            if not self._deployed_soon(release, key, service)
        ]
        if waiting:
            seconds = release.policy.deploy_timeout_seconds
            self.defer(
                trigger=RevisionsReadyTrigger(
                    revisions=waiting,
                    until=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
                    poll_seconds=POLL_SECONDS,
                    gcp_conn_id=self.gcp_conn_id,
                ),
                method_name="execute_complete",
                timeout=timedelta(seconds=seconds + _MARGIN_SECONDS),
            )
        return self._revisions(release)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, str]:
        """Do it once more: a revision that is there is not made again, only tagged and put on record.

        :raises RevisionNotReady: when one of them cannot serve, with Cloud Run's reason.
        :raises CloudRunTimeout: when one of them is still not ready.
        """
        release = self.release(context)
        self.log.info("revisions: %s", event)
        for key, service in self.chosen(release).items():
            self._deploy(release, key, service)
        return self._revisions(release)

    def _revisions(self, release: Release) -> dict[str, str]:
        return {key: s.revisions[self.environment] for key, s in self.chosen(release).items()}

    def _deployed_soon(self, release: Release, key: str, service: PlannedService) -> bool:
        try:
            self._deploy(release, key, service)
        except CloudRunTimeout as error:
            self.log.info("waiting is deferred: %s", error)
            return False
        return True

    def _deploy(self, release: Release, key: str, service: PlannedService) -> None:
        from slipway.hooks.cloud_run.hook import state_of

        guards: dict[str, Any] = {}
        if self.environment == "production":
            live = self.guarded(release, service, goal=split_at(release, service, 0))
            guards = {"lease": self.lease(release), "expected_etag": None if live is None else live.etag}
        base = base_of(release, self.environment, key, self.cloud_run, self.ledger)
        address = self.address(release, service, self.environment)
        deployed = self.cloud_run.deploy_revision(
            address,
            **made_of(release, self.environment, key, base, self._versions(release)),
            **guards,
            operation=self.ledger.operations.of(
                release.release_id, RevisionDeployed, environment=self.environment, component=key
            ),
            timeout=min(release.policy.deploy_inline_seconds, release.policy.deploy_timeout_seconds),
        )
        state = ServiceState.model_validate(state_of(deployed))
        made = self.cloud_run.get_revision(address, service.revisions[self.environment])
        self.record(
            release,
            RevisionDeployed(
                environment=self.environment,
                component=key,
                service=service.names[self.environment],
                revision=service.revisions[self.environment],
                image=service.image,
                base=base.name,
                changes=changes_between(base, made, release.policy, key),
                states={service.names["production"]: state} if guards else {},
            ),
        )

    def _versions(self, release: Release) -> Mapping[str, int]:
        configured = self.ledger.get(release.release_id, ConfigurationWritten, environment=self.environment)
        if configured is None:
            raise ReleaseConflict(
                f"release {release.release_id}: no configuration of {self.environment} on record; "
                "write it first"
            )
        return configured.versions
