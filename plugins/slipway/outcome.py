"""How a release ended, read from its record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway.ledger import Entry, Release


def outcome_of(release: Release) -> str:
    """Return the outcome in words: ``promoted``, ``rolled back`` or ``open``."""
    return (release.outcome or "open").replace("_", " ")


def rollback_reason(entries: Sequence[Entry]) -> str:
    """Say in one line why a release is rolled back: the last gate that did not say promote, or held phase.

    :param entries: the ledger of the release.
    """
    for entry in reversed(entries):
        if entry.key.startswith("gate/") and entry.payload["verdict"] != "promote":
            return f"{entry.payload['phase']}: {entry.payload['reason']}"
        if entry.key.startswith("forecast/") and entry.payload["action"] == "hold":
            blind = "not started, it cannot see the trigger"
            return f"{entry.payload['phase']}: {blind}: {entry.payload['reason']}"
    last = entries[-1].key if entries else "nothing"
    return f"a task failed or was stopped; the last thing on record is {last}"
