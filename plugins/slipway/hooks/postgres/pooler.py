"""Finding what no migration can go through: a pooler that shares sessions, and a server that only reads."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import Any

import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook

from slipway.exceptions import MigrationFailed
from slipway.sql import statement

_ROUNDS = 5


def require_own_session(hook: PostgresHook, connection: psycopg.Connection[Any]) -> None:
    """Refuse a connection that only reads, or whose transactions do not all go to one session of the server.

    A pooler that is idle gives the same session again and again. So a second connection is opened, and keeps
    a transaction open: it gets the session of the first, or the first one's next transaction goes elsewhere.

    :param hook: opens the second connection.
    :param connection: the first, in autocommit, before any of its settings are made.
    :raises MigrationFailed: naming the address, and what the server or the pooler there does.
    """
    address = f"{connection.info.host}:{connection.info.port}"
    _require_writing(connection, f"connection {hook.get_conn_id()}: at {address}")
    with closing(hook.get_conn()) as second:
        seen = _pooling(connection, second)
    if seen is not None:
        raise MigrationFailed(
            f"connection {hook.get_conn_id()}: at {address} is a pooler in transaction mode, because {seen}; "
            "a migration's lock and time-outs would not hold, and its lock would stay. Let the connection "
            "lead to PostgreSQL itself, or to a pool in session mode"
        )


def _require_writing(connection: Any, at: str) -> None:
    is_replica, only_reads = _ask(connection, "read_only")
    if is_replica:
        raise MigrationFailed(
            f"{at} is a read replica, which takes no migration; let the connection lead to the primary"
        )
    if only_reads:
        raise MigrationFailed(
            f"{at} sessions are read-only; take default_transaction_read_only off the role or the database"
        )


def _pooling(first: Any, second: Any) -> str | None:
    """Say what shows that sessions are shared; None when each connection keeps its own."""
    token = uuid.uuid4().hex
    _ask(first, "mark_session", token=token)
    pid, _ = _ask(first, "read_session")
    for _ in range(_ROUNDS):
        with second.transaction():
            other, mark = _ask(second, "read_session")
            if other == pid or mark == token:
                return f"server process {pid} serves two connections"
            now, kept = _ask(first, "read_session")
        if now != pid:
            return f"server processes {pid} and {now} serve one connection"
        if kept != token:
            return f"server process {pid} forgets the settings of a connection"
    return None


def _ask(connection: Any, name: str, **parameters: str) -> Any:
    # Never prepared: a pooler may lead the next execution to a session that does not know the statement.
    return connection.execute(statement(f"postgres/schema/{name}"), parameters, prepare=False).fetchone()
