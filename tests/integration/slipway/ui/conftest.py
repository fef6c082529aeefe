"""The page as Airflow mounts it, over a real ledger and a real ClickHouse, with Airflow's own sign-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from slipway.kpi import migrations
from slipway.kpi.warehouse import open_warehouse

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

if TYPE_CHECKING:
    from starlette.testclient import TestClient

SignedIn = Callable[[str | None], "TestClient"]
"""Makes a client of the API server: with the token of a user of that role, or with none."""


@pytest.fixture
def empty_warehouse(clickhouse_server: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection to a ClickHouse without the project's tables."""
    connection = {
        "conn_type": "clickhouse",
        "host": HOST,
        "port": clickhouse_server.clickhouse_port,
        "login": "slipway",
        "password": credentials.load(clickhouse_server).clickhouse_password,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(connection))
    with open_warehouse() as warehouse:
        warehouse.client.command("DROP DATABASE IF EXISTS kpi SYNC")
        warehouse.client.command("CREATE DATABASE kpi")
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(connection | {"schema": "kpi"}))


@pytest.fixture
def warehouse(empty_warehouse: None) -> None:
    """The project's tables in ClickHouse."""
    with open_warehouse() as opened:
        migrations.apply(opened.client, migrations.load())


@pytest.fixture(scope="session")
def airflow_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow's simple auth manager, on a metadata database with the tables that a sign-in needs."""
    folder: Path = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{folder}/airflow.db")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of these tests, longer than sixty-four bytes" * 2
        )
        from airflow import settings
        from airflow.api_fastapi.app import create_auth_manager
        from airflow.models import import_all_models  # noqa: TID251 - the tables are Airflow's own
        from airflow.models.base import Base  # noqa: TID251

        import_all_models()
        settings.configure_vars()
        settings.configure_orm()
        Base.metadata.create_all(settings.engine)
        create_auth_manager().init()
        yield
        settings.dispose_orm()
    settings.configure_vars()


@pytest.fixture
def signed_in(airflow_users: None, ledger: object) -> Iterator[SignedIn]:
    """The API server's root with the plugin's application mounted as Airflow mounts it."""
    import slipway_plugin
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi import FastAPI
    from slipway.ui.api.routes import releases_now
    from starlette.testclient import TestClient

    releases_now.cache_clear()  # What another test's ledger had.
    root = FastAPI()
    for app in slipway_plugin.SlipwayPlugin.fastapi_apps:
        root.mount(app["url_prefix"], app["app"])
    clients = ExitStack()

    def make(role: str | None) -> TestClient:
        # Entered, so that all of its requests are in one event loop, as they are in the API server.
        client = clients.enter_context(TestClient(root))
        if role is not None:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role=role or None))
            client.headers["Authorization"] = f"Bearer {token}"
        return client

    with clients:
        yield make


@pytest.fixture
def reader(signed_in: SignedIn) -> TestClient:
    """A client that may read."""
    return signed_in("viewer")


@pytest.fixture
def airflow_question(airflow_users: None) -> Iterator[Callable[[str, str], None]]:
    """Puts a question of a task into Airflow's tables, as Airflow keeps it."""
    from airflow.models.hitl import HITLDetail  # noqa: TID251 - the tables are Airflow's own
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251
    from airflow.settings import engine
    from sqlalchemy import delete, insert, text

    assert engine is not None
    asked = uuid4()

    def put(run_id: str, task_id: str) -> None:
        with engine.begin() as connection:
            # There is no DAG and no run behind the task.
            connection.execute(text("PRAGMA foreign_keys=OFF"))
            connection.execute(
                insert(TaskInstance).values(
                    id=asked,
                    dag_id="release",
                    run_id=run_id,
                    task_id=task_id,
                    state="awaiting_input",
                    pool="default_pool",
                    trigger_timeout=datetime.now(UTC) + timedelta(hours=1),
                )
            )
            connection.execute(
                insert(HITLDetail).values(
                    ti_id=asked,
                    subject="May it go to production?",
                    body="Asked for by ada.",
                    options=["Approve", "Reject"],
                    defaults=["Reject"],
                    params={},
                    params_input={},
                )
            )

    yield put
    with engine.begin() as connection:
        connection.execute(delete(HITLDetail).where(HITLDetail.ti_id == asked))
        connection.execute(delete(TaskInstance).where(TaskInstance.id == asked))
