"""One PostgreSQL connection that is opened when needed and opened again when it broke."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from sandbox.platform.errors import DatabaseError

CONNECT_TRY_SECONDS = 3
RETRY_SECONDS = 0.5
STATEMENT_TIMEOUT_MS = 10_000

_log = logging.getLogger(__name__)


class Database:
    """A connection with autocommit, for one task at a time.

    :param url: PostgreSQL connection URL. A secret: errors name host, port and database only.
    :raises DatabaseError: when the URL is not one.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise DatabaseError(
                "DATABASE_URL is not a PostgreSQL URL: postgresql://user:password@host:port/name"
            ) from None
        self._url = url
        self.name = f"{parts.get('host')}:{parts.get('port', 5432)}/{parts.get('dbname')}"
        self._connection: psycopg.AsyncConnection | None = None
        self._lock = asyncio.Lock()

    async def wait(self, bound: float) -> None:
        """Connect, trying again for up to ``bound`` seconds.

        :param bound: how long to wait, in seconds.
        :raises DatabaseError: when that was not possible in time.
        """
        deadline = time.monotonic() + bound
        while True:
            try:
                async with self.connection():
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise DatabaseError(
                        f"database {self.name} was not reachable within {bound:g} s "
                        f"(SQLSTATE {error.sqlstate or 'none'}): is it up, and are user and password right?"
                    ) from None
                _log.warning("database %s is not reachable yet", self.name)
            await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """Lend the connection, to one caller at a time.

        :raises psycopg.OperationalError: when the database cannot be reached or the connection breaks.
        """
        async with self._lock:
            if self._connection is None or self._connection.broken or self._connection.closed:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=CONNECT_TRY_SECONDS,
                    options=f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS}",
                )
            yield self._connection

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
