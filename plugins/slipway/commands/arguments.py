"""Arguments that several commands take."""

from __future__ import annotations

import argparse

from slipway.ledger.ledger import LEDGER_CONNECTION


def add_release(parser: argparse.ArgumentParser) -> None:
    """Let a command take the id of a release.

    :param parser: of the command.
    """
    parser.add_argument("release", help="release id, such as v1-1-0-3f9a1c")


def add_ledger(parser: argparse.ArgumentParser) -> None:
    """Let a command take the Airflow connection of the ledger.

    :param parser: of the command.
    """
    parser.add_argument(
        "--connection",
        default=LEDGER_CONNECTION,
        help="Airflow connection of the ledger (default: %(default)s)",
    )
