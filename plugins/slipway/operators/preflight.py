"""The operators before the phases: check the request, record the way back, take the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.exceptions import ReleaseUnknown, RequestRefused
from slipway.ledger.plan import ReleasePlan, plan_release, requested_version
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.leases import hold_services
from slipway.release.regions import (
    earlier_releases,
    followed,
    plan_following,
    requested_region,
    require_served,
)
from slipway.release.rollback.target import RollbackTarget, read_target
from slipway.release.serving_versions import target_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

REQUEST_FIELDS = (
    "version",
    "policy",
    "services",
    "images",
    "canary_percent",
    "reason",
    "stable_is_broken",
    "region",
    "follows",
)


class ValidateRequestOperator(ReleaseOperator):
    """Check the request against the policy and resolve the images; changes nothing.

    :return: the plan, as plain data.
    :raises RequestRefused: naming the field, its value and what is allowed; also for a later region when
        the one before it does not serve the version.
    :raises PolicyError: when the policy cannot be used as written.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the plan of the release."""
        request = {key: value for key, value in context["params"].items() if value is not None}
        request |= context["dag_run"].conf or {}
        policy = load_policy(request["policy"])
        policy = policy.in_region(requested_region(request, policy))
        first = policy.region_before is None
        plan, policy = (self._first if first else self._later)(request, policy, context["dag_run"].run_id)
        images = {key: service.image for key, service in plan.services.items()}
        self.log.info(
            "audit",
            release=plan.release_id,
            entry="validated",
            version=plan.version,
            images=images,
            region=policy.region,
            follows=plan.follows,
        )
        return {"plan": plan.model_dump(mode="json"), "policy": policy.model_dump(mode="json")}

    def _first(self, request: Mapping[str, Any], policy: Policy, run_id: str) -> tuple[ReleasePlan, Policy]:
        from slipway.hooks.container_registry import ContainerRegistryHook

        percent = request.get("canary_percent")
        if percent is not None:
            policy = policy.with_canary_percent(percent)
        if request.get("stable_is_broken") is True:
            policy = policy.without_stable()
        plan = plan_release(
            request,
            run_id=run_id,
            known_fields=REQUEST_FIELDS,
            policy=policy,
            resolve_digest=ContainerRegistryHook(gcp_conn_id=self.gcp_conn_id).resolve_digest,
        )
        return plan, policy

    def _later(self, request: Mapping[str, Any], policy: Policy, run_id: str) -> tuple[ReleasePlan, Policy]:
        """Plan what the region before was released with, by the policy that it was judged by."""
        requested_version(request, REQUEST_FIELDS)
        earlier = followed(request, policy, self.ledger)
        require_served([earlier, *earlier_releases(earlier, self.ledger)], self.cloud_run)
        return plan_following(
            request, earlier, region=policy.region, run_id=run_id, known_fields=REQUEST_FIELDS
        )


class OpenReleaseOperator(ReleaseOperator):
    """Record what serves now as the rollback target and take the lease of the services.

    The tasks that work on one service each are mapped over what it returns.

    :param validated: the XCom of :class:`ValidateRequestOperator`. (templated)
    :raises ReleaseConflict: when another release holds a service, in this deployment or in another one.
    :raises RequestRefused: when a service has no rollback target that could serve.
    """

    template_fields = ("validated",)

    def __init__(self, *, validated: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validated = validated

    def execute(self, context: Context) -> list[str]:
        """Return the keys of the release's services."""
        try:
            release = self.release(context)
        except ReleaseUnknown:
            release = self._open(context)
        self._take_leases(release)
        return list(release.plan.services)

    def _open(self, context: Context) -> Release:
        plan = ReleasePlan.model_validate(self.validated["plan"])
        policy = parse_policy(self.validated["policy"], source=plan.policy_name)
        self.ledger.require_unlocked(
            [service.names["production"] for service in plan.services.values()], region=policy.region
        )
        targets = self._targets(plan, policy)
        findings = [finding for target in targets.values() for finding in target.findings]
        findings += self._rolled_back(targets)
        if findings and not plan.stable_is_broken:
            raise RequestRefused(
                f"there is no sound way back: {'; '.join(findings)}. Make what serves sound, or, when it is"
                " what this release is to repair, set stable_is_broken and say why in reason"
            )
        release = self.ledger.open_release(
            plan,
            policy,
            {name: target.split for name, target in targets.items()},
            actor=self._actor(plan, context),
            reason=context["params"].get("reason"),
            record={
                "stable_is_broken": plan.stable_is_broken,
                "findings": findings,
                "targets": {name: target.as_payload() for name, target in targets.items()},
                "states": {name: target.state for name, target in targets.items()},
                "versions": target_versions(
                    policy,
                    {name: target.revision for name, target in targets.items()},
                    self.cloud_run,
                    self.ledger,
                ),
            },
        )
        self.log.info(
            "audit",
            release=release.release_id,
            entry="opened",
            actor=release.actor,
            stable=release.stable,
            stable_is_broken=plan.stable_is_broken,
            findings=findings,
        )
        return release

    def _actor(self, plan: ReleasePlan, context: Context) -> str:
        """Return who asked for the release; a later region's run is begun by the one before it."""
        user = getattr(context["dag_run"], "triggering_user_name", None)
        if user is None and plan.follows is not None:
            return self.ledger.release(plan.follows).actor
        return user or "unknown"

    def _targets(self, plan: ReleasePlan, policy: Policy) -> dict[str, RollbackTarget]:
        from slipway.hooks.secret_manager import SecretVersionHook

        production = policy.environments["production"]
        secrets = SecretVersionHook(gcp_conn_id=self.gcp_conn_id)
        return {
            service.names["production"]: read_target(
                self.cloud_run,
                secrets,
                project_id=production.project_id,
                location=production.location,
                service=service.names["production"],
                release=plan.release_id,
            )
            for service in plan.services.values()
        }

    def _rolled_back(self, targets: Mapping[str, RollbackTarget]) -> list[str]:
        """Name the targets that an earlier release made and rolled back: they were promoted by nobody."""
        findings = []
        for target in targets.values():
            if target.release is None:
                continue
            try:
                outcome = self.ledger.release(target.release).outcome
            except ReleaseUnknown:
                continue  # made by a release of another deployment, whose record is not here
            if outcome == "rolled_back":
                findings.append(
                    f"service {target.service}: serves from {target.revision}, which release"
                    f" {target.release} made and rolled back"
                )
        return findings

    def _take_leases(self, release: Release) -> None:
        lease = self.lease(release)
        taken_over = hold_services(release, self.ledger, self.cloud_run, lease)
        self.record(release, "leased", until=lease.until.isoformat(), taken_over=taken_over)
