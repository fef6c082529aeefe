"""Undoes a schema migration by its ``.rollback.sql``: ``python -m slipway.commands.undo_migration NAME``.

A release never does this by itself: what a backward file takes away may have been written to since.
"""

from __future__ import annotations

import argparse
import sys

from slipway.exceptions import SlipwayError
from slipway.policy.release import load_policy
from slipway.release.schema import identity_of, migrations_directory


def main() -> int:
    """Take one migration back, and say what became of it."""
    from slipway.hooks.postgres.migrations import SchemaHook

    parser = argparse.ArgumentParser(description="Undo a schema migration by its .rollback.sql file.")
    parser.add_argument("name", help="the migration, such as 0012_customer_records")
    parser.add_argument("--environment", choices=("staging", "production"), default="production")
    parser.add_argument("--policy", default="release.yaml", help="a policy file of include/policy")
    arguments = parser.parse_args()
    try:
        policy = load_policy(arguments.policy)
        taken = SchemaHook(policy.environments[arguments.environment].database.connection).take_back(
            migrations_directory(policy),
            arguments.name,
            pace=policy.migrations.pace,
            identity=identity_of(policy, arguments.environment),
        )
    except SlipwayError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments.name}: {'taken back' if taken else 'is not applied'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
