"""What is missing, not as the policy requires, or gives no answer is a finding that says what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slipway.analysis import infrastructure as judge
from slipway.analysis.infrastructure import (
    AlertPolicyFacts,
    BucketFacts,
    ClusterFacts,
    Condition,
    InstanceFacts,
    RedisFacts,
    ScalingFacts,
    ServerFacts,
)
from slipway.policy.infrastructure import Bucket, ClickHousePart, CloudSqlPart, Part, RedisPart

SOUND = InstanceFacts("RUNNABLE", "REGIONAL", True, True, 10 * judge.GIB, False)
USED = 2 * judge.GIB
A = ServerFacts("a", 50, 100, 0, 0)
B = ServerFacts("b", 40, 100, 10, 0)


def test_an_instance_as_required_is_sound() -> None:
    found = judge.cloud_sql(SOUND, USED, CloudSqlPart())
    assert found.problems == ()
    assert found.found == ("RUNNABLE, REGIONAL, backups on, point-in-time recovery on, 80 % of 10 GiB free")


@pytest.mark.parametrize(
    ("facts", "used", "problem"),
    [
        (replace(SOUND, state="MAINTENANCE"), USED, "is MAINTENANCE"),
        (replace(SOUND, availability="ZONAL"), USED, "has no standby (ZONAL)"),
        (replace(SOUND, backups=False), USED, "automated backups are off"),
        (replace(SOUND, point_in_time_recovery=False), USED, "point-in-time recovery is off"),
        (SOUND, 9 * judge.GIB, "10 % of its disk is free, required 20 %"),
        (None, 0, "there is no such instance"),
    ],
)
def test_each_property_of_an_instance_is_a_finding(
    facts: InstanceFacts | None, used: int, problem: str
) -> None:
    found = judge.cloud_sql(facts, used, CloudSqlPart())
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)
    assert found.missing is (facts is None)


def test_what_the_policy_does_not_require_of_an_instance_is_no_finding() -> None:
    lax = CloudSqlPart(high_availability=False, backups=False, point_in_time_recovery=False)
    bare = replace(SOUND, availability="ZONAL", backups=False, point_in_time_recovery=False, disk_grows=True)
    assert judge.cloud_sql(bare, 10 * judge.GIB, lax).problems == ()


def test_every_server_of_a_cluster_must_answer() -> None:
    rules = ClickHousePart()
    assert judge.clickhouse(ClusterFacts(("a", "b"), (A, B)), rules).problems == ()
    (problem,) = judge.clickhouse(ClusterFacts(("a", "b"), (A,)), rules).problems
    assert problem == "1 of 2 servers answer (a; the cluster names a, b)"
    (problem,) = judge.clickhouse(ClusterFacts(("a",), (A,)), ClickHousePart(minimum_servers=3)).problems
    assert problem.startswith("1 of 3 servers answer")


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (replace(B, lag_seconds=301), "b: 301 s behind, allowed 300 s"),
        (replace(B, read_only=2), "b: 2 tables take no writes"),
        (replace(B, free_bytes=9), "b: 9 % of a disk is free, required 10 %"),
    ],
)
def test_a_server_that_is_behind_read_only_or_full_is_a_finding(server: ServerFacts, problem: str) -> None:
    (found,) = judge.clickhouse(ClusterFacts(("a", "b"), (A, server)), ClickHousePart()).problems
    assert found.startswith(problem)


def test_the_instances_of_what_serves_are_those_of_the_policy() -> None:
    def problems(facts: ScalingFacts | None) -> tuple[str, ...]:
        return judge.cloud_run(facts, minimum=2, maximum=100).problems

    assert problems(ScalingFacts(2, 100)) == ()
    assert problems(None) == ()
    assert problems(ScalingFacts(0, 20)) == (
        "serves with 0 to 20 instances, required 2 to 100 instances; the release deploys it so",
    )
    assert problems(ScalingFacts(0, 0, manual=3)) == (
        "does not scale by itself; set its scaling to automatic, 2 to 100 instances",
    )


def test_alerts_that_are_not_loaded_are_named() -> None:
    required = ["errors", "latency"]
    assert judge.monitoring(None, required) == Condition("answers")
    assert judge.monitoring({"errors", "latency", "more"}, required).problems == ()
    (problem,) = judge.monitoring({"errors"}, required).problems
    assert problem == "alerts are not there: latency; load their rules"


def test_alert_policies_must_be_there_watch_and_notify() -> None:
    found = [
        AlertPolicyFacts("a", enabled=True, channels=1),
        AlertPolicyFacts("b", enabled=False, channels=1),
        AlertPolicyFacts("c", enabled=True, channels=0),
        AlertPolicyFacts("other", enabled=False, channels=0),
    ]
    assert judge.alert_policies(found, ["a"]).problems == ()
    # Names need not be unique: one that watches and notifies is enough.
    assert (
        judge.alert_policies([*found, AlertPolicyFacts("b", enabled=True, channels=1)], ["b"]).problems == ()
    )
    assert judge.alert_policies(found, ["a", "b", "c", "d"]) == Condition(
        "1 of 4 alert policies watch and notify",
        (
            "are not there: d; create them",
            "are disabled: b; enable them",
            "notify nobody: c; give them a notification channel",
        ),
    )


def test_dashboards_that_are_not_there_are_named() -> None:
    assert judge.dashboards(["a", "b"], ["a"]) == Condition("1 of 1 dashboards are there")
    assert judge.dashboards(["a"], ["a", "c"]).problems == ("are not there: c; create them",)


def test_a_secret_whose_newest_version_is_off_is_a_finding() -> None:
    assert judge.secret("ENABLED").problems == ()
    assert judge.secret(None).problems == ()
    assert judge.secret("DISABLED").problems[0].startswith("its newest version is DISABLED")


def test_the_policy_says_whether_a_finding_refuses() -> None:
    broken, missing = Condition("found", ("broken",)), Condition("none", ("absent",), missing=True)
    for rules, refuses in ((Part(), True), (Part(on_finding="warn"), False)):
        assert judge.line("cloud_sql", "db", Condition("found"), rules).refuses is False
        line = judge.line("cloud_sql", "db", broken, rules)
        assert (line.state, line.refuses, line.sentence) == ("degraded", refuses, "Cloud SQL db: broken")
        assert judge.line("cloud_sql", "db", missing, rules).state == "missing"
        assert judge.unreadable("cloud_sql", "db", "no answer", rules).refuses is refuses


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        (RedisFacts("READY", "STANDARD_HA", 1), None),
        (RedisFacts("FAILING_OVER", "STANDARD_HA", 1), "is FAILING_OVER; it must be READY"),
        (RedisFacts("READY", "BASIC", 0), "has no replica (BASIC, 0)"),
        (None, "there is no such instance"),
    ],
)
def test_a_redis_instance_serves_and_has_a_replica(facts: RedisFacts | None, problem: str | None) -> None:
    problems = judge.redis(facts, RedisPart(instance="cache")).problems
    assert len(problems) == (problem is not None)
    assert problem is None or problems[0].startswith(problem)
    assert (
        judge.redis(
            RedisFacts("READY", "BASIC", 0), RedisPart(instance="c", high_availability=False)
        ).problems
        == ()
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"versioned": False}, "versioning is off"),
        ({"public_access_prevented": False}, "public access is possible"),
        ({"retention_seconds": None}, "keeps objects for 0 s, required 60 s"),
        ({"writers": frozenset()}, "a cannot write"),
        ({"writers": frozenset("ab")}, "b can write, and the policy does not name them"),
    ],
)
def test_each_property_of_a_bucket_is_a_finding(change: dict[str, Any], problem: str | None) -> None:
    facts = replace(BucketFacts(True, True, 60, frozenset("a")), **change)
    problems = judge.bucket(facts, Bucket(retention_seconds=60, writers=("a",))).problems
    assert len(problems) == (problem is not None)
    assert problem is None or problems[0].startswith(problem)


def test_what_the_policy_does_not_require_of_a_bucket_is_no_finding() -> None:
    bare = BucketFacts(False, False, None, frozenset("z"))
    assert judge.bucket(bare, Bucket(versioned=False, public=True)).problems == ()
    assert judge.bucket(None, Bucket()).missing
