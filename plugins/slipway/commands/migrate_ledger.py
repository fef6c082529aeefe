"""Bring the ledger's database to the newest schema, and give the application's role what it may do.

With --application ROLE, a role that exists, that role may read, add to the record, and change nothing of it:
the connection of the workers and the API server uses it, and --connection names one of the tables' owner.
"""

from __future__ import annotations

import argparse

from slipway.commands.arguments import add_ledger
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.ledger.ledger import LEDGER_CONNECTION
from slipway.ledger.store import LedgerStore
from slipway.policy.release import load_policy
from slipway.sql import SQL_DIRECTORY, statement

POLICY = "release.yaml"
IDENTITY = DatabaseIdentity("slipway", "ledger")


def migrate_ledger(conn_id: str = LEDGER_CONNECTION) -> list[str]:
    """Apply what the ledger's database does not have yet.

    :param conn_id: connection to the ledger's database.
    :return: ids of the migrations applied now.
    :raises MigrationFailed: naming what the database said.
    :raises WrongDatabase: when the database is another one's.
    """
    return SchemaHook(postgres_conn_id=conn_id).migrate(
        SQL_DIRECTORY / "ledger" / "migrations", pace=load_policy(POLICY).schema_rules.pace, identity=IDENTITY
    )


def grant(role: str, conn_id: str = LEDGER_CONNECTION) -> None:
    """Give the application's role what it may do, and take everything else from it.

    :param role: name of the role, which exists.
    :param conn_id: connection to the ledger's database, by the owner of its tables.
    """
    with LedgerStore(conn_id).transaction() as cursor:
        cursor.execute(statement("ledger/grant", {"role": role}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_ledger(parser)
    parser.add_argument("--application", metavar="ROLE", help="role of the connection that releases use")


def run(arguments: argparse.Namespace) -> int:
    """Migrate, and print the migrations applied now."""
    print("\n".join(migrate_ledger(arguments.connection)) or "the ledger's schema is up to date")
    if arguments.application is not None:
        grant(arguments.application, arguments.connection)
        print(f"role {arguments.application} may read, and add to the record")
    return 0
