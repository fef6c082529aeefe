"""The pre-deployment checklist: gathers an item's evidence and has it judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from slipway.analysis import pre_deployment
from slipway.analysis.pre_deployment import Item, Prepared
from slipway.ledger.chain import Kind
from slipway.ledger.entries import (
    ConfigurationWritten,
    GateDecided,
    LoadTested,
    RollbackRehearsed,
    SuiteRun,
)
from slipway.paths import INCLUDE
from slipway.policy.checklist import ItemName
from slipway.policy.section import stated
from slipway.release.address import service_address
from slipway.release.configuration import ConfigurationStore
from slipway.release.monitoring_files import read_dashboards

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger, Release


@dataclass(frozen=True)
class Sources:
    """Where the items find their evidence.

    :param release: the release that wants to go to production.
    :param ledger: the record of releases.
    :param cloud_run: the door to Cloud Run.
    :param configuration: production's configuration.
    :param notify: sends a subject and a message to the team, and returns why it could not, else None.
    """

    release: Release
    ledger: Ledger
    cloud_run: CloudRunTrafficHook
    configuration: ConfigurationStore
    notify: Callable[[str, str], str | None]

    def get(self, kind: type[Kind], **parts: str) -> Kind | None:
        """Return what the release has on record under a key, None when there is nothing."""
        return self.ledger.get(self.release.release_id, kind, **parts)


def validation_tests(sources: Sources) -> Item:
    """Judge the suites that ran in staging."""
    validation = sources.release.policy.validation
    suites: dict[str, SuiteRun | None] = {
        name: sources.get(SuiteRun, suite=name) for name in validation.suites
    }
    return pre_deployment.validation_tests(suites, validation)


def business_value(sources: Sources) -> Item:
    """Judge the projection beside what the load test measured in staging."""
    policy = sources.release.policy
    return pre_deployment.business_value(
        stated(policy.checklist.business_value, "checklist.business_value"),
        sources.get(LoadTested),
        policy.load_test,
    )


def staging_environment(sources: Sources) -> Item:
    """Judge whether staging serves what was validated there."""
    from slipway.hooks.cloud_run.hook import serving_split

    policy = sources.release.policy
    services = sources.release.plan.services.values()
    revisions = {service.names["staging"]: service.revisions["staging"] for service in services}
    live = {
        name: serving_split(sources.cloud_run.get_service(service_address(policy, name, "staging")))
        for name in revisions
    }
    gate = sources.get(GateDecided, phase="staging")
    return pre_deployment.staging_environment(None if gate is None else gate.verdict, live, revisions)


def production_configuration(sources: Sources) -> Item:
    """Judge whether production's documents are in place and those that serve could be mounted again."""
    written = sources.get(ConfigurationWritten, environment="production")
    versions = {} if written is None else written.versions
    running = sources.configuration.running()
    found: dict[str, Prepared | None] = {}
    for name, document in sources.release.policy.configuration.items():
        version = versions.get(name)
        if version is None:
            found[name] = None
            continue
        content, serving = sources.configuration.read(name, version), running.get(name)
        found[name] = Prepared(
            version=version,
            matches={key: content.get(key) for key in document.content()} == document.content(),
            serving=None if serving is None else serving.version,
            serving_enabled=serving is None or serving.state == "ENABLED",
        )
    return pre_deployment.production_configuration(found)


def dashboards(sources: Sources) -> Item:
    """Judge the Grafana dashboards by their files."""
    required = stated(sources.release.policy.checklist.dashboards, "checklist.dashboards")
    found = read_dashboards(INCLUDE / required.directory)
    return pre_deployment.dashboards(found.panels, found.broken, required.titles)


def rollback_tested(sources: Sources) -> Item:
    """Judge the newest rehearsed rollback of the product, in whichever release."""
    policy, now = sources.release.policy, datetime.now(UTC)
    service = sources.release.plan.progressive.names["staging"]
    newest = sources.ledger.newest(RollbackRehearsed, policy_name=policy.name, passed=True, service=service)
    drill, at = newest if newest is not None else (None, now)
    return pre_deployment.rollback_tested(
        drill,
        age_days=(now - at).total_seconds() / 86400,
        maximum_age_days=stated(policy.checklist.rollback_drill, "checklist.rollback_drill").maximum_age_days,
        limit_seconds=policy.rollback_deadlines.traffic_seconds,
    )


def team_notified(sources: Sources) -> Item:
    """Notify the team; fulfilled when a channel took the message."""
    release = sources.release
    connection = stated(release.policy.notified_via, "checklist.notification")
    subject = f"Release {release.version} is about to go to production"
    message = (
        f"Release {release.version} ({', '.join(release.plan.services)}) is about to go to production, asked"
        f" for by {release.actor}. Please stand by."
    )
    error = sources.notify(subject, message)
    if error is not None:
        return Item(False, error, {"connection": connection})
    at = datetime.now(UTC)
    evidence = {"connection": connection, "at": at.isoformat()}
    return Item(True, f"notified via {connection} at {at:%H:%M:%S} UTC", evidence)


JUDGES: Mapping[ItemName, Callable[[Sources], Item]] = {
    "validation_tests": validation_tests,
    "business_value": business_value,
    "staging_environment": staging_environment,
    "production_configuration": production_configuration,
    "dashboards": dashboards,
    "rollback_tested": rollback_tested,
    "team_notified": team_notified,
}
