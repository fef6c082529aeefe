"""The operator that deploys revisions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from slipway.ledger.entries import RevisionDeployed, ServiceState
from slipway.operators.base import absent_from
from slipway.operators.cloud_run import ServicesOperator, Wait
from slipway.policy.release import EnvironmentName
from slipway.release.drift import split_at
from slipway.release.new_revision import base_of, changes_between, configured_versions, made_of
from slipway.triggers.cloud_run import RevisionsReadyTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService


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

    def absent(self, release: Release) -> str | None:
        """Say why nothing is deployed to the environment."""
        return absent_from(release, self.environment)

    def execute(self, context: Context) -> dict[str, str]:
        """Return the new revision per service; defer when that takes longer than a worker should wait.

        :param context: Airflow's context of the task.
        """
        return self._deploy_all(self.release(context), last=False)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, str]:
        """Do it once more: a revision that is there is not made again, only tagged and put on record.

        :param context: Airflow's context of the task.
        :param event: the trigger's, with the state of every revision.
        :return: the new revision per service.
        :raises RevisionNotReady: when one of them cannot serve, with Cloud Run's reason.
        :raises CloudRunTimeout: when one of them is still not ready.
        """
        self.log.info("Revisions: %s", event)
        return self._deploy_all(self.release(context), last=True)

    def _deploy_all(self, release: Release, *, last: bool) -> dict[str, str]:
        wait = Wait(
            RevisionsReadyTrigger,
            lambda service: {"revision": service.revisions[self.environment]},
            self.environment,
            release.policy.deploy_timeout_seconds,
        )
        return self.for_each(release, self.chosen(release), partial(self._deploy, release), wait, last=last)

    def _deploy(self, release: Release, key: str, service: PlannedService, seconds: float) -> str:
        from slipway.hooks.cloud_run.hook import state_of

        guards: dict[str, Any] = {}
        if self.environment == "production":
            live = self.untouched(release, service, goal=split_at(release, service, 0))
            guards = {"lease": self.lease(release), "expected_etag": None if live is None else live.etag}
        versions = configured_versions(release, self.environment, self.ledger)
        base = base_of(release, self.environment, key, self.cloud_run, self.ledger)
        address = self.address(release, service, self.environment)
        deployed = self.cloud_run.deploy_revision(
            address,
            **made_of(release, self.environment, key, base, versions),
            **guards,
            operation=self.ledger.operations.of(
                release.release_id, RevisionDeployed, environment=self.environment, component=key
            ),
            timeout=seconds,
        )
        state = ServiceState.model_validate(state_of(deployed))
        made = self.cloud_run.get_revision(address, service.revisions[self.environment])
        entry = RevisionDeployed(
            environment=self.environment,
            component=key,
            service=service.names[self.environment],
            revision=service.revisions[self.environment],
            image=service.image,
            base=base.name,
            changes=changes_between(base, made, release.policy, key),
            states={service.names["production"]: state} if guards else {},
        )
        self.record(release, entry)
        return entry.revision
