"""Lint every migration of PostgreSQL, forward and back, with squawk."""

from __future__ import annotations

import argparse
import subprocess

from slipway.schema.lint import lint_commands
from slipway.sql import SQL_DIRECTORY

FOLDERS = ("postgres/migrations", "ledger/migrations")


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes: nothing."""


def run(_arguments: argparse.Namespace) -> int:
    """Run squawk, which prints what it finds; the exit code is its own."""
    commands = [command for name in FOLDERS for command in lint_commands(SQL_DIRECTORY / name, back=True)]
    return max(subprocess.run(command, check=False).returncode for command in commands)
