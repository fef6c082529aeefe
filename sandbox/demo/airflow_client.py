"""A small client of Airflow's REST API, as a release manager's browser would use it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from sandbox.airflow.environment import USER, password
from sandbox.supervisor.settings import HOST, Settings

_TIMEOUT_SECONDS = 30.0
_ENDED = ("success", "failed")


class RunTimeout(RuntimeError):  # noqa: N818 - named for the state it reports
    """A run did not end within its bound."""


@dataclass(frozen=True)
class RunState:
    """The state of a run.

    :param state: state of the whole run.
    :param tasks: state per task id, with its row in brackets where the task is mapped; None for a task that
        has none yet.
    """

    state: str
    tasks: Mapping[str, str | None]

    @property
    def has_ended(self) -> bool:
        """True when the run will not change any more."""
        return self.state in _ENDED


class AirflowClient:
    """Signs in as one of the sandbox's users and starts, follows and reads runs.

    :param settings: the sandbox.
    :param user: who signs in.
    """

    def __init__(self, settings: Settings, user: str = USER) -> None:
        self.url = f"http://{HOST}:{settings.airflow_port}"
        self._sign_in_as = {"username": user, "password": password(settings, user)}
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT_SECONDS, trust_env=False)
        self._sign_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _sign_in(self) -> None:
        answer = self._http.post("/auth/token", json=self._sign_in_as)
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the answer to a GET below ``/api/v2``."""
        answer = self._http.get(f"/api/v2{path}", params=parameters)
        answer.raise_for_status()
        return answer.json()

    @property
    def token(self) -> str:
        """The token with which another client is signed in as this one."""
        return self._http.headers["Authorization"].removeprefix("Bearer ")

    def page(self, path: str) -> httpx.Response:
        """Return the answer to a GET of a page of Airflow's UI, whatever it is."""
        return self._http.get(path)

    def wait_for_dags(self, names: tuple[str, ...], *, bound: float) -> None:
        """Wait until the DAGs are known.

        :param names: ids of the DAGs.
        :param bound: seconds it may take.
        :raises RunTimeout: when one is not there by then.
        """
        deadline = time.monotonic() + bound
        while True:
            known = {dag["dag_id"] for dag in self.get("/dags")["dags"]}
            missing = set(names) - known
            if not missing:
                return
            if time.monotonic() > deadline:
                raise RunTimeout(
                    f"DAGs {sorted(missing)} not there after {bound:g} s: {self.import_errors()}"
                )
            time.sleep(0.5)

    def import_errors(self) -> list[str]:
        """Return the errors of DAG files that could not be read."""
        errors = self.get("/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

    def trigger(
        self, dag: str, *, conf: Mapping[str, Any] | None = None, partition_key: str | None = None
    ) -> httpx.Response:
        """Ask for a run.

        :param dag: id of the DAG.
        :param conf: what the trigger form would send.
        :param partition_key: day of a partitioned DAG.
        :return: the answer; 400 when the form's rules refuse it.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf or {})}
        if partition_key is not None:
            body["partition_key"] = partition_key
        return self._http.post(f"/api/v2/dags/{dag}/dagRuns", json=body)

    def start(self, dag: str, **what: Any) -> str:
        """Start a run and return its id.

        :param dag: id of the DAG.
        :raises httpx.HTTPStatusError: when Airflow refuses it.
        """
        answer = self.trigger(dag, **what)
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def answer(self, dag: str, run_id: str, task: str, option: str) -> None:
        """Answer the question that a task waits on, as under Required Actions.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param task: id of the task.
        :param option: one of its options.
        :raises httpx.HTTPStatusError: when Airflow refuses it.
        """
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"
        self._http.patch(path, json={"chosen_options": [option]}).raise_for_status()

    def is_asked(self, dag: str, run_id: str, task: str) -> bool:
        """Tell whether a question of a task waits for its answer: the task awaits it, or checks metrics too.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param task: id of the task.
        """
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}"
        waits = self._http.get(path).raise_for_status().json()["state"] in ("awaiting_input", "deferred")
        question = self._http.get(f"{path}/-1/hitlDetails")
        return waits and question.is_success and not question.json()["response_received"]

    def wait_for_task(self, dag: str, run_id: str, task: str, state: str, *, bound: float) -> None:
        """Wait until a task of a run is in a state.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param task: id of the task.
        :param state: the state.
        :param bound: seconds it may take.
        :raises RunTimeout: when it is not by then, or the run has ended without it.
        """
        for found in self.follow(dag, run_id, bound=bound):
            if found.tasks.get(task) == state:
                return
        raise RunTimeout(f"run {run_id} of {dag}: ended before {task} was {state}")

    def mark_run(self, dag: str, run_id: str, state: str) -> None:
        """Mark a run as failed or as success, as a person does in the UI.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param state: ``failed`` or ``success``.
        """
        self._http.patch(f"/api/v2/dags/{dag}/dagRuns/{run_id}", json={"state": state}).raise_for_status()

    def mark_task(self, dag: str, run_id: str, task: str, state: str) -> None:
        """Mark a task as failed or as success, as a person does in the UI.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param task: id of the task.
        :param state: ``failed`` or ``success``.
        """
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}"
        self._http.patch(path, json={"new_state": state}).raise_for_status()

    def clear_task(self, dag: str, run_id: str, task: str) -> None:
        """Clear a task with everything after it, as a person does in the UI.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param task: id of the task.
        """
        self._post_clear(
            dag, dag_run_id=run_id, task_ids=[task], include_downstream=True, only_failed=False, dry_run=False
        )

    def clear_run(self, dag: str, run_id: str) -> None:
        """Clear every task of a run, as a person does in the UI.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        """
        self._post_clear(dag, dag_run_id=run_id, only_failed=False, dry_run=False)

    def _post_clear(self, dag: str, **what: Any) -> None:
        self._http.post(f"/api/v2/dags/{dag}/clearTaskInstances", json=what).raise_for_status()

    def delete_run(self, dag: str, run_id: str) -> httpx.Response:
        """Delete a run, as a person does in the UI.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :return: the answer; 409 when the run is under way.
        """
        return self._http.delete(f"/api/v2/dags/{dag}/dagRuns/{run_id}")

    def run_state(self, dag: str, run_id: str) -> RunState:
        """Return the state of a run and of its tasks."""
        run = self.get(f"/dags/{dag}/dagRuns/{run_id}")
        tasks = self.get(f"/dags/{dag}/dagRuns/{run_id}/taskInstances", limit=200)["task_instances"]
        return RunState(run["state"], {_name(task): task["state"] for task in tasks})

    def follow(self, dag: str, run_id: str, *, bound: float) -> Iterator[RunState]:
        """Yield the state of a run about every second until it has ended.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param bound: seconds it may take.
        :raises RunTimeout: when it has not ended by then.
        """
        deadline = time.monotonic() + bound
        while True:
            state = self.run_state(dag, run_id)
            yield state
            if state.has_ended:
                return
            if time.monotonic() > deadline:
                unfinished = [task for task, value in state.tasks.items() if value in ("running", "deferred")]
                raise RunTimeout(f"run {run_id} of {dag}: not done after {bound:g} s; at {unfinished}")
            time.sleep(1)

    def wait(self, dag: str, run_id: str, *, bound: float) -> RunState:
        """Wait until a run has ended and return its last state.

        :param dag: id of the DAG.
        :param run_id: id of the DAG run.
        :param bound: seconds it may take.
        :raises RunTimeout: when it has not ended by then.
        """
        *_, last = self.follow(dag, run_id, bound=bound)
        return last


def _name(task: Mapping[str, Any]) -> str:
    if task["map_index"] < 0:
        return str(task["task_id"])
    return f"{task['task_id']}[{task['rendered_map_index'] or task['map_index']}]"
