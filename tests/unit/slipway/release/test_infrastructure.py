"""Every part that the policy names is read; what cannot be read is a finding of its own."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import run_v2
from slipway.analysis.infrastructure import ClusterFacts, InstanceFacts, ServerFacts
from slipway.exceptions import BackupFailed, ServiceNotFound
from slipway.hooks import clickhouse, cloud_sql, secret_manager
from slipway.hooks.metrics import promql
from slipway.hooks.postgres import state
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.infrastructure import InfrastructureReader

SERVING = "netra-backend-prod-1"


class Outside:
    """Every door at once, all sound."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def close(self) -> None: ...

    def instance_facts(self, **_: Any) -> InstanceFacts:
        return InstanceFacts("RUNNABLE", "REGIONAL", True, True, 10 * 2**30, False)

    def sizes(self, _: Any) -> tuple[int, int]:
        return 2**30, 0

    def facts(self) -> ClusterFacts:
        return ClusterFacts(("a",), (ServerFacts("a", 1, 2, 0, 0),))

    def query(self, expr: str) -> list[Any]:
        return []

    def alerts(self) -> None: ...

    def newest_state(self, **_: Any) -> str:
        return "ENABLED"

    def get_service(self, address: Any) -> run_v2.Service:
        if address.service != "netra-backend-prod":
            raise ServiceNotFound("none")
        by_name = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
        target = run_v2.TrafficTargetStatus(type_=by_name, revision=SERVING, percent=100)
        return run_v2.Service(traffic_statuses=[target])

    def get_revision(self, _: Any, name: str) -> run_v2.Revision:
        assert name == SERVING
        return run_v2.Revision(scaling=run_v2.RevisionScaling(min_instance_count=0, max_instance_count=100))


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (cloud_sql, "CloudSqlBackupHook"),
        (state, "DatabaseStateHook"),
        (clickhouse, "ClickHouseServersHook"),
        (promql, "PromQLHook"),
        (secret_manager, "SecretVersionHook"),
    ):
        monkeypatch.setattr(module, name, Outside)


def policy(**infrastructure: Any) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    document["infrastructure"] = infrastructure
    return parse_policy(document, source="of the test")


def lines(rules: Policy) -> dict[str, tuple[str, bool]]:
    reader = InfrastructureReader(rules, Outside(), gcp_conn_id="g", promql_conn_id="p")  # type: ignore[arg-type]
    return {f"{line.part} {line.name}": (line.state, line.refuses) for line in reader.lines()}


def test_a_policy_that_names_nothing_is_not_checked() -> None:
    assert lines(policy()) == {}


def test_every_part_that_is_named_has_its_lines() -> None:
    warn = {"on_finding": "warn"}
    rules = policy(cloud_sql={}, clickhouse={}, monitoring={}, secret_manager={}, cloud_run=warn)
    assert lines(rules) == {
        "cloud_sql netra-production-db": ("sound", False),
        "clickhouse slipway_clickhouse": ("sound", False),
        "cloud_run netra-backend-prod": ("degraded", False),
        "cloud_run netra-auth-prod": ("sound", False),
        "cloud_run netra-frontend-prod": ("sound", False),
        "monitoring p": ("sound", False),
        "secret_manager prod-feature-flags": ("sound", False),
        "secret_manager prod-pricing-config": ("sound", False),
        "secret_manager prod-token-optimization-config": ("sound", False),
    }


@pytest.mark.parametrize(("on_finding", "refuses"), [("refuse", True), ("warn", False)])
def test_what_gives_no_answer_is_a_finding_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, on_finding: str, refuses: bool
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise BackupFailed("403: cloudsql.instances.get denied")

    monkeypatch.setattr(Outside, "instance_facts", denied)
    assert lines(policy(cloud_sql={"on_finding": on_finding}, monitoring={})) == {
        "cloud_sql netra-production-db": ("unreadable", refuses),
        "monitoring p": ("sound", False),
    }
