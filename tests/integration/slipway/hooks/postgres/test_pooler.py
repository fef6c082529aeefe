"""Through a pooler in transaction mode neither a migration's settings nor its lock hold: it is refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from slipway.exceptions import MigrationFailed
from slipway.hooks.postgres.migrations import SchemaHook

from tests.integration.slipway.hooks.postgres.migrating import CONNECTION, applied, migrate, write
from tests.integration.slipway.hooks.postgres.pooler import transaction_pooler

pytestmark = pytest.mark.sandbox
PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
ADVISORY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@contextmanager
def pgbouncer(uri: str, mode: str) -> Iterator[int]:
    """Run the real PgBouncer in front of the database; yields its port."""
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        yield from _run_pgbouncer(uri, Path(folder), mode)


def _run_pgbouncer(uri: str, folder: Path, mode: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    to = conninfo_to_dict(uri)
    users = folder / "users.txt"
    users.write_text(f'"{to["user"]}" "{to["password"]}"\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={to['host']} port={to['port']}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {users}\n"
        f"pool_mode = {mode}\ndefault_pool_size = 4\nignore_startup_parameters = extra_float_digits,options\n"
    )
    for path in (folder, users, settings):
        path.chmod(0o755)
    running = subprocess.Popen(
        # It refuses to run as root.
        [str(PGBOUNCER), *(["-u", "nobody"] if os.geteuid() == 0 else []), "-q", str(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "PgBouncer did not start"
                assert running.poll() is None, "PgBouncer ended"
                time.sleep(0.05)
        yield port
    finally:
        running.terminate()
        running.communicate()


@contextmanager
def busy(uri: str, port: int) -> Iterator[None]:
    """Two other clients of the pool, each with a transaction open."""
    other = make_conninfo(uri, port=port)
    with psycopg.connect(other) as one, psycopg.connect(other) as two:
        one.execute("SELECT 1")
        two.execute("SELECT 1")
        yield


def lead_to(port: int, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the connection lead to another port."""
    to = conninfo_to_dict(uri)
    connection = {
        "conn_type": "postgres",
        "host": to["host"],
        "port": port,
        "login": to["user"],
        "password": to["password"],
        "schema": to["dbname"],
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))


def require_refused(uri: str, folder: Path) -> None:
    write(folder, "0001_table", "CREATE TABLE made (id int);")
    with pytest.raises(MigrationFailed, match=r"at 127\.0\.0\.1:\d+ is a pooler in transaction mode"):
        migrate(folder)
    with pytest.raises(MigrationFailed, match="is a pooler in transaction mode"):
        SchemaHook(CONNECTION).require_own_session()
    with psycopg.connect(uri) as direct:
        assert direct.execute("SELECT to_regclass('made'), to_regclass('slipway_migration')").fetchone() == (
            None,
            None,
        )
        assert direct.execute(ADVISORY).fetchone() == (0,)


@pytest.mark.parametrize("size", [1, 4])
def test_a_pooler_in_transaction_mode_is_refused(
    size: int, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction_pooler(empty_database, size) as port:
        lead_to(port, empty_database, monkeypatch)
        require_refused(empty_database, tmp_path)


def test_a_busy_pooler_in_transaction_mode_is_refused(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction_pooler(empty_database) as port, busy(empty_database, port):
        lead_to(port, empty_database, monkeypatch)
        require_refused(empty_database, tmp_path)


@pytest.mark.skipif(PGBOUNCER is None, reason="no PgBouncer here; the pooler of pooler.py stands for it")
def test_the_real_pgbouncer_is_refused_in_transaction_mode_and_taken_in_session_mode(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pgbouncer(empty_database, "transaction") as port:
        lead_to(port, empty_database, monkeypatch)
        require_refused(empty_database, tmp_path)
        with busy(empty_database, port):
            require_refused(empty_database, tmp_path)
    with pgbouncer(empty_database, "session") as port:
        lead_to(port, empty_database, monkeypatch)
        assert migrate(tmp_path) == ["0001_table"]


def test_a_direct_connection_is_taken(empty_database: str, tmp_path: Path) -> None:
    SchemaHook(CONNECTION).require_own_session()
    write(tmp_path, "0001_table", "CREATE TABLE made (id int);")
    assert migrate(tmp_path) == ["0001_table"]
    assert applied() == ["0001_table"]
