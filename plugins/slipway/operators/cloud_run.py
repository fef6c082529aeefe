"""Operators that deploy revisions and move traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slipway.exceptions import ReleaseConflict, TrafficDrift
from slipway.hooks.secret_version import SecretVersion
from slipway.operators.release import EnvironmentOperator, ReleaseOperator
from slipway.policy import PhaseName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger import Release
    from slipway.plan import PlannedService


class DeployRevisionsOperator(EnvironmentOperator):
    """Deploy the new revision of every service of the release, by digest and without traffic.

    :param environment: ``staging`` or ``production``.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Return the new revision per service."""
        release = self.release(context)
        for key, service in release.plan.services.items():
            self._deploy(release, key, service)
        revisions = {key: s.revisions[self.environment] for key, s in release.plan.services.items()}
        images = {key: s.image for key, s in release.plan.services.items()}
        self.record(release, f"deployed/{self.environment}", revisions=revisions, images=images)
        return revisions

    def _deploy(self, release: Release, key: str, service: PlannedService) -> None:
        policy = release.policy
        environment, definition = policy.environments[self.environment], policy.services[key]
        configured = self.ledger.entry(release.release_id, f"configured/{self.environment}")
        if configured is None:
            raise ReleaseConflict(
                f"release {release.release_id}: no configuration of {self.environment} on record; "
                "write it first"
            )
        self.cloud_run.deploy_revision(
            project_id=environment.project_id,
            location=environment.location,
            service=service.names[self.environment],
            revision=service.revisions[self.environment],
            image=service.image,
            env=dict(definition.env) | self._references(release, definition.secrets, configured["versions"]),
            secrets={
                variable: SecretVersion(
                    secret=environment.secret(document), version=str(configured["versions"][document])
                )
                for variable, document in definition.secrets.items()
            },
            min_instances=(
                policy.staging_min_instances if self.environment == "staging" else definition.min_instances
            ),
            max_instances=definition.max_instances,
            labels={"slipway-release": release.release_id},
            tag=environment.tag,
            timeout=policy.deploy_timeout_seconds,
        )

    def _references(
        self, release: Release, secrets: Mapping[str, str], versions: Mapping[str, int]
    ) -> dict[str, str]:
        """Return ``<VARIABLE>_REFERENCE`` of what a rollback changes: with it the product follows one."""
        environment = release.policy.environments[self.environment]
        return {
            f"{variable}_REFERENCE": f"projects/{environment.project_id}/secrets/"
            f"{environment.secret(document)}/versions/{versions[document]}"
            for variable, document in secrets.items()
            if release.policy.configuration[document].rolls_back
        }


class ServeStagingOperator(ReleaseOperator):
    """Give staging's traffic to the new revisions."""

    def execute(self, context: Context) -> dict[str, str]:
        """Return the URL of every service in staging."""
        release = self.release(context)
        staging = release.policy.environments["staging"]
        urls = {}
        for key, service in release.plan.services.items():
            where: dict[str, Any] = {
                "project_id": staging.project_id,
                "location": staging.location,
                "service": service.names["staging"],
            }
            self.cloud_run.set_traffic(
                **where,
                split={service.revisions["staging"]: 100},
                timeout=release.policy.traffic_timeout_seconds,
            )
            urls[key] = self.cloud_run.get_service(**where).uri
        self.record(release, "serving/staging", urls=urls)
        return urls


class ShiftTrafficOperator(ReleaseOperator):
    """Give the new revisions a phase's share of production traffic.

    Before it moves anything it compares the live split with the record: only the stable split and the splits
    of this release's own phases are expected.

    :param phase: ``canary``, ``half`` or ``full``.
    :param progressive: True for the service that moves step by step, False for the supporting ones.
    :raises TrafficDrift: when somebody else moved the traffic.
    """

    def __init__(self, *, phase: PhaseName, progressive: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.progressive = progressive

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the split per service before and after."""
        release = self.release(context)
        changes = {
            service.names["production"]: self._shift(release, service)
            for service in release.plan.services.values()
            if service.progressive is self.progressive
        }
        who = "" if self.progressive else "/supporting"
        self.record(release, f"shifted/{self.phase}{who}", changes=changes, at=datetime.now(UTC).isoformat())
        return changes

    def _shift(self, release: Release, service: PlannedService) -> dict[str, Any]:
        from slipway.hooks.cloud_run import serving_split

        production = release.policy.environments["production"]
        name = service.names["production"]
        where: dict[str, Any] = {
            "project_id": production.project_id,
            "location": production.location,
            "service": name,
        }
        percent = release.policy.phases[self.phase].traffic_percent
        live = self.cloud_run.get_service(**where)
        self._refuse_drift(release, service, serving_split(live))
        change = self.cloud_run.set_traffic(
            **where,
            split=split_at(release, service, percent),
            etag=live.etag,
            timeout=release.policy.traffic_timeout_seconds,
        )
        return {"before": change.before, "after": change.after, "percent": percent}

    def _refuse_drift(self, release: Release, service: PlannedService, live: dict[str, int]) -> None:
        name = service.names["production"]
        serving = {revision: percent for revision, percent in live.items() if percent}
        expected = [dict(release.stable[name])]
        expected += [
            split_at(release, service, phase.traffic_percent) for phase in release.policy.phases.values()
        ]
        if serving not in expected:
            raise TrafficDrift(
                f"service {name}: serves {serving}, which this release did not set "
                f"(expected one of {expected}); somebody else moved the traffic: find out who, then "
                "release again"
            )


def split_at(release: Release, service: PlannedService, percent: int) -> dict[str, int]:
    """Return the split that gives the new revision its share and stable the rest.

    :param percent: share of the new revision, 0..100.
    """
    (stable,) = release.stable[service.names["production"]]
    split = {service.revisions["production"]: percent, stable: 100 - percent}
    return {revision: share for revision, share in split.items() if share}
