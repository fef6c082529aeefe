"""Questions as Airflow keeps and answers them: its own tables, its execution API and its public API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

RUN, TASK = "manual__1", "phase_3_canary.bake"


@pytest.fixture(scope="session")
def question_tables(airflow_users: None) -> str:
    """A run of the DAG release whose bake is deferred; returns the id of the task instance."""
    from airflow.models import DagModel, DagRun  # noqa: TID251 - the tables are Airflow's own
    from airflow.models.dagbundle import DagBundleModel  # noqa: TID251
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType
    from sqlalchemy import insert

    ti_id, now = uuid4(), datetime.now(UTC)
    with create_session() as session:
        session.execute(insert(DagBundleModel).values(name="dags"))
        session.add(DagModel(dag_id="release", bundle_name="dags", is_paused=False))
        session.flush()
        session.execute(
            insert(DagRun).values(
                dag_id="release",
                run_id=RUN,
                run_type=DagRunType.MANUAL,
                run_after=now,
                state="running",
            )
        )
        session.execute(
            insert(TaskInstance).values(
                id=ti_id,
                dag_id="release",
                run_id=RUN,
                task_id=TASK,
                map_index=-1,
                state="running",
                pool="default_pool",
                pool_slots=1,
                try_number=1,
            )
        )
    return str(ti_id)


@pytest.fixture
def server(question_tables: str) -> Iterator[Any]:
    """Makes clients, signed in as a user, of the API server's routes for questions behind the plugin."""
    import slipway_plugin
    from airflow.api_fastapi.app import get_auth_manager, lifespan
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.routes.public.hitl import task_instances_hitl_router
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    root = FastAPI(lifespan=lifespan)
    root.mount("/execution", InProcessExecutionAPI().app)
    root.include_router(task_instances_hitl_router, prefix="/api/v2")
    for middleware in slipway_plugin.SlipwayPlugin.fastapi_root_middlewares:
        root.add_middleware(middleware["middleware"])
    clients = ExitStack()

    def sign_in(user: str, role: str = "user") -> TestClient:
        client = clients.enter_context(TestClient(root))
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=role))
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    with clients:
        yield sign_in


QUESTION = f"/api/v2/dags/release/dagRuns/{RUN}/taskInstances/{TASK}/-1/hitlDetails"


def ask(client: TestClient, ti_id: str, **question: Any) -> None:
    """Put a question as a task does."""
    answer = client.post(f"/execution/hitlDetails/{ti_id}", json={"ti_id": ti_id, "params": {}, **question})
    assert answer.status_code == 201, answer.text


def test_a_second_question_of_a_task_shows_its_own_text_and_takes_its_own_answers(
    server: Any, question_tables: str
) -> None:
    client = server("jo")
    ask(
        client,
        question_tables,
        subject="frozen?",
        body="one",
        options=["Bake on", "Roll back"],
        defaults=["Roll back"],
    )
    first = client.get(QUESTION).json()
    assert first["body"] == "one"
    assert client.patch(QUESTION, json={"chosen_options": ["Bake on"]}).status_code == 200
    ask(
        client,
        question_tables,
        subject="changed?",
        body="two",
        options=["Restore the split", "Roll back"],
        defaults=["Roll back"],
        assigned_users=[{"id": "jo", "name": "jo"}],
    )
    second = client.get(QUESTION).json()
    assert (second["subject"], second["body"]) == ("changed?", "two")
    assert second["options"] == ["Restore the split", "Roll back"]
    assert not second["response_received"]
    assert second["created_at"] > first["created_at"]
    assert client.patch(QUESTION, json={"chosen_options": ["Bake on"]}).status_code == 400
    assert server("kim").patch(QUESTION, json={"chosen_options": ["Roll back"]}).status_code == 403
    assert client.patch(QUESTION, json={"chosen_options": ["Restore the split"]}).status_code == 200
    assert client.patch(QUESTION, json={"chosen_options": ["Roll back"]}).status_code == 409, (
        "one answer counts"
    )
