"""Undo a schema migration by its .rollback.sql file.

A release never does this by itself: data may have been written to what a backward file drops.
"""

from __future__ import annotations

import argparse

from slipway.policy.release import load_policy
from slipway.release.schema import identity_of, migrations_directory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", help="the migration, such as 0012_customer_records")
    parser.add_argument(
        "--environment",
        choices=("staging", "production"),
        default="production",
        help="whose database (default: %(default)s)",
    )
    parser.add_argument(
        "--policy", default="release.yaml", help="a policy file of include/policy (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Undo one migration, and print what became of it."""
    from slipway.hooks.postgres.migrations import SchemaHook

    policy = load_policy(arguments.policy)
    undone = SchemaHook(policy.database(arguments.environment).connection).undo(
        migrations_directory(policy),
        arguments.name,
        pace=policy.schema_rules.pace,
        identity=identity_of(policy, arguments.environment),
    )
    print(f"{arguments.name}: {'undone' if undone else 'is not applied'}")
    return 0
