"""``python -m slipway.ledger_schema``: bring the ledger's database to the newest schema."""

from __future__ import annotations

from slipway.hooks.schema import SchemaHook
from slipway.hooks.schema_session import DatabaseIdentity
from slipway.ledger import LEDGER_CONNECTION
from slipway.policy import load_policy
from slipway.statements import SQL_DIRECTORY

POLICY = "release.yaml"
IDENTITY = DatabaseIdentity("slipway", "ledger")


def migrate_ledger(conn_id: str = LEDGER_CONNECTION) -> list[str]:
    """Apply what the ledger's database does not have yet.

    :param conn_id: connection to the ledger's database.
    :return: ids of the migrations applied now.
    :raises MigrationFailed: naming what the database said.
    :raises DatabaseMistaken: when the database is another one's.
    """
    return SchemaHook(postgres_conn_id=conn_id).migrate(
        SQL_DIRECTORY / "ledger" / "migrations", pace=load_policy(POLICY).migrations.pace, identity=IDENTITY
    )


if __name__ == "__main__":
    print("\n".join(migrate_ledger()) or "the ledger's schema is up to date")
