"""What the page reads: the ledger and the reviewed targets, each within seconds and only to read.

A page runs in the API server, which every task needs as well: it must not wait long for another server.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from slipway.exceptions import SlipwayError
from slipway.kpi.targets.report import ReviewedTarget
from slipway.kpi.warehouse import CLICKHOUSE_CONNECTION, Warehouse
from slipway.ledger.ledger import Ledger
from slipway.ledger.store import LEDGER_CONNECTION, LedgerStore

CONNECT_SECONDS = 5
READ_SECONDS = 10
_NOT_THERE_YET = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")

log = logging.getLogger(__name__)


class LedgerUnreadable(SlipwayError):  # noqa: N818 - named for the state it reports
    """The ledger cannot be read."""


class _ReadOnlyStore(LedgerStore):
    """The ledger's tables, in sessions that cannot write and wait for seconds only."""

    def __init__(self) -> None:
        super().__init__()
        self.hook.options = f"-c default_transaction_read_only=on -c statement_timeout={READ_SECONDS}s"
        connection = self.hook.connection
        connection.extra = json.dumps({"connect_timeout": CONNECT_SECONDS, **connection.extra_dejson})


@contextmanager
def reading_ledger() -> Iterator[Ledger]:
    """Open the ledger for the block.

    :raises LedgerUnreadable: saying what to do; what went wrong is in the API server's log.
    """
    import psycopg
    from airflow.sdk.exceptions import AirflowException

    try:
        yield Ledger(store=_ReadOnlyStore())
    except (psycopg.Error, AirflowException) as error:
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


def read_targets() -> ReviewedTargets:
    """Read the newest review of the business targets from ClickHouse."""
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
            rows = Warehouse(client).rows("kpi/targets_reviewed")
    except DatabaseError as error:
        if error.name in _NOT_THERE_YET:
            return ReviewedTargets(trouble="No KPI rollup has run yet. Trigger kpi_rollup for a day.")
        return _unreadable()
    except (ClickHouseError, AirflowException):
        return _unreadable()
    if not rows:
        return ReviewedTargets(
            trouble="No day has been reviewed yet: the targets are dated from the first promotion, and"
            " kpi_rollup reviews them whenever it rolls up that day or a later one."
        )
    return ReviewedTargets([ReviewedTarget(*row) for row in rows])


def _unreadable() -> ReviewedTargets:
    log.exception("the reviewed targets cannot be read")
    return ReviewedTargets(
        trouble=f"The reviewed targets cannot be read. Check that the connection {CLICKHOUSE_CONNECTION} of"
        " the API server leads to ClickHouse, and that it is up. The API server's log says what went wrong."
    )
