"""When a release may begin production, and the request that is refused because it cannot in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slipway.exceptions import RequestRefused
from slipway.ledger.entries import ApprovalDecided

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger
    from slipway.ledger.plan import ReleasePlan
    from slipway.policy.release import Policy

_WAY_OUT = (
    'Nothing was changed. Release when a window is open, or set "Begin outside the release windows"'
    " (outside_windows) with a reason"
)


def closed(policy: Policy, at: datetime) -> str | None:
    """Say why production is not begun at a moment; None when it may be begun.

    :param policy: the policy of the release.
    :param at: the moment, with its offset.
    """
    return None if policy.release_windows is None else policy.release_windows.closed(at)


def require_window(plan: ReleasePlan, policy: Policy, ledger: Ledger, *, at: datetime) -> None:
    """Refuse a release that cannot begin production in time.

    Staging may be validated while no window is open; one must open before phase 1 is over at the latest. A
    later region begins at once: it needs an open window, or the override that a person approved for the
    region before.

    :param plan: what is to be released.
    :param policy: the policy that it is judged by.
    :param ledger: the record of the releases.
    :param at: the moment of the request.
    :raises RequestRefused: with what is in the way and until when.
    """
    if plan.outside_windows and policy.approval is None:
        raise RequestRefused(
            f"outside_windows=True: somebody else has to approve it, and the policy {plan.policy_name} has no"
            " approval section, which says how long to wait"
        )
    why, windows = closed(policy, at), policy.release_windows
    if why is None or windows is None:
        return
    if plan.follows is not None:
        before = ledger.get(plan.follows, ApprovalDecided)
        if not plan.outside_windows or before is None or before.outside_windows is None:
            raise RequestRefused(
                f"region {policy.region} is not begun now: {why}. Nothing was changed. Release to it when a"
                " window is open"
            )
        return
    validation, opens = policy.staging_validation, windows.next_opening(at)
    longest = timedelta(seconds=0 if validation is None else validation.timeout_seconds)
    if not plan.outside_windows and (opens is None or opens > at + longest):
        raise RequestRefused(f"production is not begun now: {why}. {_WAY_OUT}")
