"""A phase's share of one service's traffic: set, seen to be served, and put on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from slipway.analysis.verdict import Verdict
from slipway.exceptions import ReleaseConflict
from slipway.hooks.deadline import Deadline
from slipway.hooks.service_probe import ServiceProbeHook
from slipway.ledger.entries import ServiceState, SplitChange, TrafficShifted, TrafficVerified
from slipway.release.address import asked_url, identity_audience, service_address
from slipway.release.drift import split_at
from slipway.release.verification import verify_split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, Lease
    from slipway.ledger.ledger import Release
    from slipway.ledger.operations import LedgerOperations
    from slipway.ledger.plan import PlannedService
    from slipway.policy.release import PhaseName


@dataclass(frozen=True)
class Shifted:
    """What came of a shift.

    :param shifted: the entry of the change.
    :param verified: the entry of what requests show; None when the policy does not ask for it.
    :param settling: whether requests show another split, and its time to settle is not over.
    """

    shifted: TrafficShifted
    verified: TrafficVerified | None
    settling: bool


@dataclass(frozen=True)
class Shift:
    """A phase's share of one service's traffic.

    :param release: the release of this run.
    :param phase: ``canary``, ``half`` or ``full``.
    :param key: key of the service in the policy.
    :param service: the service.
    """

    release: Release
    phase: PhaseName
    key: str
    service: PlannedService

    @property
    def name(self) -> str:
        """Name of the production service."""
        return self.service.names["production"]

    @property
    def split(self) -> dict[str, int]:
        """The split that the phase sets, percent by revision."""
        percent = self.release.policy.phases[self.phase].traffic_percent
        return split_at(self.release, self.service, percent)

    def move(
        self,
        live: run_v2.Service | None,
        earlier: dict[str, Any],
        *,
        hook: CloudRunTrafficHook,
        lease: Lease,
        operations: LedgerOperations,
        seconds: float,
    ) -> Shifted:
        """Set the split, with the lease renewed in the same write, and see who answers.

        :param live: the service as it was read; nobody may have changed it since.
        :param earlier: what an earlier worker knew of the service, and what this one finds: the split
            ``before``, and the ISO moment ``until`` which requests may still show another one.
        :param hook: Cloud Run hook.
        :param lease: the release's right to change the service.
        :param operations: where the name of the write's operation is kept.
        :param seconds: how long a worker may wait.
        :return: what to put on record.
        :raises ReleaseConflict: when the service does not exist.
        :raises CloudRunTimeout: when the split did not show in time.
        """
        from slipway.hooks.cloud_run.hook import serving_split

        if live is None:
            raise ReleaseConflict(f"service {self.name}: no longer exists; find out who deleted it")
        worker, before = Deadline(seconds), earlier.setdefault("before", dict(serving_split(live)))
        headers = self._headers(live, hook.gcp_conn_id)
        change = hook.set_traffic(
            service_address(self.release.policy, self.name),
            split=self.split,
            etag=live.etag,
            lease=lease,
            operation=operations.of(
                self.release.release_id, TrafficShifted, phase=self.phase, component=self.key
            ),
            timeout=seconds,
        )
        # The bake counts from the moment on record: what the verification itself asked is before it.
        verified, settling = self._verify(live, earlier, headers, worker.remaining)
        shifted = TrafficShifted(
            phase=self.phase,
            component=self._component,
            changes={
                self.name: SplitChange(
                    before=before,
                    after=change.after,
                    percent=self.split[self.service.revisions["production"]],
                )
            },
            states={self.name: ServiceState.model_validate(change.state)},
            at=datetime.now(UTC),
        )
        return Shifted(shifted, verified, settling)

    @property
    def _component(self) -> str | None:
        # The bake reads when the progressive service's traffic was in force from the key of the phase alone.
        return None if self.service.progressive else self.key

    def _headers(self, live: run_v2.Service, gcp_conn_id: str) -> Mapping[str, str]:
        """Return the header that says who calls, for a service that admits only some callers."""
        from slipway.hooks.google.identity_token import IdentityToken

        policy = self.release.policy
        if policy.verification is None or not policy.services[self.key].requires_identity:
            return {}
        return IdentityToken(gcp_conn_id).headers(identity_audience(policy, self.key, live))

    def _verify(
        self, live: run_v2.Service, earlier: dict[str, Any], headers: Mapping[str, str], seconds: float
    ) -> tuple[TrafficVerified | None, bool]:
        """See whether the split is served, not only accepted, and whether it still may settle."""
        rules = self.release.policy.verification
        if rules is None:
            return None, False
        now = datetime.now(UTC)
        earlier.setdefault("until", (now + timedelta(seconds=rules.settle_seconds)).isoformat())
        until = datetime.fromisoformat(earlier["until"])
        left = max(0.1, min(seconds, (until - now).total_seconds()))
        url = asked_url(self.release.policy, self.key, live)
        seen = verify_split(ServiceProbeHook(), url, self.split, rules, seconds=left, headers=headers)
        verified = TrafficVerified(phase=self.phase, component=self._component, service=self.name, **seen)
        return verified, verified.verdict is not Verdict.PROMOTE and datetime.now(UTC) < until
