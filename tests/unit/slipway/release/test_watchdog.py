"""What counts as lost, and which split a release has ended with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from slipway.ledger.entries import (
    ReleaseReconciled,
    ServiceReleased,
    ServicesReleased,
    SplitChange,
    TrafficRestored,
)
from slipway.ledger.listing import OpenRelease
from slipway.release.watchdog import final_split, lost_reason

from tests.fake_ledger import record_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEB = "web"


def found(until: datetime | None) -> OpenRelease:
    return OpenRelease("r1", "run-1", until)


def test_a_release_is_lost_without_its_run_or_its_lock() -> None:
    later = NOW + timedelta(hours=1)
    assert lost_reason(found(later), run_is_active=True, now=NOW) is None
    assert "run-1 is gone or has ended" in str(lost_reason(found(later), run_is_active=False, now=NOW))
    stuck = str(lost_reason(found(NOW), run_is_active=True, now=NOW))
    assert "stuck: the lock of its services ran out at 2026-03-02 12:00:00 UTC" in stuck
    assert "ran out" in str(lost_reason(found(None), run_is_active=True, now=NOW))


def test_the_split_that_a_release_ended_with_is_the_last_on_record() -> None:
    back = {WEB: SplitChange(before={"new": 100}, after={"old": 100})}
    left = ServicesReleased(services={WEB: ServiceReleased(split={"new": 100})})
    promoted = record_of(left)
    assert final_split(promoted, WEB) == {"new": 100}
    assert final_split(promoted, "another") is None
    assert final_split(record_of(left, TrafficRestored(reason="a defect", changes=back)), WEB) == {"old": 100}
    assert final_split(record_of(ReleaseReconciled(reason="lost", changes=back)), WEB) == {"old": 100}


def test_a_release_that_an_earlier_version_closed_is_not_compared() -> None:
    assert final_split(record_of(ServicesReleased(services={WEB: ServiceReleased()})), WEB) is None
