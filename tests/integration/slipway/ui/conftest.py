"""The page as Airflow mounts it, over a real ledger and a real ClickHouse, with Airflow's own sign-in."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import pytest
from slipway.kpi import migrations
from slipway.kpi.warehouse import open_warehouse

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings
from tests.browser import window

if TYPE_CHECKING:
    from fastapi import FastAPI
    from playwright.sync_api import Browser, Page
    from starlette.testclient import TestClient

SignedIn = Callable[[str | None], "TestClient"]
"""Makes a client of the API server: with the token of a user of that role, or with none."""


class OpenPage(Protocol):
    """Opens a page in a window of that size, in that theme of Airflow, as a user of that role."""

    def __call__(
        self, path: str, *, width: int = ..., height: int = ..., theme: str = ..., role: str = ...
    ) -> Page: ...


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
def root(airflow_users: None, ledger: object) -> FastAPI:
    """The API server's root with the plugin's application mounted as Airflow mounts it."""
    import slipway_plugin
    from fastapi import FastAPI
    from slipway.ui.api.routes import releases_now

    releases_now.cache_clear()  # What another test's ledger had.
    root = FastAPI()
    for app in slipway_plugin.SlipwayPlugin.fastapi_apps:
        root.mount(app["url_prefix"], app["app"])
    return root


def bearer(role: str, name: str = "ada") -> str:
    """Return the authorization of a user.

    :param role: of Airflow's simple auth manager; empty for a user without one.
    :param name: the user's name.
    """
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return (
        f"Bearer {get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role or None))}"
    )


@pytest.fixture
def signed_in(root: FastAPI) -> Iterator[SignedIn]:
    """Make clients of the API server."""
    from starlette.testclient import TestClient

    clients = ExitStack()

    def make(role: str | None) -> TestClient:
        # Entered, so that all of its requests are in one event loop, as they are in the API server.
        client = clients.enter_context(TestClient(root))
        if role is not None:
            client.headers["Authorization"] = bearer(role)
        return client

    with clients:
        yield make


@pytest.fixture
def served(root: FastAPI) -> Iterator[str]:
    """Address of the page, served to browsers."""
    import uvicorn

    # Bound before the server runs: who asks before it does, waits.
    bound = socket.create_server((HOST, 0))
    server = uvicorn.Server(uvicorn.Config(root, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://{HOST}:{bound.getsockname()[1]}/slipway"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def open_page(browser: Browser, served: str) -> Iterator[OpenPage]:
    """Open pages as somebody who did not ask for the release; what goes wrong in one fails the test."""
    contexts, wrong = ExitStack(), list[str]()

    def make(
        path: str, *, width: int = 1440, height: int = 900, theme: str = "light", role: str = "admin"
    ) -> Page:
        signed_in = {"Authorization": bearer(role, "bob")}
        context = window(browser, signed_in, width=width, height=height, theme=theme)
        contexts.callback(context.close)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda message: (
                wrong.append(f"{message.text} {message.location['url']}") if message.type == "error" else None
            ),
        )
        page.goto(f"{served}/{path}")
        page.locator("h1").wait_for()
        return page

    with contexts:
        yield make
    expected = ("favicon.ico", " 503 ", " 403 ")
    assert [line for line in wrong if not any(part in line for part in expected)] == []


@pytest.fixture
def reader(signed_in: SignedIn) -> TestClient:
    """A client that may read."""
    return signed_in("viewer")


@pytest.fixture
def airflow_question(airflow_users: None) -> Iterator[Callable[..., None]]:
    """Puts a question of a task into Airflow's tables, as Airflow keeps it."""
    from airflow.models.dagrun import DagRun  # noqa: TID251 - the tables are Airflow's own
    from airflow.models.hitl import HITLDetail  # noqa: TID251
    from airflow.models.taskinstance import TaskInstance  # noqa: TID251
    from airflow.settings import engine
    from sqlalchemy import delete, insert, text

    assert engine is not None
    asked = uuid4()

    def put(run_id: str, task_id: str, *, rolls_back: str | None = None, **fields: Any) -> None:
        dag_id = "release" if rolls_back is None else "rollback"
        with engine.begin() as connection:
            # There is no DAG and no run behind the task.
            connection.execute(text("PRAGMA foreign_keys=OFF"))
            now = datetime.now(UTC)
            connection.execute(
                insert(DagRun).values(
                    dag_id=dag_id,
                    run_id=run_id,
                    run_type="manual",
                    run_after=now,
                    conf={"release": rolls_back},
                )
            )
            connection.execute(
                insert(TaskInstance).values(
                    id=asked,
                    dag_id=dag_id,
                    run_id=run_id,
                    task_id=task_id,
                    state="awaiting_input",
                    pool="default_pool",
                    trigger_timeout=datetime.now(UTC) + timedelta(hours=1),
                )
            )
            connection.execute(
                insert(HITLDetail).values(
                    {
                        "ti_id": asked,
                        "subject": "May it go to production?",
                        "body": "Asked for by ada.",
                        "options": ["Approve", "Reject"],
                        "defaults": ["Reject"],
                        "params": {},
                        "params_input": {},
                        **fields,
                    }
                )
            )

    yield put
    with engine.begin() as connection:
        connection.execute(delete(HITLDetail).where(HITLDetail.ti_id == asked))
        connection.execute(delete(TaskInstance).where(TaskInstance.id == asked))
        connection.execute(delete(DagRun))
