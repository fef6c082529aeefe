"""ClickHouse hook: which servers of a cluster answer, and how they are. Read only."""

from __future__ import annotations

from contextlib import closing

from airflow.providers.clickhousedb.hooks.clickhouse import ClickHouseHook
from airflow.sdk.bases.hook import BaseHook
from clickhouse_connect.driver.exceptions import ClickHouseError

from slipway.analysis.infrastructure import ClusterFacts, ServerFacts
from slipway.exceptions import WarehouseUnreadable
from slipway.sql import statement

#: A server that does not answer is left out of an answer, which then lacks its line.
_SETTINGS = {"skip_unavailable_shards": 1, "max_execution_time": 20}


class ClickHouseServersHook(BaseHook):
    """Reads the servers behind a ClickHouse connection.

    :param clickhouse_conn_id: the connection; ``cluster`` in its extra names a cluster.
    """

    def __init__(self, clickhouse_conn_id: str) -> None:
        super().__init__()
        self.clickhouse_conn_id = clickhouse_conn_id

    def facts(self) -> ClusterFacts:
        """Read the servers that there should be, and those that answer.

        :raises WarehouseUnreadable: when the connection's own server gives no usable answer.
        """
        hook = ClickHouseHook(
            clickhouse_conn_id=self.clickhouse_conn_id,
            client_kwargs={
                "autogenerate_session_id": False,
                "connect_timeout": 10,
                "send_receive_timeout": 30,
            },
        )
        cluster = hook.get_connection(self.clickhouse_conn_id).extra_dejson.get("cluster")
        try:
            with closing(hook.get_client()) as client:
                rows = client.query(
                    statement("clickhouse/servers", cluster=cluster), settings=_SETTINGS
                ).result_rows
                members = (
                    client.query(
                        statement("clickhouse/cluster_members"), parameters={"cluster": cluster}
                    ).result_rows
                    if cluster
                    else [row[:1] for row in rows]
                )
        except (ClickHouseError, OSError) as error:
            raise WarehouseUnreadable(
                f"connection {self.clickhouse_conn_id}: ClickHouse gives no usable answer: {error}"
            ) from error
        return ClusterFacts(
            members=tuple(str(name) for (name,) in members),
            servers=tuple(
                ServerFacts(str(name), int(free), int(total), float(lag), int(read_only))
                for name, free, total, lag, read_only in rows
            ),
        )
