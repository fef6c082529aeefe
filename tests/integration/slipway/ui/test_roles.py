"""Which of Airflow's roles may do what: docs/threat-model.md, against Airflow's own API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.slipway.ui.conftest import bearer

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.integration.slipway.ui.conftest import SignedIn

#: From fewest to most rights; the last but one is whoever deploys, the first has no role at all.
ROLES = ("", "viewer", "user", "op", "admin")
RUN = "/api/v2/dags/release/dagRuns/a-run"
TASK = f"{RUN}/taskInstances/phase_2_production_preparation.approve"
#: Act: method, path, body, and the lowest role that may.
ACTS: dict[str, tuple[str, str, Any, str]] = {
    "see releases": ("GET", "/api/v2/dags/release/dagRuns", None, "viewer"),
    "see the log": ("GET", f"{TASK}/logs/1", None, "viewer"),
    "see questions": ("GET", "/api/v2/dags/~/dagRuns/~/hitlDetails", None, "viewer"),
    "begin a release": ("POST", "/api/v2/dags/release/dagRuns", {"logical_date": None, "conf": {}}, "user"),
    "order a rollback": ("POST", "/api/v2/dags/rollback/dagRuns", {"logical_date": None, "conf": {}}, "user"),
    "answer a question": (
        "PATCH",
        f"{TASK}/-1/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {}},
        "user",
    ),
    "mark a run": ("PATCH", RUN, {"state": "failed"}, "user"),
    "clear a run": ("POST", f"{RUN}/clear", {"dry_run": False}, "user"),
    "delete a run": ("DELETE", RUN, None, "user"),
    "mark a task": ("PATCH", TASK, {"new_state": "success"}, "user"),
    "pause the releases": ("PATCH", "/api/v2/dags/release", {"is_paused": True}, "user"),
    "read connections": ("GET", "/api/v2/connections", None, "op"),
    "change a connection": ("PATCH", "/api/v2/connections/slipway_ledger", {}, "op"),
    "read variables": ("GET", "/api/v2/variables", None, "op"),
}


@pytest.fixture(scope="module")
def airflow_api(airflow_users: None) -> Iterator[TestClient]:
    """Airflow's own API, with no DAG in its database."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.common.dagbag import create_dag_bag
    from airflow.api_fastapi.core_api.app import init_views
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    app = FastAPI()
    init_views(app)
    app.state.dag_bag, app.state.auth_manager = create_dag_bag(), get_auth_manager()
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_for_its_role_and_those_above_it(airflow_api: TestClient, act: str) -> None:
    method, path, body, lowest = ACTS[act]
    may = {}
    for role in ROLES:
        answer = airflow_api.request(method, path, json=body, headers={"Authorization": bearer(role)})
        # Without the right nothing is looked for; with it, there is no such run.
        assert answer.status_code < 500, (role, answer.text)
        may[role] = answer.status_code not in (401, 403)
    assert may == {role: ROLES.index(role) >= ROLES.index(lowest) for role in ROLES}


def test_without_a_sign_in_nothing_is_allowed(airflow_api: TestClient) -> None:
    found = {
        act: airflow_api.request(method, path, json=body).status_code
        for act, (method, path, body, _) in ACTS.items()
    }
    assert found == dict.fromkeys(ACTS, 401)


@pytest.mark.sandbox
def test_the_page_is_for_whoever_may_read_the_releases(signed_in: SignedIn) -> None:
    found = {role: signed_in(role).get("/slipway/api/releases").status_code for role in ROLES}
    assert found == {"": 403} | dict.fromkeys(ROLES[1:], 200)
