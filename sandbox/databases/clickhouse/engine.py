"""The embedded engine: one data folder, many independent handles on it."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.databases.clickhouse.errors import QueryError, ServerStartError

# The engine reads the zone once, when its library is loaded.
os.environ["TZ"] = "UTC"
time.tzset()

from chdb.state.sqlitelike import Connection  # noqa: E402

_CONFIG = """\
<clickhouse>
    <timezone>UTC</timezone>
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <primary_index_cache_size>33554432</primary_index_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <mmap_cache_size>100</mmap_cache_size>
    <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <max_thread_pool_size>400</max_thread_pool_size>
</clickhouse>
"""


@dataclass(frozen=True)
class Counts:
    """What a finished statement did, for the ``X-ClickHouse-Summary`` header."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0


def quote(text: str) -> str:
    """Write a string literal of ClickHouse's SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class Handle:
    """One connection to the engine, with its own settings, current database and temporary tables."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def close(self) -> None:
        """Give the connection back to the engine."""
        self._connection.close()

    def execute(self, sql: str, output: str, parameters: Mapping[str, str]) -> tuple[bytes, Counts]:
        """Run one statement to its end.

        :param sql: the statement.
        :param output: format of the result, such as ``Native``.
        :param parameters: values of the statement's parameters.
        :return: the whole result in the format asked for, and what was read and written.
        :raises QueryError: when the engine refuses or fails.
        """
        try:
            result = self._connection.query(sql, output, params=dict(parameters))
        except (RuntimeError, ValueError) as error:
            self._discard_partial_output()
            raise QueryError.from_engine(error) from error
        counts = Counts(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
        )
        return bytes(result.bytes()), counts

    def command(self, sql: str) -> str:
        """Run one statement and return its result as tab separated text.

        :param sql: the statement.
        :raises QueryError: when the engine refuses or fails.
        """
        return self.execute(sql, "TabSeparated", {})[0].decode()

    def stream(self, sql: str, output: str, parameters: Mapping[str, str]) -> Generator[bytes]:
        """Run a SELECT and yield its blocks as they come; closing the iterator cancels the query.

        :param sql: the statement.
        :param output: format of the result, such as ``Native``.
        :param parameters: values of the statement's parameters.
        :raises QueryError: when the engine refuses or fails, possibly after some blocks.
        """
        try:
            result = self._connection.send_query(sql, output, params=dict(parameters))
        except (RuntimeError, ValueError) as error:
            raise QueryError.from_engine(error) from error
        try:
            for block in result:
                yield bytes(block.bytes())
        except GeneratorExit:
            raise
        except (RuntimeError, ValueError) as error:
            raise QueryError.from_engine(error) from error
        finally:
            result.close()

    def insert(self, sql: str, data_format: str, pieces: Iterator[bytes]) -> Counts:
        """Feed rows to an INSERT, piece by piece.

        :param sql: the statement.
        :param data_format: format of the data, such as ``Native``.
        :param pieces: pieces of the body.
        :raises QueryError: when the engine refuses the statement or a row.
        """
        inserter = None
        try:
            inserter = self._connection.send_insert(sql, data_format)
            for piece in pieces:
                inserter.append(piece)
            done = inserter.finish()
        except (RuntimeError, ValueError) as error:
            if inserter is not None:
                inserter.cancel()
            raise QueryError.from_engine(error) from error
        except QueryError:
            if inserter is not None:
                inserter.cancel()
            raise
        return Counts(written_rows=done.rows_written, written_bytes=done.bytes_written)

    def _discard_partial_output(self) -> None:
        # A failed statement leaves what it had written (a header, say) to the next one on the same handle.
        self._connection.query("SELECT 1 FORMAT Null", "TabSeparated")


class Engine:
    """The engine over one data folder.

    :param folder: where tables and configuration live; created, private to the owner.
    :param memory_limit: bytes the engine may use for all queries together.
    :raises ServerStartError: when another process has the folder open, or the engine does not start.
    """

    def __init__(self, folder: Path, memory_limit: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        config = folder / "config.xml"
        config.write_text(_CONFIG.format(memory=memory_limit))
        self._address = f"{folder / 'store'}?config-file={config}"
        try:
            self._keeper = self.open()
        except RuntimeError as error:
            raise ServerStartError(
                f"{folder}: the engine did not start; another process may have it open ({error})"
            ) from error

    def open(self) -> Handle:
        """Make a fresh handle: default settings, database ``default``, no temporary tables."""
        return Handle(Connection(self._address))

    def command(self, sql: str) -> str:
        """Run one statement of the server's own.

        :param sql: the statement.
        :raises QueryError: when the engine refuses or fails.
        """
        return self._keeper.command(sql)

    def cancel_all(self) -> None:
        """Ask every running query to stop; returns at once."""
        self._keeper.command("KILL QUERY WHERE query_id != queryID() ASYNC")

    def close(self) -> None:
        """Close the last handle, which writes everything and unlocks the folder."""
        self._keeper.close()
