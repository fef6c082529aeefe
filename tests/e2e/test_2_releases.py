"""A good version reaches everybody; a bad one is gone before it did much harm; the KPIs are there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from uuid import uuid4

import httpx
import pytest
from slipway.ledger.chain import Kind
from slipway.ledger.entries import (
    ChecklistItemChecked,
    ConfigurationWritten,
    DeploymentChecked,
    FlagsRolledBack,
)
from slipway.policy.checklist import ITEMS

from include.load_test.prompts import corpus
from sandbox.databases import postgres
from sandbox.demo import checks, record, story
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.display import ProgressThen
from sandbox.demo.memory import MemoryWatch
from sandbox.platform.identity import issue
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import Settings
from tests.database_text import rows_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def all_hold(found: Iterable[checks.Check]) -> None:
    """Fail with what was seen, unless every check holds."""
    results = list(found)
    assert results
    assert not [check.text for check in results if not check.holds]


def test_the_good_version_reaches_everybody(good: story.ReleaseReport, settings: Settings) -> None:
    all_hold(checks.check_good(good, settings))
    assert [gate.verdict for gate in good.gates] == ["promote"] * 5
    (stable,) = good.stable[story.SERVICE]
    assert [dict(step.split) for step in good.steps if good.revision in step.split] == [
        {good.revision: 10, stable: 90},
        {good.revision: 50, stable: 50},
        {good.revision: 100},
    ]


def test_a_second_release_meanwhile_was_refused_before_it_touched_anything(
    airflow: AirflowClient, intruder: ProgressThen, good: story.ReleaseReport
) -> None:
    assert intruder.run_id is not None
    state = airflow.wait("release", intruder.run_id, bound=180)
    assert state.state == "failed"
    assert state.tasks["preflight.validate_request"] == "success"
    assert state.tasks["preflight.open_release"] == "failed"
    rollback = {value for task, value in state.tasks.items() if task.startswith("rollback.")}
    assert rollback == {"skipped"}
    log = json.dumps(
        airflow.get(f"/dags/release/dagRuns/{intruder.run_id}/taskInstances/preflight.open_release/logs/1")
    )
    assert f"release {good.plan['release_id']} (version {good.version}, by manager) has held it since" in log


def test_the_bad_version_is_rolled_back_from_the_canary(
    bad: story.ReleaseReport, good: story.ReleaseReport
) -> None:
    all_hold(checks.check_bad(bad))
    assert bad.stable[story.SERVICE] == {good.revision: 100}
    last = bad.gates[-1]
    assert (last.phase, last.verdict) == ("canary", "rollback")
    assert "Error rate over the trigger" in last.reason
    assert bad.reason is not None
    assert "\n" not in bad.reason


def test_the_bad_version_does_not_go_again_unless_somebody_says_so(
    airflow: AirflowClient, bad: story.ReleaseReport
) -> None:
    run_id = airflow.start("release", conf={"version": bad.version})
    state = airflow.wait("release", run_id, bound=180)
    assert (state.state, state.tasks["preflight.validate_request"]) == ("failed", "failed")
    log = json.dumps(
        airflow.get(f"/dags/release/dagRuns/{run_id}/taskInstances/preflight.validate_request/logs/1")
    )
    assert f"version {bad.version} was rolled back before (release {bad.plan['release_id']}" in log
    assert "(release_again)" in log


def test_what_a_release_changes_and_its_checklists_are_on_record(
    good: story.ReleaseReport, settings: Settings
) -> None:
    def entry(kind: type[Kind], **parts: str) -> Kind:
        found = record.entry(settings, good.plan["release_id"], kind, **parts)
        assert found is not None, kind.key_of(**parts)
        return found

    configured = entry(ConfigurationWritten, environment="production")
    assert [(c.key, c.before, c.after) for c in configured.changes] == [
        ("TOKEN_OPTIMIZATION_ENABLED", "false", "true")
    ]
    assert configured.versions == {
        "feature-flags": 1,
        "pricing-config": 1,
        "token-optimization-config": 2,
    }, "what stays the same gets no new version"
    assert [name for name in ITEMS if not entry(ChecklistItemChecked, item=name).passed] == []
    assert [line.title for line in entry(DeploymentChecked).lines if line.passed is False] == []


def test_a_rollback_leaves_the_feature_on_for_whom_it_was_on(
    bad: story.ReleaseReport, settings: Settings
) -> None:
    flags = record.entry(settings, bad.plan["release_id"], FlagsRolledBack, environment="production")
    assert flags is not None
    assert flags.serving_follows == {"feature-flags": True}
    assert (flags.changes, flags.switched_off) == ((), ())
    url = json.loads((settings.run / "endpoints.json").read_text())["production"]["backend"]
    token = issue(uuid4(), credentials.load(settings).auth_signing_key)
    prompt = corpus(1)[0]
    body = {"session_key": "s", "agent_name": prompt.agent_name, "model": prompt.model, "prompt": prompt.text}
    optimized = 0
    for _ in range(10):
        answer = httpx.post(
            f"{url}/v1/optimize",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
            trust_env=False,
        )
        optimized += answer.raise_for_status().json()["optimization_applied"]
    assert optimized, "the feature is off, although it was on when the release began"


def test_the_kpis_of_today_are_in_clickhouse(
    airflow: AirflowClient, settings: Settings, rolling_up: ProgressThen, bad: story.ReleaseReport
) -> None:
    assert rolling_up.run_id is not None
    run, rows, targets = story.read_kpis(airflow, settings, rolling_up.run_id)
    all_hold(checks.check_kpis(run, rows, targets))
    values = {row.kpi: row.value for row in rows if not row.dimension}
    assert len(values) >= 4
    assert float(values["cost_reduction_percent"]) == pytest.approx(20, abs=5)


def test_the_record_of_both_releases_is_whole(
    settings: Settings, good: story.ReleaseReport, bad: story.ReleaseReport
) -> None:
    for report in (good, bad):
        assert record.gates(settings, report.plan["release_id"]) == report.gates


def test_no_secret_of_the_sandbox_is_found_where_people_read(
    settings: Settings, good: story.ReleaseReport, bad: story.ReleaseReport
) -> None:
    logs = [path.read_text(errors="replace") for path in (settings.logs / "airflow").rglob("*.log")]
    assert any(good.plan["release_id"] in text for text in logs), "the task logs are there"
    places = {
        "a log": "\n".join(logs),
        "Airflow's database (XComs, rendered templates, forms, events)": rows_of(
            postgres.uri(settings, "airflow")
        ),
        "the ledger": rows_of(postgres.uri(settings, "slipway")),
    }
    keys = credentials.load(settings)
    found = [
        f"{name} in {where}" for name, key in vars(keys).items() for where in places if key in places[where]
    ]
    assert found == []


def test_memory_stays_within_its_bound(
    airflow: AirflowClient, memory: MemoryWatch, bad: story.ReleaseReport
) -> None:
    all_hold(checks.check_machine(peak_bytes=memory.peak_bytes, import_errors=airflow.import_errors()))
