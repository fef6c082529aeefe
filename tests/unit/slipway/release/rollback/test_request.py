"""A rollback that makes no sense is refused before anything moves, with field, value and way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slipway.exceptions import RequestRefused
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.ledger.entries import SplitChange, TrafficRestored
from slipway.ledger.ledger import Release
from slipway.release.rollback.request import (
    is_done,
    requested_reason,
    requested_release,
    require_in_window,
    require_not_superseded,
)
from slipway.release.rollback.traffic import RollbackStep

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

WEB = ServiceAddress("p", "us-central1", "web")


def step(serving: dict[str, int], note: str | None = None) -> dict[str, RollbackStep]:
    left = None if note is None else SplitChange(before=serving, after=serving, changed=False, note=note)
    return {"web": RollbackStep(WEB, "web-new", {"web-old": 100}, serving, left)}


def closed(outcome: Any) -> Release:
    ledger = FakeLedger()
    release = opened(ledger)
    ledger.close(release.release_id, outcome=outcome, reason="the tests")
    return ledger.release(release.release_id)


@pytest.mark.parametrize("asked", [None, "", "v9-9-9-abcdef"])
def test_an_unknown_release_is_refused_with_the_newest_ones(asked: object) -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    with pytest.raises(RequestRefused) as refused:
        requested_release(asked, ledger)
    assert f"release={asked!r}: " in str(refused.value)
    assert f"the newest are {release.release_id} (open)" in str(refused.value)
    assert requested_release(f" {release.release_id} ", ledger) == release


@pytest.mark.parametrize("reason", [None, "", " \n "])
def test_a_rollback_needs_a_reason(reason: object) -> None:
    with pytest.raises(RequestRefused, match=r"reason=.*say in a few words why"):
        requested_reason(reason)
    assert requested_reason(" wrong\nprices ") == "wrong prices"


def test_a_promoted_release_is_rolled_back_within_its_window_alone() -> None:
    release = closed("promoted")
    assert release.closed_at is not None
    end = release.closed_at + timedelta(seconds=release.policy.schema_rules.rollback_window_seconds)
    require_in_window(release, now=end - timedelta(seconds=1))
    with pytest.raises(RequestRefused, match=r"its rollback window of 14 days ended on .*fixes it"):
        require_in_window(release, now=end + timedelta(seconds=1))
    later = datetime.now(UTC) + timedelta(days=365)
    require_in_window(closed("rolled_back"), now=later)
    require_in_window(opened(FakeLedger()), now=later)


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        (step({"web-new": 100}), False),
        (step({"web-old": 100}), False),
        (step({"web-newer": 100}, "left alone: none of it is this release's"), True),
        (step({"web-new": 100}, "left alone: release r holds it"), True),
        (step({"web-new": 100}, "first release: there is no earlier revision"), False),
    ],
)
def test_a_release_that_another_one_followed_is_refused(
    steps: dict[str, RollbackStep], refused: bool
) -> None:
    if refused:
        with pytest.raises(RequestRefused, match="Roll back the release that serves"):
            require_not_superseded(closed("promoted"), steps)
    else:
        require_not_superseded(closed("promoted"), steps)
    require_not_superseded(opened(FakeLedger()), steps)


def test_a_rollback_is_done_when_record_and_traffic_agree() -> None:
    assert is_done(closed("rolled_back"), step({"web-old": 100}))
    assert not is_done(closed("rolled_back"), step({"web-old": 40, "web-new": 60}))
    assert not is_done(closed("promoted"), step({"web-old": 100}))


def test_a_promoted_release_becomes_a_rolled_back_one_once_its_traffic_was_restored() -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    ledger.close(release, outcome="promoted", reason="every phase was promoted")
    assert not ledger.close(release, outcome="rolled_back", reason="ordered by jo")
    ledger.append(release, TrafficRestored(reason="ordered by jo", changes={}))
    assert ledger.close(release, outcome="rolled_back", reason="ordered by jo")
    assert not ledger.close(release, outcome="promoted", reason="again")
    assert ledger.release(release).outcome == "rolled_back"
    assert [entry.key for entry in ledger.entries(release)][-2:] == [
        "rolled_back/traffic",
        "rolled_back/promotion",
    ]
