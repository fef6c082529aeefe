"""What people did to a run is read in words; an audit log that cannot be read is an error that says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from slipway.exceptions import AuditLogUnavailable
from slipway.hooks.airflow_audit import Act, AirflowAuditHook

WHEN = "2026-03-02T10:00:03Z"
AT = datetime(2026, 3, 2, 10, 0, 3, tzinfo=UTC)


def entry(event: str, task: str | None = None, **extra: Any) -> dict[str, Any]:
    return {"event": event, "when": WHEN, "owner": "ada", "task_id": task, "extra": json.dumps(extra)}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
    """What Airflow answers after the login."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_SLIPWAY_AIRFLOW",
        json.dumps({"conn_type": "http", "host": "http://airflow", "login": "slipway", "password": "s3cret"}),
    )
    found: list[httpx.Response] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "slipway", "password": "s3cret"}
            return httpx.Response(201, json={"access_token": "t"})
        assert request.headers["Authorization"] == "Bearer t"
        if request.url.path == "/api/v2/dags/release/dagRuns/run":
            return found[1]
        assert dict(request.url.params) == {
            "dag_id": "release",
            "run_id": "run",
            "order_by": "when",
            "limit": "100",
        }
        return found[0]

    client = httpx.Client

    def through(**arguments: Any) -> httpx.Client:
        return client(transport=httpx.MockTransport(answer), **arguments)

    monkeypatch.setattr(httpx, "Client", through)
    return found


@pytest.mark.parametrize(("status", "words"), [(404, "deleted the run"), (200, "tried to delete the run")])
def test_what_people_did_is_said_in_words(answers: list[httpx.Response], status: int, words: str) -> None:
    logged = [
        entry("trigger_dag_run"),
        entry("patch_task_instance", "phase_3_canary.bake", new_state="success"),
        entry("patch_dag_run", state="failed"),
        entry("delete_dag_run"),
    ]
    answers += [httpx.Response(200, json={"event_logs": logged}), httpx.Response(status)]
    assert AirflowAuditHook().acts_on_run("release", "run") == [
        Act(AT, "ada", "marked phase_3_canary.bake as success"),
        Act(AT, "ada", "marked the run as failed"),
        Act(AT, "ada", words),
    ]


@pytest.mark.parametrize("answer", [httpx.Response(403), httpx.Response(200, json={}), httpx.Response(200)])
def test_an_answer_that_cannot_be_used_is_an_error_without_the_password(
    answers: list[httpx.Response], answer: httpx.Response
) -> None:
    answers.append(answer)
    with pytest.raises(AuditLogUnavailable, match="connection slipway_airflow: ") as refused:
        AirflowAuditHook().acts_on_run("release", "run")
    assert "s3cret" not in str(refused.value)


def test_a_missing_connection_says_what_it_is_for() -> None:
    with pytest.raises(AuditLogUnavailable, match="is not configured; with it the ledger names who acts"):
        AirflowAuditHook().acts_on_run("release", "run")
