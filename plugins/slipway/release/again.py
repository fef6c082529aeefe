"""A version that was rolled back before: released again only by who says so, and with the reason shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.exceptions import RequestRefused
from slipway.ledger.entries import RollbackOrdered

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger
    from slipway.ledger.plan import ReleasePlan
    from slipway.policy.release import Policy


def rolled_back_before(plan: ReleasePlan, policy: Policy, ledger: Ledger) -> str | None:
    """Say which release of the same version was rolled back, when and why; None when the last one was not.

    A version that was promoted and rolled back later counts; one that was promoted since does not.

    :param plan: what is to be released.
    :param policy: the policy that it is judged by.
    :param ledger: the record of the releases.
    """
    last = ledger.last_of_version(policy.name, plan.version, policy.region)
    if last is None or last.release_id == plan.release_id or last.closed_at is None:
        return None
    ordered = list(ledger.entries(last.release_id).of_kind(RollbackOrdered))
    if last.outcome != "rolled_back" and not ordered:
        return None
    reason = ordered[-1].reason if ordered else last.reason
    return f"release {last.release_id}, ended at {last.closed_at:%Y-%m-%d %H:%M:%S} UTC: {reason}"


def require_acknowledged(plan: ReleasePlan, policy: Policy, ledger: Ledger) -> None:
    """Refuse a version that was rolled back before, unless the request says to release it again.

    :param plan: what is to be released.
    :param policy: the policy that it is judged by.
    :param ledger: the record of the releases.
    :raises RequestRefused: naming the field, the release, why it was rolled back, and the way out.
    """
    before = rolled_back_before(plan, policy, ledger)
    if before is not None and not plan.release_again:
        raise RequestRefused(
            f"release_again=False: version {plan.version} was rolled back before ({before}). Nothing was"
            ' changed. Release a version with the cause fixed, or set "Release again after a rollback"'
            " (release_again)"
        )
