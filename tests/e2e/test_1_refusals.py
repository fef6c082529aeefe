"""Bad input is refused by the trigger form or by the first task, before anything outside changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2

from sandbox.demo.airflow_client import AirflowClient
from sandbox.supervisor.settings import HOST, LOCATION, Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

# What is asked for, and the field, the value and what is allowed in the answer.
REFUSED_BY_THE_FORM: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [
    ({}, ("version",)),
    ({"version": "newest"}, ("version", "newest")),
    ({"version": "1.1.0", "canary_percent": 150}, ("150", "49")),
    ({"version": "1.1.0", "policy": "relaese.yaml"}, ("relaese.yaml", "release.yaml")),
]
REFUSED_BY_THE_FIRST_TASK: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [
    ({"version": "9.9.9"}, ("netra/backend:9.9.9",)),
    ({"version": "1.1.0", "images": {"auth": "not an image"}}, ("not an image",)),
    (
        {"version": "1.1.0", "services": ["backend", "bakend"]},
        ("services='bakend'", "backend, auth, frontend"),
    ),
    ({"version": "1.1.0", "canary_precent": 10}, ("canary_precent=10", "unknown field")),
]
RUN_SECONDS = 400


@pytest.mark.parametrize(("conf", "words"), REFUSED_BY_THE_FORM)
def test_the_form_refuses(airflow: AirflowClient, conf: Mapping[str, Any], words: tuple[str, ...]) -> None:
    answer = airflow.trigger("release", conf=conf)
    assert answer.status_code == 400, answer.text
    for word in words:
        assert word in answer.text


def test_the_first_task_refuses_and_nothing_has_changed(airflow: AirflowClient, settings: Settings) -> None:
    before = _etags(settings)
    runs = [airflow.start("release", conf=conf) for conf, _ in REFUSED_BY_THE_FIRST_TASK]
    for run_id, (conf, words) in zip(runs, REFUSED_BY_THE_FIRST_TASK, strict=True):
        state = airflow.wait("release", run_id, bound=RUN_SECONDS)
        assert state.state == "failed", conf
        assert state.tasks["preflight.validate_request"] == "failed", conf
        ran = {task for task, value in state.tasks.items() if value in ("success", "failed")}
        assert not [task for task in ran if "shift" in task or "deploy" in task or "migrate" in task], conf
        log = _log(airflow, run_id, "preflight.validate_request")
        for word in words:
            assert word in log, conf
    assert _etags(settings) == before


def test_every_dag_file_can_be_imported(airflow: AirflowClient) -> None:
    assert airflow.import_errors() == []


def _etags(settings: Settings) -> Mapping[str, str]:
    client = run_v2.ServicesClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": f"http://{HOST}:{settings.google_port}"},
    )
    projects = ("sandbox-production", "sandbox-staging")
    parents = [f"projects/{project}/locations/{LOCATION}" for project in projects]
    return {
        service.name: service.etag for parent in parents for service in client.list_services(parent=parent)
    }


def _log(airflow: AirflowClient, run_id: str, task: str) -> str:
    return json.dumps(airflow.get(f"/dags/release/dagRuns/{run_id}/taskInstances/{task}/logs/1"))
