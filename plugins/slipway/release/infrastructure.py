"""What production stands on, read part by part before a release is opened; changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.analysis import infrastructure as judge
from slipway.analysis.infrastructure import Condition, InfrastructureLine
from slipway.exceptions import ServiceNotFound, SlipwayError
from slipway.policy.infrastructure import (
    TITLES,
    ClickHousePart,
    CloudSqlPart,
    MonitoringPart,
    Part,
    PartName,
    RedisPart,
    StoragePart,
)
from slipway.release.address import service_address
from slipway.release.load_balancer import unfit_backend

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.policy.release import Policy

log = logging.getLogger(__name__)

Read = Callable[[], Condition]
Named = Iterator[tuple[str, Read]]


@dataclass(frozen=True)
class InfrastructureReader:
    """Reads the parts that a policy names.

    :param policy: says what is checked, and what is required of it.
    :param cloud_run: Cloud Run hook.
    :param gcp_conn_id: connection to Google Cloud.
    :param promql_conn_id: connection to the PromQL API.
    """

    policy: Policy
    cloud_run: CloudRunTrafficHook
    gcp_conn_id: str
    promql_conn_id: str

    def lines(self) -> list[InfrastructureLine]:
        """Return the table, a line for everything that is checked; what cannot be read is a line too."""
        return [
            self._line(part, name, read, rules)
            for part, rules in self._required()
            for name, read in getattr(self, f"_{part}")(rules)
        ]

    def _required(self) -> Iterator[tuple[PartName, Part]]:
        for part in TITLES:
            rules = getattr(self.policy.infrastructure, part, None)
            if rules is not None:
                yield part, rules

    def _line(self, part: PartName, name: str, read: Read, rules: Part) -> InfrastructureLine:
        try:
            return judge.line(part, name, read(), rules)
        except SlipwayError as error:
            log.warning("%s %s cannot be read: %s", TITLES[part], name, error)
            return judge.unreadable(part, name, str(error), rules)

    def _cloud_sql(self, rules: CloudSqlPart) -> Named:
        from slipway.hooks.cloud_sql import CloudSqlBackupHook
        from slipway.hooks.postgres.state import DatabaseStateHook

        place, database = self.policy.environments["production"], self.policy.database("production")

        def read() -> Condition:
            with closing(CloudSqlBackupHook(gcp_conn_id=self.gcp_conn_id)) as hook:
                facts = hook.instance_facts(project_id=place.project_id, instance=database.instance)
            if facts is None:
                return judge.cloud_sql(None, 0, rules)
            used, _ = DatabaseStateHook(database.connection).sizes([])
            return judge.cloud_sql(facts, used, rules)

        yield database.instance, read

    def _clickhouse(self, rules: ClickHousePart) -> Named:
        from slipway.hooks.clickhouse import ClickHouseServersHook

        hook = ClickHouseServersHook(rules.connection)
        yield rules.connection, lambda: judge.clickhouse(hook.facts(), rules)

    def _redis(self, rules: RedisPart) -> Named:
        from slipway.hooks.memorystore import MemorystoreHook

        place = self.policy.environments["production"]

        def read() -> Condition:
            with closing(MemorystoreHook(gcp_conn_id=self.gcp_conn_id)) as hook:
                facts = hook.facts(
                    project_id=place.project_id, location=place.location, instance=rules.instance
                )
            return judge.redis(facts, rules)

        yield rules.instance, read

    def _storage(self, rules: StoragePart) -> Named:
        from slipway.hooks.storage import BucketHook

        hook, project = (
            BucketHook(gcp_conn_id=self.gcp_conn_id),
            self.policy.environments["production"].project_id,
        )
        for name, required in rules.buckets.items():
            yield (
                name,
                lambda name=name, required=required: judge.bucket(  # type: ignore[misc]
                    hook.facts(project_id=project, bucket=name), required
                ),
            )

    def _load_balancer(self, _: Part) -> Named:
        from slipway.hooks.load_balancer import LoadBalancerHook

        def reader(key: str, backend: str) -> Read:
            def read() -> Condition:
                with closing(LoadBalancerHook(gcp_conn_id=self.gcp_conn_id)) as hook:
                    problems = tuple(unfit_backend(self.policy, hook, key, backend))
                regions = judge.listed(self.policy.regions)
                name = self.policy.services[key].names["production"]
                found = f"leads to {name} in {regions}" if not problems else f"does not lead to {name} alone"
                return Condition(found, problems)

            return read

        for key, backend in self._backends():
            yield backend, reader(key, backend)

    def _backends(self) -> Iterator[tuple[str, str]]:
        if self.policy.load_balancer is not None:
            yield from self.policy.load_balancer.backend_services.items()

    def _cloud_run(self, _: Part) -> Named:
        for service in self.policy.services.values():
            name, least, most = service.names["production"], service.min_instances, service.max_instances
            yield (
                name,
                lambda name=name, least=least, most=most: judge.cloud_run(  # type: ignore[misc]
                    self._scaling(name), minimum=least, maximum=most
                ),
            )

    def _scaling(self, name: str) -> judge.ScalingFacts | None:
        from slipway.hooks.cloud_run.revision import scaling_facts
        from slipway.hooks.cloud_run.traffic import serving_split

        address = service_address(self.policy, name)
        try:
            live = self.cloud_run.get_service(address)
        except ServiceNotFound:
            return None
        revision = next(iter(serving_split(live)), None)
        return (
            None if revision is None else scaling_facts(live, self.cloud_run.get_revision(address, revision))
        )

    def _monitoring(self, rules: MonitoringPart) -> Named:
        from slipway.hooks.cloud_monitoring import CloudMonitoringHook
        from slipway.hooks.metrics.promql import PromQLHook

        def read() -> Condition:
            hook = PromQLHook(conn_id=self.promql_conn_id)
            hook.query("vector(1)")
            alerts = self.policy.checklist.alerts
            return judge.monitoring(hook.alerts(), () if alerts is None else alerts.names)

        yield self.promql_conn_id, read
        project = self.policy.environments["production"].project_id

        def watched() -> Condition:
            hook = CloudMonitoringHook(gcp_conn_id=self.gcp_conn_id)
            return judge.alert_policies(hook.alert_policies(project_id=project), rules.alert_policies)

        def shown() -> Condition:
            hook = CloudMonitoringHook(gcp_conn_id=self.gcp_conn_id)
            return judge.dashboards(hook.dashboards(project_id=project), rules.dashboards)

        if rules.alert_policies:
            yield "alert policies", watched
        if rules.dashboards:
            yield "dashboards", shown

    def _secret_manager(self, _: Part) -> Named:
        from slipway.hooks.secret_manager import SecretVersionHook

        place, services = self.policy.environments["production"], self.policy.services.values()
        hook = SecretVersionHook(gcp_conn_id=self.gcp_conn_id)
        for document in sorted({name for service in services for name in service.secrets.values()}):
            secret = place.secret(document)
            yield (
                secret,
                lambda secret=secret: judge.secret(  # type: ignore[misc]
                    hook.newest_state(project_id=place.project_id, secret=secret)
                ),
            )
