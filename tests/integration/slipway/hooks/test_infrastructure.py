"""Redis and buckets as they are set up, read with the official clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from slipway.analysis.infrastructure import AlertPolicyFacts, BucketFacts, RedisFacts
from slipway.exceptions import BucketUnreadable, CacheUnreadable, MonitoringUnreadable
from slipway.hooks.cloud_monitoring import CloudMonitoringHook
from slipway.hooks.memorystore import MemorystoreHook
from slipway.hooks.storage import BucketHook
from slipway.policy.release import load_policy, parse_policy
from slipway.release.infrastructure import InfrastructureReader

from sandbox.cloud.memorystore.api import Instance, Memorystore
from sandbox.cloud.monitoring import api as monitoring
from sandbox.cloud.monitoring.api import AlertPolicy, CloudMonitoring
from sandbox.cloud.storage.api import Storage
from sandbox.cloud.storage.buckets import WRITER, Bucket, BucketStore
from tests.integration.sandbox.cloud.served import served

pytestmark = pytest.mark.sandbox
PROJECT = "netra-production"
GOOGLE = "google_cloud_default"
APIS = ("redis", "storage", "monitoring")
REDIS = {
    "cache": Instance(PROJECT, "us-central1"),
    "small": Instance(PROJECT, "us-central1", "BASIC", replicas=0),
    "away": Instance(PROJECT, "us-central1", state="REPAIRING"),
}
BUCKETS = {
    "sound": Bucket(retention_seconds=60),
    "open": Bucket(versioned=False, prevention="inherited", writers=()),
}

ALERTS = {
    PROJECT: [AlertPolicy("Uptime"), AlertPolicy("Budget", enabled=False), AlertPolicy("Spend", channels=0)]
}


@pytest.fixture(scope="module", autouse=True)
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    store = BucketStore(tmp_path_factory.mktemp("storage"), BUCKETS)
    with (
        served(
            [
                *Memorystore(6379, REDIS).routes(),
                *Storage(store).routes(),
                *CloudMonitoring(ALERTS, {PROJECT: ("Costs",)}).routes(),
            ]
        ) as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        connect(patch, url)
        yield


def connect(patch: pytest.MonkeyPatch, url: str) -> None:
    extra = {"project": PROJECT, "is_anonymous": True, "api_endpoints": dict.fromkeys(APIS, url)}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    patch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))


def redis(instance: str) -> RedisFacts | None:
    with closing(MemorystoreHook()) as hook:
        return hook.facts(project_id=PROJECT, location="us-central1", instance=instance)


def test_a_redis_instance_is_read_with_its_tier_and_replicas() -> None:
    assert redis("cache") == RedisFacts("READY", "STANDARD_HA", 1)
    assert redis("small") == RedisFacts("READY", "BASIC", 0)
    assert redis("absent") is None


def test_a_bucket_is_read_with_its_protection_and_its_writers() -> None:
    def facts(bucket: str) -> BucketFacts | None:
        return BucketHook().facts(project_id=PROJECT, bucket=bucket)

    assert facts("sound") == BucketFacts(True, True, 60, frozenset({WRITER}))
    assert facts("open") == BucketFacts(False, False, None, frozenset())
    assert facts("absent") is None


def test_alert_policies_and_dashboards_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "MOST_IN_A_PAGE", 1)
    hook = CloudMonitoringHook()
    assert hook.alert_policies(project_id=PROJECT) == [
        AlertPolicyFacts("Uptime", enabled=True, channels=1),
        AlertPolicyFacts("Budget", enabled=False, channels=1),
        AlertPolicyFacts("Spend", enabled=True, channels=0),
    ]
    assert hook.dashboards(project_id=PROJECT) == ["Costs"]
    assert hook.dashboards(project_id="another") == []


@pytest.mark.parametrize(("on_finding", "refuses"), [("refuse", True), ("warn", False)])
def test_parts_that_are_away_or_read_only_hold_a_release_or_warn(
    on_finding: str, refuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = {"conn_type": "clickhouse", "host": "127.0.0.1", "port": 1}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(nobody))
    document = load_policy("release.yaml").model_dump(mode="json")
    document["environments"]["production"] |= {"project_id": PROJECT, "location": "us-central1"}
    bucket = {"versioned": False, "public": True, "writers": [WRITER]}
    document["infrastructure"] = {
        "redis": {"instance": "away", "on_finding": on_finding},
        "clickhouse": {"on_finding": on_finding},
        "storage": {"buckets": {"open": bucket}, "on_finding": on_finding},
    }
    policy: Any = parse_policy(document, source="of the test")
    reader = InfrastructureReader(policy, cloud_run=None, gcp_conn_id=GOOGLE, promql_conn_id="")  # type: ignore[arg-type]
    found = [(line.sentence, line.refuses) for line in reader.lines()]
    sentence, warehouse_refuses = found.pop(1)
    assert "slipway_clickhouse: ClickHouse gives no usable answer" in sentence
    assert warehouse_refuses is refuses
    assert found == [
        ("Redis away: is REPAIRING; it must be READY", refuses),
        (f"Cloud Storage open: {WRITER} cannot write; grant roles/storage.objectUser", refuses),
    ]


def test_what_gives_no_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with served([]) as url:
        connect(monkeypatch, f"{url}/gone")
        monkeypatch.setattr("slipway.hooks.storage.READ_SECONDS", 1.0)
    monkeypatch.setattr("slipway.hooks.google.calls.bounded.__defaults__", (1.0,))
    with pytest.raises(BucketUnreadable, match="bucket sound: cannot be read"):
        BucketHook().facts(project_id=PROJECT, bucket="sound")
    with pytest.raises(CacheUnreadable, match="instances/cache: cannot be read"):
        redis("cache")
    monkeypatch.setattr("slipway.hooks.cloud_monitoring._RETRIES", 0)
    with pytest.raises(MonitoringUnreadable, match=f"dashboards of {PROJECT}: cannot be read"):
        CloudMonitoringHook().dashboards(project_id=PROJECT)
