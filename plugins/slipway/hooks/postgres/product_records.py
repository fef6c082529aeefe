"""What the product itself has on record of its revisions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from airflow.sdk import BaseHook

from slipway.exceptions import DatabaseNotReady
from slipway.hooks.postgres.session import answering_within
from slipway.sql import statement


@dataclass(frozen=True)
class Met:
    """Who met a revision.

    :param requests: requests on the product's record.
    :param users: different users.
    :param sessions: different sessions.
    """

    requests: int
    users: int
    sessions: int


class ProductRecordsHook(BaseHook):
    """Reads the product's own records.

    :param postgres_conn_id: connection to the product's database.
    :param answer_seconds: bound of connecting and of the statement, in seconds.
    """

    def __init__(self, postgres_conn_id: str, *, answer_seconds: int) -> None:
        super().__init__()
        self.postgres_conn_id = postgres_conn_id
        self.answer_seconds = answer_seconds

    def who_met(self, revisions: Sequence[str], *, since: datetime) -> Met:
        """Count the requests, users and sessions of revisions.

        :param revisions: short names.
        :param since: moment from which on they had traffic.
        :raises DatabaseNotReady: when the database gives no answer, or has no such records.
        """
        values = {"revisions": list(revisions), "since": since.astimezone(UTC).replace(tzinfo=None)}
        try:
            connection: Any = answering_within(self.postgres_conn_id, self.answer_seconds).get_conn()
            with closing(connection):
                row = connection.execute(statement("postgres/who_met_revisions"), values).fetchone()
        except psycopg.Error as error:
            raise DatabaseNotReady(
                f"connection {self.postgres_conn_id}: {' '.join(str(error).split())}"
            ) from error
        return Met(*map(int, row))
