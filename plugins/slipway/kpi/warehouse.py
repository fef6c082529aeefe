"""Running the project's statements in ClickHouse, through the provider's hook as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from slipway.sql import statement

if TYPE_CHECKING:
    from airflow.providers.clickhousedb.hooks.clickhouse import ClickHouseHook

CLICKHOUSE_CONNECTION = "slipway_clickhouse"
_LONGEST_STATEMENT_SECONDS = 3000


def clickhouse_hook(connection_id: str) -> ClickHouseHook:
    """Return the hook, set up for statements that run long and for many clients at once.

    :param connection_id: the ClickHouse connection.
    :return: the provider's hook.
    """
    from airflow.providers.clickhousedb.hooks.clickhouse import ClickHouseHook

    return ClickHouseHook(
        clickhouse_conn_id=connection_id,
        session_settings={"max_execution_time": _LONGEST_STATEMENT_SECONDS},
        client_kwargs={
            # A session admits one request at a time; nothing here needs one.
            "autogenerate_session_id": False,
            "send_receive_timeout": _LONGEST_STATEMENT_SECONDS,
        },
    )


def warehouse_uri(connection_id: str) -> str:
    """Return the SQLAlchemy URI of a ClickHouse connection. It holds the password: never log it.

    :param connection_id: the ClickHouse connection.
    """
    # The provider writes a space as a form does; SQLAlchemy takes the plus sign for one of the password.
    uri: str = clickhouse_hook(connection_id).get_uri()
    return uri.replace("+", "%20")


class Warehouse:
    """A ClickHouse client that runs statements of ``include/sql`` by name.

    :param client: connected client of ClickHouse.
    :param cluster: name of the cluster to define tables on; None for a single server.
    """

    def __init__(self, client: Any, cluster: str | None = None) -> None:
        self.client = client
        self.cluster = cluster

    def run(
        self,
        name: str,
        tables: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> int:
        """Run a statement that changes something.

        :param name: path below ``include/sql`` without its ending.
        :param tables: values of ``{{ name }}``.
        :param parameters: values of ``{name:Type}``, bound by the server.
        :param settings: ClickHouse's settings for this statement.
        :return: rows written.
        """
        sql = statement(name, tables)
        summary = self.client.command(sql, parameters=_bound(sql, parameters), settings=dict(settings or {}))
        return int(summary.summary.get("written_rows", 0))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows that a task made itself: a few, never a source's.

        :param table: where to.
        :param columns: the columns of the rows.
        :param rows: their values; none is fine.
        """
        if rows:
            self.client.insert(table, rows, column_names=columns)

    def rows(
        self,
        name: str,
        tables: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run a query whose result has a few lines.

        :param name: path below ``include/sql`` without its ending.
        :param tables: values of ``{{ name }}``.
        :param parameters: values of ``{name:Type}``, bound by the server.
        :return: its rows.
        """
        sql = statement(name, tables)
        found = self.client.query(sql, parameters=_bound(sql, parameters))
        return [tuple(row) for row in found.result_rows]


def _bound(sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters that a statement names; given others, the client formats it with %."""
    return {name: value for name, value in (parameters or {}).items() if f"{{{name}:" in sql}


@contextmanager
def open_warehouse(connection_id: str = CLICKHOUSE_CONNECTION) -> Iterator[Warehouse]:
    """Open a client, and close it at the end.

    :param connection_id: the ClickHouse connection; ``cluster`` in its extra names a cluster.
    :return: the warehouse.
    """
    hook = clickhouse_hook(connection_id)
    cluster = hook.get_connection(connection_id).extra_dejson.get("cluster")
    client = hook.get_client()
    try:
        yield Warehouse(client, cluster)
    finally:
        client.close()
