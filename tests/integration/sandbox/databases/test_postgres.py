"""The real PostgreSQL server of the sandbox."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import psutil
import psycopg
import pytest

from sandbox.databases import postgres
from sandbox.databases.server_user import remove_outside_folders
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import kill, running, start
from sandbox.supervisor.settings import Settings
from tests.own_sandbox import unused_sandbox

pytestmark = pytest.mark.sandbox

AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A sandbox with a running server."""
    with unused_sandbox() as own:
        credentials.create(own)
        with running(postgres.program(own), own):
            yield own


def test_databases_are_there_and_speak_utc(settings: Settings) -> None:
    for name in postgres.DATABASES:
        with psycopg.connect(postgres.uri(settings, name)) as connection:
            row = connection.execute("SELECT current_user, current_setting('TimeZone')").fetchone()
        assert row == ("slipway", "UTC")


def test_wrong_password_is_refused(settings: Settings) -> None:
    password = credentials.load(settings).postgres_password
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.uri(settings, "airflow").replace(password, "wrong"))


def test_server_listens_on_loopback_alone(settings: Settings) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == settings.postgres_port
    ]
    assert listening == ["127.0.0.1"]


@pytest.mark.skipif(not AS_ROOT, reason="only root has to change the user")
def test_root_does_not_run_the_server(settings: Settings) -> None:
    (server,) = [
        process
        for process in psutil.process_iter(["cmdline", "name"])
        if process.info["name"] == "postgres"
        and str(settings.home) in " ".join(process.info["cmdline"] or ())
    ]
    assert server.username() == "nobody"


def test_every_commit_survives_a_kill(own: Settings) -> None:
    credentials.create(own)
    first = start(postgres.program(own), own)
    try:
        with psycopg.connect(postgres.uri(own, "slipway"), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n integer)")
            for number in range(20):
                connection.execute("INSERT INTO kept VALUES (%s)", [number])
            kill(first)
    finally:
        kill(first)
    with running(postgres.program(own), own), psycopg.connect(postgres.uri(own, "slipway")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (20,)


@pytest.mark.skipif(not AS_ROOT, reason="only root's folders are closed to the server's user")
def test_home_that_the_server_user_cannot_reach(own: Settings) -> None:
    credentials.create(own)
    own.home.chmod(stat.S_IRWXU)
    with running(postgres.program(own), own), psycopg.connect(postgres.uri(own, "slipway")) as connection:
        connection.execute("SELECT 1")
    folder = (own.data / "postgres").resolve()
    assert not folder.is_relative_to(own.home)
    assert folder.exists()
    remove_outside_folders(own)
    assert not folder.exists()
