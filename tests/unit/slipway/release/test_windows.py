"""A release that cannot begin production in time is refused before anything changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.exceptions import RequestRefused
from slipway.ledger.entries import ApprovalDecided
from slipway.ledger.plan import ReleasePlan
from slipway.policy.release import Policy, load_policy
from slipway.policy.windows import Freeze, ReleaseWindows, WeeklyWindow
from slipway.release.windows import require_window

from tests.fake_ledger import FakeLedger

OFFICE = WeeklyWindow(days=("mon", "tue", "wed", "thu"), opens="09:00", closes="16:00")
FREEZE = Freeze.model_validate(
    {"name": "Sale", "begins": "2026-11-26", "ends": "2026-12-01", "reason": "peak load"}
)
WINDOWS = ReleaseWindows(weekly=(OFFICE,), freezes=(FREEZE,))
POLICY = load_policy("release.yaml").model_copy(update={"release_windows": WINDOWS})
MONDAY = datetime(2026, 11, 23, 0, tzinfo=UTC)


def plan(**fields: Any) -> ReleasePlan:
    base: dict[str, Any] = {"release_id": "r", "run_id": "run", "version": "1.1.0", "policy_name": "p"}
    return ReleasePlan.model_validate({**base, "services": {}, **fields})


def require(
    at: datetime, ledger: FakeLedger | None = None, *, policy: Policy = POLICY, **fields: Any
) -> None:
    require_window(plan(**fields), policy, ledger or FakeLedger(), at=at)


def test_without_windows_nothing_is_refused() -> None:
    require(MONDAY, policy=load_policy("release.yaml").model_copy(update={"release_windows": None}))


def test_staging_may_begin_before_the_window_opens_and_no_earlier_than_it_takes() -> None:
    """Phase 1 may take four hours."""
    require(MONDAY + timedelta(hours=5))
    require(MONDAY + timedelta(hours=15, minutes=59))
    with pytest.raises(
        RequestRefused, match=r"outside the release windows .* the next opens Mon 23 Nov 2026"
    ):
        require(MONDAY + timedelta(hours=4, minutes=59))


def test_a_freeze_refuses_with_its_reason_and_the_way_out() -> None:
    thursday = MONDAY + timedelta(days=3, hours=10)
    with pytest.raises(
        RequestRefused, match=r"freeze Sale until .*: peak load. Nothing was changed. .*reason"
    ):
        require(thursday)
    require(thursday, outside_windows=True)


def test_an_override_that_nobody_can_approve_is_refused() -> None:
    nobody = POLICY.model_copy(update={"approval": None})
    with pytest.raises(RequestRefused, match="outside_windows=True: somebody else has to approve it"):
        require(MONDAY, policy=nobody, outside_windows=True)


def test_a_later_region_needs_an_open_window_or_the_override_approved_for_the_region_before() -> None:
    ledger, evening = FakeLedger(), MONDAY + timedelta(hours=17)
    require(MONDAY + timedelta(hours=10), ledger, follows="r")
    for outside in (False, True):
        with pytest.raises(RequestRefused, match="region us-central1 is not begun now: outside the release"):
            require(evening, ledger, follows="r", outside_windows=outside)
    ledger.append("r", ApprovalDecided(approved=True, reason="jo", outside_windows="freeze Sale"))
    require(evening, ledger, follows="r", outside_windows=True)
    with pytest.raises(RequestRefused, match="not begun now"):
        require(evening, ledger, follows="r")
