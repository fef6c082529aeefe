"""Bring the ledger's database to the newest schema."""

from __future__ import annotations

import argparse

from slipway.commands.arguments import add_ledger
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.ledger.ledger import LEDGER_CONNECTION
from slipway.policy.release import load_policy
from slipway.sql import SQL_DIRECTORY

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
        SQL_DIRECTORY / "ledger" / "migrations", pace=load_policy(POLICY).migrations.pace, identity=IDENTITY
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_ledger(parser)


def run(arguments: argparse.Namespace) -> int:
    """Migrate, and print the migrations applied now."""
    print("\n".join(migrate_ledger(arguments.connection)) or "the ledger's schema is up to date")
    return 0
