"""Opening a release: its rollback target is found usable and goes on record before anything changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.exceptions import ReleaseUnknown, RequestRefused
from slipway.ledger.entries import ReleaseOpened, ServedDocument, ServiceState
from slipway.release.address import service_address
from slipway.release.again import rolled_back_before
from slipway.release.configuration import ConfigurationStore
from slipway.release.newest_template import read_left_out, require_no_foreign_template
from slipway.release.rollback.record import rollback_commands
from slipway.release.rollback.target import RollbackTarget, read_target
from slipway.release.serving_versions import target_versions

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.secret_manager import SecretVersionHook
    from slipway.ledger.ledger import Ledger
    from slipway.ledger.plan import ReleasePlan
    from slipway.policy.release import Policy
    from slipway.release.request import ValidatedRequest


def read_opening(
    request: ValidatedRequest,
    *,
    ledger: Ledger,
    cloud_run: CloudRunTrafficHook,
    secrets: SecretVersionHook,
    actor: str,
    reason: str | None,
) -> ReleaseOpened:
    """Read what serves now, the rollback target, as the first entry of a release; changes nothing.

    :param request: the validated request.
    :param ledger: record of the releases.
    :param cloud_run: Cloud Run hook.
    :param secrets: Secret Manager hook: whether a target's secrets still exist.
    :param actor: who asked for the release.
    :param reason: why, in that person's words.
    :return: the entry that opens the release.
    :raises ReleaseConflict: when another release holds a service.
    :raises RequestRefused: when a service has no usable rollback target, unless the request says that the
        current version is broken; when somebody deployed something else after what serves, unless the request
        says to leave it out.
    """
    plan, policy = request.plan, request.policy
    names = [service.names["production"] for service in plan.services.values()]
    ledger.leases.require_unlocked(names, production=policy.environments["production"])
    targets = {
        name: read_target(cloud_run, secrets, service_address(policy, name), release=plan.release_id)
        for name in names
    }
    findings = [finding for target in targets.values() for finding in target.findings]
    findings += _rolled_back(targets, ledger)
    if findings and not plan.stable_is_broken:
        raise RequestRefused(
            f"no usable rollback target: {'; '.join(findings)}. Fix the serving revision, or, if this release"
            ' is the fix, set "Current version is broken" (stable_is_broken) and say in reason what is broken'
        )
    serving = {name: target.revision for name, target in targets.items()}
    left_out = {
        service.names["production"]: found
        for key, service in plan.services.items()
        if (revision := serving[service.names["production"]]) is not None
        and (found := read_left_out(policy, key, revision, cloud_run, ledger)) is not None
    }
    require_no_foreign_template(left_out, policy, serving, acknowledged=plan.leave_out_newest)
    stable = {name: target.split for name, target in targets.items()}
    return ReleaseOpened(
        actor=actor,
        reason=reason,
        stable=stable,
        rollback_commands=tuple(rollback_commands(policy, stable)),
        stable_is_broken=plan.stable_is_broken,
        findings=tuple(findings),
        targets={name: target.as_record() for name, target in targets.items()},
        states={
            name: None if target.state is None else ServiceState.model_validate(target.state)
            for name, target in targets.items()
        },
        versions=target_versions(policy, serving, cloud_run, ledger),
        configuration=served_configuration(Beginning(policy, stable), cloud_run, secrets),
        left_out=left_out,
        rolled_back_before=rolled_back_before(plan, policy, ledger),
    )


@dataclass(frozen=True)
class Beginning:
    """What is known of a release that is not on record yet."""

    policy: Policy
    stable: Mapping[str, Mapping[str, int]]


def served_configuration(
    beginning: Beginning, cloud_run: CloudRunTrafficHook, secrets: SecretVersionHook
) -> dict[str, ServedDocument]:
    """Return the versions of the configuration documents that production goes by now.

    :param beginning: the release's policy, and what serves.
    :param cloud_run: Cloud Run hook.
    :param secrets: Secret Manager hook.
    :raises SecretUnavailable: when a document that is mounted cannot be read.
    """
    store = ConfigurationStore(beginning, "production", cloud_run, secrets.gcp_conn_id)
    store.secrets = secrets
    return {
        name: ServedDocument(mounted=found.version, in_force=found.in_force)
        for name, found in store.running().items()
    }


def actor_of(plan: ReleasePlan, user: str | None, ledger: Ledger) -> str:
    """Return who asked for the release.

    :param plan: the validated plan.
    :param user: who triggered the run; a run that a run triggered has the user of that one.
    :param ledger: record of the releases: without a user, the one of the region before counts.
    """
    if user is None and plan.follows is not None:
        return ledger.release(plan.follows).actor
    return user or "unknown"


def _rolled_back(targets: Mapping[str, RollbackTarget], ledger: Ledger) -> Iterator[str]:
    """Yield the targets that an earlier release made and rolled back: they were promoted by nobody."""
    for target in targets.values():
        if target.release is None:
            continue
        try:
            outcome = ledger.release(target.release).outcome
        except ReleaseUnknown:
            continue  # made by a release of another deployment, whose record is not here
        if outcome == "rolled_back":
            yield (
                f"service {target.service}: serves from {target.revision}, which release"
                f" {target.release} made and rolled back"
            )
