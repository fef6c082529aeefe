"""Everything that a database holds, as text: what a planted secret is looked for in."""

from __future__ import annotations

import psycopg
from psycopg import sql


def rows_of(uri: str) -> str:
    """Return every row of every table of a database as text.

    :param uri: of the PostgreSQL database.
    """
    with psycopg.connect(uri) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        every = "SELECT string_agg(t::text, E'\\n') FROM {} t"
        found = [
            connection.execute(sql.SQL(every).format(sql.Identifier(name))).fetchone() for (name,) in tables
        ]
    return "\n".join(row[0] for row in found if row is not None and row[0] is not None)
