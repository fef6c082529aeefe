"""Airflow's own audit log: what people did to a run, read through the public API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from slipway.exceptions import AuditLogUnavailable

AIRFLOW_CONNECTION = "slipway_airflow"
#: Airflow's names of what a person does to a run or its tasks, and how it is said.
_EVENTS = {
    "patch_dag_run": "marked the run as {state}",
    "patch_task_instance": "marked {task} as {state}",
    "patch_task_group_instances": "marked {task} as {state}",
    "post_clear_task_instances": "cleared tasks",
    "clear_dag_run": "cleared the run",
    "delete_dag_run": "deleted the run",
    "delete_task_instance": "deleted {task}",
}
_DELETED = "delete_dag_run"
_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Act:
    """Something that a person did to a run.

    :param at: moment in UTC.
    :param user: the person's name in Airflow.
    :param what: what was done, after the name: ``marked the run as failed``.
    """

    at: datetime
    user: str
    what: str


class AirflowAuditHook:
    """Reads Airflow's audit log.

    :param conn_id: connection of type ``http`` to Airflow's API server; its user may read the audit log.
    """

    def __init__(self, conn_id: str = AIRFLOW_CONNECTION) -> None:
        self.conn_id = conn_id

    def acts_on_run(self, dag_id: str, run_id: str) -> Sequence[Act]:
        """Return what people did to a run after they had triggered it, the oldest first.

        :param dag_id: the DAG.
        :param run_id: the run.
        :raises AuditLogUnavailable: when the connection is missing, or the API gives no usable answer.
        """
        try:
            connection = BaseHook.get_connection(self.conn_id)
        except AirflowNotFoundException as error:
            raise AuditLogUnavailable(
                f"connection {self.conn_id}: is not configured; with it the ledger names who acts on a run"
            ) from error
        asked: dict[str, str | int] = {"dag_id": dag_id, "run_id": run_id, "order_by": "when", "limit": 100}
        try:
            with httpx.Client(base_url=str(connection.host), timeout=_TIMEOUT_SECONDS) as client:
                login = {"username": connection.login, "password": connection.password}
                token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
                headers = {"Authorization": f"Bearer {token}"}
                answer = client.get("/api/v2/eventLogs", params=asked, headers=headers).raise_for_status()
                found = answer.json()["event_logs"]
                # Airflow logs what it refuses too: a run that is there was not deleted.
                asked_to_delete = any(entry["event"] == _DELETED for entry in found)
                run = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
                refused = asked_to_delete and client.get(run, headers=headers).is_success
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise AuditLogUnavailable(
                f"connection {self.conn_id}: {type(error).__name__}: {error}"
            ) from error
        return [_act(entry, refused=refused) for entry in found if entry["event"] in _EVENTS]


def _act(entry: dict[str, Any], *, refused: bool) -> Act:
    try:
        extra = json.loads(entry["extra"] or "{}")
    except ValueError:
        extra = {}
    state = extra.get("state") or extra.get("new_state") or "another state"
    what = _EVENTS[entry["event"]].format(state=state, task=entry["task_id"] or "a task")
    if refused and entry["event"] == _DELETED:
        what = "tried to delete the run"
    return Act(datetime.fromisoformat(entry["when"]), str(entry["owner"] or "unknown"), what)
