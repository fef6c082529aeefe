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
    """Say in one line why a release is rolled back: the last decision that was not to promote.

    :param entries: the ledger of the release.
    """
    for entry in reversed(entries):
        if "phase" in entry.payload and entry.payload.get("verdict", "promote") != "promote":
            return f"{entry.payload['phase']}: {entry.payload['reason']}"
        if entry.key.startswith("forecast/") and entry.payload["action"] == "hold":
            blind = "not started, it cannot see the trigger"
            return f"{entry.payload['phase']}: {blind}: {entry.payload['reason']}"
    last = entries[-1].key if entries else "nothing"
    return f"a task failed or was stopped; the last thing on record is {last}"


def is_being_undone(entries: Sequence[Entry]) -> bool:
    """Whether a release is on its way back: a bake said so, or its traffic was given back.

    :param entries: the ledger of the release.
    """
    return any(
        entry.key.startswith("rolled_back/")
        or (entry.key.startswith("baked/") and entry.payload["verdict"] == "rollback")
        for entry in entries
    )
