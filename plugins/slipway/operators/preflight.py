"""The operators before the phases: check the request, record the rollback target, lock the services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slipway.exceptions import ReleaseConflict, ReleaseUnknown, RequestRefused, ServiceNotFound
from slipway.ledger.audit import audit, audit_entry
from slipway.ledger.entries import InfrastructureChecked, ReleaseOpened, ServicesLocked
from slipway.ledger.messages import opened_message
from slipway.ledger.plan import ReleasePlan
from slipway.operators.base import PreflightOperator, RefusingOperator
from slipway.policy.release import Policy, load_policy
from slipway.release.address import service_address
from slipway.release.again import require_acknowledged
from slipway.release.as_found import ServiceFinding, service_findings
from slipway.release.leases import hold_services
from slipway.release.opening import actor_of, read_opening
from slipway.release.regions import (
    earlier_releases,
    followed,
    plan_following,
    requested_region,
    require_served,
)
from slipway.release.request import ValidatedRequest, plan_release, requested_version
from slipway.release.rollback.record import write_record
from slipway.release.windows import require_window

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
    "leave_out_newest",
    "release_again",
    "outside_windows",
    "region",
    "follows",
)


class ValidateRequestOperator(RefusingOperator):
    """Check the request against the policy and resolve the images; changes nothing."""

    def check(self, context: Context) -> dict[str, Any]:
        """Check the request and plan the release.

        :param context: Airflow's context of the task.
        :return: the plan and the policy, as plain data.
        :raises RequestRefused: naming the field, its value and what is allowed; also for a later region when
            the one before it does not serve the version, for a version that was rolled back before when the
            request does not say to release it again, and when no release window opens in time.
        :raises PolicyError: when the policy cannot be used as written.
        """
        request = {key: value for key, value in context["params"].items() if value is not None}
        request |= context["dag_run"].conf or {}
        policy = load_policy(request["policy"])
        policy = policy.in_region(requested_region(request, policy))
        first = policy.region_before is None
        plan, policy = (self._first if first else self._later)(request, policy, context["dag_run"].run_id)
        require_acknowledged(plan, policy, self.ledger)
        require_window(plan, policy, self.ledger, at=datetime.now(UTC))
        images = {key: service.image for key, service in plan.services.items()}
        audit(
            self.log,
            f"Request accepted: release {plan.version} of {', '.join(images)} to {policy.region}",
            release=plan.release_id,
            entry="validated",
            version=plan.version,
            images=images,
            region=policy.region,
            follows=plan.follows,
        )
        return ValidatedRequest(plan=plan, policy=policy).as_xcom()

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


class CheckServicesOperator(PreflightOperator):
    """Refuse a release that cannot ask its services, and name what makes its evidence weaker."""

    def check(self, context: Context) -> dict[str, list[str]]:
        """Read the production services as they are found; changes nothing.

        :param context: Airflow's context of the task.
        :return: what was found, by service.
        :raises RequestRefused: when verification or smoke tests cannot reach a service.
        """
        request, found = self.request(), dict[str, list[str]]()
        refused: list[str] = []
        for key, service in request.plan.services.items():
            name = service.names["production"]
            findings = self._findings(request.policy, key, name)
            found[name] = [finding.text for finding in findings]
            refused += [f"service {name}: {finding.text}" for finding in findings if finding.refuses]
        lines = "; ".join(f"{name}: {text}" for name, texts in found.items() for text in texts)
        audit(
            self.log,
            f"Services checked: {lines or 'nothing to know'}",
            release=request.plan.release_id,
            entry="services_checked",
            findings=found,
        )
        if refused:
            raise RequestRefused("\n".join(refused))
        return found

    def _findings(self, policy: Policy, key: str, name: str) -> list[ServiceFinding]:
        from slipway.hooks.cloud_run.hook import serving_split

        address = service_address(policy, name)
        try:
            live = self.cloud_run.get_service(address)
        except ServiceNotFound:
            return []
        revisions = list(serving_split(live))
        serving = self.cloud_run.get_revision(address, revisions[0]) if revisions else None
        return service_findings(policy, key, live, serving)


class OpenReleaseOperator(PreflightOperator):
    """Record what serves now as the rollback target and lock the services.

    The tasks that work on one service each are mapped over what it returns.

    :param infrastructure: the XCom of
        :class:`~slipway.operators.infrastructure.CheckInfrastructureOperator`, to be put on record; left out,
        nothing of it is. (templated)
    :param edges: the XCom of :class:`~slipway.operators.metrics.CheckMetricsOperator`: the policy on record
        has the latency limits that the release is judged at. (templated)
    """

    template_fields = ("validated", "infrastructure", "edges")

    def __init__(self, *, infrastructure: Any = None, edges: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.infrastructure = infrastructure
        self.edges = edges

    def check(self, context: Context) -> list[str]:
        """Open the release, unless a try before has.

        :param context: Airflow's context of the task.
        :return: the keys of the release's services.
        :raises ReleaseConflict: when another release holds a service, in this deployment or in another one;
            or when this one has ended.
        :raises RequestRefused: when a service has no usable rollback target.
        """
        try:
            release = self.release(context)
        except ReleaseUnknown:
            release = self._open(context)
        if release.outcome is not None:
            raise ReleaseConflict(
                f"release {release.release_id}: is {release.outcome.replace('_', ' ')} since"
                f" {release.closed_at:%Y-%m-%d %H:%M} UTC; its cleared run changes nothing any more. Start a"
                " new run to release, or the DAG rollback to roll back"
            )
        infrastructure = InfrastructureChecked(lines=tuple(self.infrastructure or ()))
        if infrastructure.lines:
            self.record(release, infrastructure)
        lease = self.lease(release)
        taken_over = hold_services(release, self.ledger, self.cloud_run, lease)
        self.record(release, ServicesLocked(until=lease.until, taken_over=taken_over))
        opened = self.ledger.get(release.release_id, ReleaseOpened)
        if opened is not None:
            subject = f"Release {release.version}: opened"
            self.notify_once(
                context, release, "opened", subject, opened_message(release, opened, infrastructure)
            )
        return list(release.plan.services)

    def _open(self, context: Context) -> Release:
        from slipway.hooks.secret_manager import SecretVersionHook

        request = self.request()
        request = request.model_copy(update={"policy": request.policy.at_edges(self.edges or {})})
        user = getattr(context["dag_run"], "triggering_user_name", None)
        opened = read_opening(
            request,
            ledger=self.ledger,
            cloud_run=self.cloud_run,
            secrets=SecretVersionHook(gcp_conn_id=self.gcp_conn_id),
            actor=actor_of(request.plan, user, self.ledger),
            reason=context["params"].get("reason"),
        ).model_copy(update={"task": self.task_id})
        path = write_record(request.plan, request.policy, opened)
        self.log.info(
            "Rollback record: %s. The traffic by hand:\n%s", path, "\n".join(opened.rollback_commands)
        )
        release = self.ledger.open_release(request.plan, request.policy, opened)
        audit_entry(self.log, release.release_id, opened, repeated=False)
        return release
