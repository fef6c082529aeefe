"""Writing a past into the product's database: one COPY per table."""

from __future__ import annotations

import psycopg

from sandbox.history.past import Rows
from sandbox.history.rows import TABLES


def load(connection: psycopg.Connection, rows: Rows) -> int:
    """Write rows, table by table.

    :param connection: an open connection.
    :param rows: the past's rows.
    :return: how many.
    """
    written = 0
    for table, made in rows.items():
        if made:
            columns = ", ".join(made[0]._fields)
            copy = f"COPY {TABLES[table]} ({columns}) FROM STDIN"
            with connection.cursor() as cursor, cursor.copy(copy.encode()) as stream:
                for row in made:
                    stream.write_row(row)
            written += len(made)
    return written
