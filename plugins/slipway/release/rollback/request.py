"""What a person asks of a rollback, checked before anything moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast, get_args

from slipway.exceptions import ReleaseUnknown, RequestRefused
from slipway.ledger.audit import duration, moment
from slipway.ledger.entries import RollbackTier

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger, Release
    from slipway.release.rollback.traffic import RollbackStep

NEWEST = 5


def requested_release(release_id: object, ledger: Ledger) -> Release:
    """Return the release that a person wants to roll back.

    :param release_id: its id.
    :param ledger: the record of the releases.
    :raises RequestRefused: when there is no such release, with the newest ones.
    """
    try:
        return ledger.release(str(release_id or "").strip())
    except ReleaseUnknown:
        newest = [
            f"{found.release_id} ({(found.outcome or 'open').replace('_', ' ')})"
            for found in ledger.listing.releases(limit=NEWEST)
        ]
        raise RequestRefused(
            f"release={release_id!r}: no release with this id is on record; the newest are"
            f" {', '.join(newest) or 'none'}"
        ) from None


def requested_reason(reason: object) -> str:
    """Return why a person wants a rollback.

    :param reason: the person's words.
    :raises RequestRefused: when there are none.
    """
    found = " ".join(str(reason or "").split())
    if not found:
        raise RequestRefused(f"reason={reason!r}: say in a few words why; it is kept on record")
    return found


def requested_tier(tier: object) -> RollbackTier:
    """Return how far a rollback goes.

    :param tier: what the person chose.
    :raises RequestRefused: when there is no such tier.
    """
    for known in get_args(RollbackTier):
        if tier == known:
            return cast("RollbackTier", known)
    raise RequestRefused(f"tier={tier!r}: must be one of {', '.join(get_args(RollbackTier))}")


def require_in_window(release: Release, *, now: datetime | None = None) -> None:
    """Refuse the rollback of a release that was promoted longer ago than the policy's rollback window.

    :param release: the release to roll back.
    :param now: moment in UTC; None for the present one.
    :raises RequestRefused: with the end of the window, and what to do instead.
    """
    if release.outcome != "promoted" or release.closed_at is None:
        return
    window = release.policy.rollback_window
    if window is None:
        return  # no schema that moves on
    end = release.closed_at + window
    if (now or datetime.now(UTC)) > end:
        raise RequestRefused(
            f"release={release.release_id!r}: was promoted on {moment(release.closed_at)}; its"
            f" rollback window of {duration(window.total_seconds())} ended on {moment(end)}"
            " (migrations.rollback_window_seconds), and the schema may have moved on since. Release a version"
            " that fixes it"
        )


def require_not_superseded(release: Release, steps: Mapping[str, RollbackStep]) -> None:
    """Refuse the rollback of a release whose services another release has, or has moved on.

    :param release: the release to roll back.
    :param steps: what its rollback would do, by service.
    :raises RequestRefused: naming who serves.
    """
    if release.outcome != "promoted":
        return
    elsewhere = {
        name: step
        for name, step in steps.items()
        if step.left is not None and (step.own not in step.serving or "holds it" in str(step.left.note))
    }
    if steps and len(elsewhere) == len(steps):
        name, step = next(iter(elsewhere.items()))
        raise RequestRefused(
            f"release={release.release_id!r}: there is nothing of it to roll back: {name} serves"
            f" {', '.join(step.serving)} ({step.left.note if step.left else ''}). Roll back the release that"
            " serves"
        )


def is_done(release: Release, steps: Mapping[str, RollbackStep]) -> bool:
    """Whether a release is rolled back, on record and in the traffic.

    :param release: the release to roll back.
    :param steps: what its rollback would do, by service.
    """
    return release.outcome == "rolled_back" and not any(step.moves for step in steps.values())
