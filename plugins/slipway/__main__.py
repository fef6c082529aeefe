"""``python -m slipway <command>``: what a person runs beside the releases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from slipway.exceptions import SlipwayError


class Command(Protocol):
    """A module of :mod:`slipway.commands`; its docstring is the help."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what the command takes."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command and return its exit code."""


COMMANDS = (
    "rollback",
    "init",
    "check",
    "policy",
    "alert-rules",
    "replay",
    "evidence",
    "verify",
    "audit-sample",
    "undo-migration",
    "migrate-ledger",
    "define-collections",
    "describe-ledger",
    "lint-migrations",
    "probe-google",
)


def command_of(name: str) -> Command:
    """Import a command.

    :param name: as it is written on the command line.
    """
    return cast("Command", import_module(f"slipway.commands.{name.replace('-', '_')}"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    :param arguments: words of the command line after the program's name; None for the process's own.
    :return: the exit code: 0 when all is well, 1 when the command found something or failed, with one line
        on standard error that says what.
    """
    parser = argparse.ArgumentParser(prog="python -m slipway", description="Commands beside the releases.")
    commands = parser.add_subparsers(required=True, metavar="command")
    words = list(sys.argv[1:] if arguments is None else arguments)
    # A rollback at night does not wait for what the other commands import.
    for name in words[:1] if words[:1] and words[0] in COMMANDS else COMMANDS:
        command = command_of(name)
        lines = (command.__doc__ or "").strip()
        summary = lines.partition("\n")[0]
        added = commands.add_parser(
            name, help=summary, description=lines, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    parsed = parser.parse_args(words)
    try:
        code: int = parsed.run(parsed)
    except (SlipwayError, ValueError) as error:
        print("\n".join((str(error), *getattr(error, "__notes__", ()))), file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
