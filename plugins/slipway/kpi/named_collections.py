"""The named collections in ClickHouse that lead to PostgreSQL, so that no password is in a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Connection

LEDGER_COLLECTION = "slipway_ledger"
_POSTGRES_PORT = 5432


def define_collection(client: Any, name: str, connection: Connection) -> None:
    """Have a named collection lead where a connection leads.

    :param client: connected client of ClickHouse, whose user may control named collections.
    :param name: the collection.
    :param connection: Airflow connection to PostgreSQL.
    """
    from clickhouse_connect.driver.binding import format_query_value

    values = ", ".join(
        f"{key} = {format_query_value(value)}"
        for key, value in {
            "host": connection.host or "",
            "port": connection.port or _POSTGRES_PORT,
            "user": connection.login or "",
            "password": connection.password or "",
            "database": connection.schema or "",
        }.items()
    )
    client.command(f"CREATE NAMED COLLECTION IF NOT EXISTS {name} AS {values}")
    # Replacing it is refused while a staging table of a running day refers to it.
    client.command(f"ALTER NAMED COLLECTION {name} SET {values}")
