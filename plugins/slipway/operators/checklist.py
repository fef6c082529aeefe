"""The operator that works off one item of the pre-deployment checklist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slipway.analysis import pre_deployment as checklist
from slipway.analysis.pre_deployment import Item, Prepared
from slipway.exceptions import NotificationFailed
from slipway.operators.configuration import ConfigurationOperator
from slipway.operators.rollback_drill import DRILL
from slipway.paths import INCLUDE
from slipway.policy.checklist import TITLES, ItemName
from slipway.release.configuration import parse_payload
from slipway.release.monitoring_files import read_dashboards

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class ChecklistItemOperator(ConfigurationOperator):
    """Gather the evidence of one item, judge it, and put both on record as ``checklist/<item>``.

    An item that is not fulfilled does not fail the task: the gate weighs the whole list.

    :param item: name of the item.
    """

    def __init__(self, *, item: ItemName, **kwargs: Any) -> None:
        super().__init__(environment="production", **kwargs)
        self.item = item

    def execute(self, context: Context) -> dict[str, Any]:
        """Return whether the item is fulfilled, and why."""
        release = self.release(context)
        key = f"checklist/{self.item}"
        if (done := self.ledger.entry(release.release_id, key)) is not None and done["passed"]:
            return {"passed": True, "reason": done["reason"]}
        judges: Mapping[ItemName, Callable[[Release, Context], Item]] = {
            "validation_tests": self._validation_tests,
            "business_value": self._business_value,
            "staging_environment": self._staging_environment,
            "production_configuration": self._production_configuration,
            "dashboards": self._dashboards,
            "rollback_tested": self._rollback_tested,
            "team_notified": self._team_notified,
        }
        found = judges[self.item](release, context)
        self.record(
            release,
            key,
            item=self.item,
            title=TITLES[self.item],
            passed=found.passed,
            reason=found.reason,
            evidence=dict(found.evidence),
        )
        return {"passed": found.passed, "reason": found.reason}

    def _entry(self, release: Release, key: str) -> Mapping[str, Any] | None:
        return self.ledger.entry(release.release_id, key)

    def _validation_tests(self, release: Release, context: Context) -> Item:
        validation = release.policy.staging_validation
        suites = {name: self._entry(release, f"suite/{name}") for name in validation.suites}
        return checklist.validation_tests(suites, validation)

    def _business_value(self, release: Release, context: Context) -> Item:
        policy = release.policy
        report = self._entry(release, "load_test")
        return checklist.business_value(
            policy.checklist.business_value, report, policy.staging_validation.load_test
        )

    def _staging_environment(self, release: Release, context: Context) -> Item:
        from slipway.hooks.cloud_run.hook import serving_split

        staging = release.policy.environments["staging"]
        revisions = {s.names["staging"]: s.revisions["staging"] for s in release.plan.services.values()}
        serving = {
            name: serving_split(
                self.cloud_run.get_service(
                    project_id=staging.project_id, location=staging.location, service=name
                )
            )
            for name in revisions
        }
        live = {name: {r: p for r, p in split.items() if p} for name, split in serving.items()}
        return checklist.staging_environment(self._entry(release, "gate/staging"), live, revisions)

    def _production_configuration(self, release: Release, context: Context) -> Item:
        written = self._entry(release, "configured/production") or {"versions": {}}
        running = self.running(release, list(release.policy.configuration))
        found: dict[str, Prepared | None] = {}
        for name, document in release.policy.configuration.items():
            version = written["versions"].get(name)
            if version is None:
                found[name] = None
                continue
            content = parse_payload(self.secrets.access(**self._secret(release, name), version=version)) or {}
            serving = running.get(name)
            found[name] = Prepared(
                version=version,
                matches={key: content.get(key) for key in document.content()} == document.content(),
                serving=None if serving is None else serving.version,
                serving_enabled=serving is None or serving.state == "ENABLED",
            )
        return checklist.production_configuration(found)

    def _dashboards(self, release: Release, context: Context) -> Item:
        wanted = release.policy.checklist.dashboards
        found = read_dashboards(INCLUDE / wanted.directory)
        return checklist.dashboards(found.panels, found.broken, wanted.titles)

    def _rollback_tested(self, release: Release, context: Context) -> Item:
        newest = self.ledger.newest(DRILL, {"passed": True})
        drill, at = newest if newest is not None else (None, datetime.now(UTC))
        return checklist.rollback_tested(
            drill,
            age_days=(datetime.now(UTC) - at).total_seconds() / 86400,
            maximum_age_days=release.policy.checklist.rollback_drill.maximum_age_days,
            limit_seconds=release.policy.rollback_deadlines.traffic_seconds,
        )

    def _team_notified(self, release: Release, context: Context) -> Item:
        from slipway.notifiers.team import TeamNotifier

        connection = release.policy.checklist.notification.connection
        evidence = {"connection": connection}
        services = ", ".join(release.plan.services)
        notifier = TeamNotifier(
            message=f"Release {release.version} ({services}) is about to go to production, asked for by "
            f"{release.actor}. Please stand by.",
            subject=f"Release {release.version} is about to go to production",
            conn_id=connection,
            details={"release": release.release_id, "event": "checklist/team_notified"},
        )
        try:
            notifier.notify(context)
        except NotificationFailed as error:
            return Item(False, str(error), evidence)
        at = datetime.now(UTC)
        return Item(
            True, f"told through {connection} at {at:%H:%M:%S} UTC", evidence | {"at": at.isoformat()}
        )
