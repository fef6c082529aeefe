"""Operators that move traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict
from slipway.ledger.entries import ServiceState, SplitChange, StagingServed, TrafficShifted, TrafficVerified
from slipway.operators.deploy import ServicesOperator
from slipway.policy.release import PhaseName
from slipway.release.drift import split_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService


class ServeStagingOperator(ServicesOperator):
    """Give staging's traffic to the new revisions.

    One task for all services: the test suites ask them together, at the URLs of one entry of the record.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Return the URL of every service in staging."""
        release = self.release(context)
        urls = {}
        for key, service in self.chosen(release).items():
            address = self.address(release, service, "staging")
            self.cloud_run.set_traffic(
                address,
                split={service.revisions["staging"]: 100},
                operation=self.ledger.operations.of(release.release_id, StagingServed, service=key),
                timeout=release.policy.traffic_timeout_seconds,
            )
            urls[key] = self.cloud_run.get_service(address).uri
        self.record(release, StagingServed(urls=urls))
        return urls


class ShiftTrafficOperator(ServicesOperator):
    """Give the new revisions a phase's share of production traffic.

    Before it moves anything it compares the live service with the record. The lease is renewed in the same
    write. Afterwards it sees who answers.

    The service that moves step by step is one task and not mapped: its share is one decision, on one
    evidence. The supporting services follow it, each on its own.

    :param phase: ``canary``, ``half`` or ``full``.
    :param progressive: True for the service that moves step by step, False for the supporting ones.
    :raises AirflowSkipException: when none of the services to work on moves with this task.
    :raises TrafficDrift: when somebody else changed a service.
    :raises AirflowFailException: when requests show that another split is served than the one asked for.
    """

    def __init__(self, *, phase: PhaseName, progressive: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase
        self.progressive = progressive

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the split per service before and after."""
        release = self.release(context)
        moving = {
            key: service
            for key, service in self.chosen(release).items()
            if service.progressive is self.progressive
        }
        if not moving:
            raise AirflowSkipException(f"{self.service or 'every service'} moves in another task")
        return {
            service.names["production"]: self._shift(release, key, service) for key, service in moving.items()
        }

    def _shift(self, release: Release, key: str, service: PlannedService) -> dict[str, Any]:
        name = service.names["production"]
        split = split_at(release, service, release.policy.phases[self.phase].traffic_percent)
        live = self.guarded(release, service, goal=split)
        if live is None:
            raise ReleaseConflict(f"service {name}: does not exist any more; find out who deleted it")
        who = self._who(release, key, live.uri)
        change = self.cloud_run.set_traffic(
            self.address(release, service),
            split=split,
            etag=live.etag,
            lease=self.lease(release),
            operation=self.ledger.operations.of(
                release.release_id, TrafficShifted, phase=self.phase, component=key
            ),
            timeout=release.policy.traffic_timeout_seconds,
        )
        percent = split[service.revisions["production"]]
        changes = SplitChange(before=change.before, after=change.after, percent=percent)
        # The bake reads when the progressive service's traffic was in force from the key of the phase alone.
        component = None if self.progressive else key
        # The bake counts from the moment on record: what the verification itself asked is before it.
        seen = self._observe(release, split, url=live.uri, who=who)
        self.record(
            release,
            TrafficShifted(
                phase=self.phase,
                component=component,
                changes={name: changes},
                states={name: ServiceState.model_validate(change.state)},
                at=datetime.now(UTC),
            ),
        )
        if seen is not None:
            verified = TrafficVerified(phase=self.phase, component=component, service=name, **seen)
            self.record(release, verified)
            if verified.verdict is not Verdict.PROMOTE:
                raise AirflowFailException(f"service {name}: {verified.reason}")
        return {"before": change.before, "after": change.after, "percent": percent}

    def _who(self, release: Release, key: str, url: str) -> dict[str, str]:
        """Return the header that says who calls, for a service that admits only some callers."""
        from slipway.hooks.google.identity_token import IdentityToken

        if release.policy.verification is None or not release.policy.services[key].requires_identity:
            return {}
        return IdentityToken(self.gcp_conn_id).headers(url)

    @staticmethod
    def _observe(
        release: Release, split: Mapping[str, int], *, url: str, who: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """See whether the split is served, not only accepted; None when the policy does not ask for it."""
        from slipway.hooks.service_probe import ServiceProbeHook

        rules = release.policy.verification
        return None if rules is None else ServiceProbeHook().observe(url, split, rules, who)
