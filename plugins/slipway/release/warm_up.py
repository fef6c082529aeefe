"""Whether a new revision is fit for traffic: its minimum instances, and the smoke tests at its own URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import RevisionWarmedUp
from slipway.paths import INCLUDE
from slipway.release.address import asked_url, identity_audience, service_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.command.suites import TestRunnerHook
    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService
    from slipway.policy.release import PhaseName
    from slipway.policy.serving import WarmUp


def missing_instances(
    release: Release, hook: CloudRunTrafficHook, services: Mapping[str, PlannedService]
) -> list[dict[str, Any]]:
    """Return which new revisions lack instances, with what is awaited of each.

    :param release: the release of this run.
    :param hook: Cloud Run hook.
    :param services: the services to check by key.
    :return: address, ``revision`` and required ``instances`` of each; without those whose instances Cloud Run
        does not report.
    """
    missing = []
    for key, service in services.items():
        required, ready = release.policy.services[key].min_instances, ready_instances(release, hook, service)
        if ready is not None and ready < required:
            address = service_address(release.policy, service.names["production"])
            revision = service.revisions["production"]
            missing.append({**address.as_payload(), "revision": revision, "instances": required})
    return missing


def ready_instances(release: Release, hook: CloudRunTrafficHook, service: PlannedService) -> int | None:
    """Return the ready minimum instances of a new revision; None when Cloud Run does not report them.

    :param release: the release of this run.
    :param hook: Cloud Run hook.
    :param service: the service.
    """
    from slipway.hooks.cloud_run.hook import minimum_instances

    address = service_address(release.policy, service.names["production"])
    return minimum_instances(hook.get_revision(address, service.revisions["production"]))


def check_revision(
    release: Release,
    phase: PhaseName,
    rules: WarmUp,
    key: str,
    service: PlannedService,
    *,
    hook: CloudRunTrafficHook,
    runner: TestRunnerHook,
) -> RevisionWarmedUp:
    """Check a new revision: an instance that is missing, or a smoke test that fails, is a *rollback*.

    :param release: the release of this run.
    :param phase: the phase that is to move traffic to the revision.
    :param rules: the policy's.
    :param key: key of the service in the policy.
    :param service: the service.
    :param hook: Cloud Run hook.
    :param runner: runs the smoke tests.
    :return: the entry to put on record.
    :raises CommandFailed: when the smoke tests could not be run.
    """
    about = {"phase": phase, "component": key, "service": service.names["production"]}
    required, instances = release.policy.services[key].min_instances, ready_instances(release, hook, service)
    if instances is not None and instances < required:
        reason = f"minimum instances missing: {key} has {instances} of {required}"
        return RevisionWarmedUp(**about, verdict=Verdict.ROLLBACK, reason=reason, instances=instances)
    result = runner.run(
        INCLUDE / rules.suite,
        file=f"test_{key}.py",
        environment=_environment(release, hook),
        timeout_seconds=rules.suite_timeout_seconds,
    )
    not_passed = (*result.failed, *result.skipped)
    failed = ", ".join(not_passed)
    return RevisionWarmedUp(
        **about,
        verdict=Verdict.ROLLBACK if not_passed else Verdict.PROMOTE,
        reason=f"smoke tests failed: {failed}" if failed else f"{result.passed} smoke tests passed",
        instances=instances,
        tests=result.tests,
        passed=result.passed,
        failed=not_passed,
    )


def _environment(release: Release, hook: CloudRunTrafficHook) -> dict[str, str]:
    """Return the smoke tests' environment: the services' URLs and expected revisions, and who calls."""
    from slipway.hooks.cloud_run.hook import revision_uri
    from slipway.hooks.google.identity_token import IdentityToken

    production, variables = release.policy.environments["production"], dict[str, str]()
    identity = IdentityToken(hook.gcp_conn_id)
    for key, definition in release.policy.services.items():
        live = hook.get_service(service_address(release.policy, definition.names["production"]))
        planned = release.plan.services.get(key)
        variables[f"{key.upper()}_URL"] = (
            asked_url(release.policy, key, live) if planned is None else revision_uri(live, production.tag)
        )
        if planned is not None:
            variables[f"{key.upper()}_REVISION"] = planned.revisions["production"]
        audience = identity_audience(release.policy, key, live)
        token = identity.for_service(audience) if definition.requires_identity else None
        if token is not None:
            variables[f"{key.upper()}_IDENTITY_TOKEN"] = token
    return variables
