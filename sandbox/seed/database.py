"""The product's base tables and their people, in both environments' databases."""

from __future__ import annotations

import psycopg

from sandbox.databases import postgres
from sandbox.seed.environments import ENVIRONMENTS
from sandbox.supervisor.settings import REPOSITORY, Settings
from sandbox.users.identities import user_ids

STATEMENTS = REPOSITORY / "include" / "sql" / "postgres" / "seed"


def seed_environments(settings: Settings) -> None:
    """Seed each environment's database."""
    for environment in ENVIRONMENTS:
        seed(postgres.uri(settings, environment.database))


def seed(uri: str) -> None:
    """Run every statement file, in the order of their names.

    :param uri: connection URI of a database.
    """
    with psycopg.connect(uri) as connection:
        for path in sorted(STATEMENTS.glob("*.sql")):
            connection.execute(path.read_bytes(), {"ids": user_ids()})
