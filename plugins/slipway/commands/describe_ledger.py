"""Print docs/ledger.md: every kind of ledger entry with its fields, and how the chain is verified."""

from __future__ import annotations

import argparse

from slipway.ledger.document import render


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes: nothing."""


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    print(render(), end="")
    return 0
