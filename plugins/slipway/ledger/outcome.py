"""How a release ended, read from its record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway.ledger.ledger import Entry, Release


def outcome_of(release: Release) -> str:
    """Return the outcome in words: ``promoted``, ``rolled back`` or ``open``."""
    return (release.outcome or "open").replace("_", " ")


def summary_line(release: Release, entries: Sequence[Entry]) -> str:
    """Say in one line how a release ended, and why: the word of the run's last task.

    :param entries: the ledger of the release.
    """
    return f"{_name(release)}: {outcome_of(release)}: {release.reason or rollback_reason(entries)}"


def headline(release: Release, entries: Sequence[Entry]) -> str:
    """Say in one line how it stands with a release: its last word, or how far it has come.

    :param entries: the ledger of the release.
    """
    if release.outcome is not None or is_rollback_started(entries):
        return summary_line(release, entries)
    return f"{_name(release)}: {outcome_of(release)}: the last thing on record is {entries[-1].key}"


def _name(release: Release) -> str:
    several = len(release.policy.regions) > 1
    return f"release {release.version}{f' in {release.policy.region}' if several else ''}"


def rollback_reason(entries: Sequence[Entry]) -> str:
    """Say in one line why a release is rolled back: the last decision that was not to promote.

    :param entries: the ledger of the release.
    """
    for entry in reversed(entries):
        reason = reason_against(entry)
        if reason is not None:
            return f"{entry.payload['phase']}: {reason}"
    last = entries[-1].key if entries else "nothing"
    return f"a task failed or was stopped; the last thing on record is {last}"


def reason_against(entry: Entry) -> str | None:
    """Return why a decision on a phase was not to promote; None for any other entry."""
    payload = entry.payload
    if "phase" in payload and payload.get("verdict", "promote") != "promote":
        return str(payload["reason"])
    if entry.key.startswith("forecast/") and payload["action"] == "hold":
        return f"not started, it cannot see the trigger: {payload['reason']}"
    return None


def is_rollback_started(entries: Sequence[Entry]) -> bool:
    """Whether a release goes no further: a gate or a check before it said so, or it is on its way back.

    :param entries: the ledger of the release.
    """
    return is_being_undone(entries) or any(reason_against(entry) is not None for entry in entries)


def is_being_undone(entries: Sequence[Entry]) -> bool:
    """Whether a release is on its way back: a bake said so, or its traffic was given back.

    :param entries: the ledger of the release.
    """
    return any(
        entry.key.startswith("rolled_back/")
        or (entry.key.startswith("baked/") and entry.payload["verdict"] == "rollback")
        for entry in entries
    )
