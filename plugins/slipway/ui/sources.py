"""What the page reads: the ledger and the reviewed targets, each within seconds and only to read.

A page runs in the API server, which every task needs as well: it must not wait long for another server.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from slipway.exceptions import SlipwayError
from slipway.kpi.policy import load_rollup_policy
from slipway.kpi.targets.report import ReviewedTarget
from slipway.kpi.warehouse import CLICKHOUSE_CONNECTION, Warehouse
from slipway.ledger.ledger import Ledger
from slipway.ledger.store import LEDGER_CONNECTION, PooledStore

CONNECT_SECONDS = 5
READ_SECONDS = 10
_NOT_THERE_YET = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")

log = logging.getLogger(__name__)


class LedgerUnreadable(SlipwayError):  # noqa: N818 - named for the state it reports
    """The ledger cannot be read."""


@contextmanager
def reading_ledger() -> Iterator[Ledger]:
    """Open the ledger for the block.

    :raises LedgerUnreadable: saying what to do; what went wrong is in the API server's log.
    """
    import psycopg
    from airflow.sdk.exceptions import AirflowException

    try:
        yield Ledger(
            store=PooledStore(connect_seconds=CONNECT_SECONDS, statement_seconds=READ_SECONDS, read_only=True)
        )
    except (psycopg.Error, SQLAlchemyError, AirflowException) as error:
        log.exception("the ledger cannot be read")
        raise LedgerUnreadable(
            f"Check that the connection {LEDGER_CONNECTION} of the API server leads to the ledger's database,"
            " and that the database is up and migrated. The API server's log says what went wrong."
        ) from error


@dataclass(frozen=True)
class ReviewedTargets:
    """The targets as of the newest reviewed day.

    :param rows: the targets; none when they cannot be told.
    :param trouble: why there are none, and what to do.
    """

    rows: Sequence[ReviewedTarget] = ()
    trouble: str | None = None


def read_targets(product: str) -> ReviewedTargets:
    """Read the newest review of a product's business targets from ClickHouse.

    :param product: the name of its policy.
    """
    rollup = load_rollup_policy()
    if product not in rollup.products:
        return ReviewedTargets(
            trouble=f"{product} has no KPIs: include/kpi/rollup.yaml names no source of it."
        )
    dag_id = rollup.dag_ids("kpi_rollup")[product]
    from airflow.providers.clickhousedb.hooks.clickhouse import ClickHouseHook
    from airflow.sdk.exceptions import AirflowException
    from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

    hook = ClickHouseHook(
        clickhouse_conn_id=CLICKHOUSE_CONNECTION,
        session_settings={"max_execution_time": READ_SECONDS},
        client_kwargs={
            "autogenerate_session_id": False,
            "connect_timeout": CONNECT_SECONDS,
            "send_receive_timeout": READ_SECONDS,
        },
    )
    try:
        with closing(hook.get_client()) as client:
            rows = Warehouse(client).rows("kpi/targets_reviewed", parameters={"product": product})
    except DatabaseError as error:
        if error.name in _NOT_THERE_YET:
            return ReviewedTargets(trouble=f"No KPI rollup has run yet. Trigger {dag_id} for a day.")
        return _unreadable()
    except (ClickHouseError, AirflowException):
        return _unreadable()
    if not rows:
        return ReviewedTargets(
            trouble="No day has been reviewed yet: the targets are dated from the first promotion, and"
            f" {dag_id} reviews them whenever it rolls up that day or a later one."
        )
    return ReviewedTargets([ReviewedTarget(*row) for row in rows])


def _unreadable() -> ReviewedTargets:
    log.exception("the reviewed targets cannot be read")
    return ReviewedTargets(
        trouble=f"The reviewed targets cannot be read. Check that the connection {CLICKHOUSE_CONNECTION} of"
        " the API server leads to ClickHouse, and that it is up. The API server's log says what went wrong."
    )
