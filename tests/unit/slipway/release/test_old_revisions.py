"""Old revisions go, and never one that serves, that somebody needs, or that somebody tagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.hooks.cloud_run.leases import Lease
from slipway.ledger.entries import ReleaseOpened, RevisionDeleted
from slipway.ledger.ledger import Outcome
from slipway.policy.release import load_policy, parse_policy
from slipway.release.old_revisions import OldRevision, old_revisions, reason_to_keep

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import requested

NOW = datetime.now(UTC) + timedelta(days=1)
LONG_AGO = 400.0


class Past:
    """Releases of one product, each of which found the one before serving."""

    def __init__(self, **rules: Any) -> None:
        document = load_policy("release.yaml").model_dump(mode="json")
        self.policy = parse_policy(document | {"retention": rules}, source="of the test")
        self.ledger = FakeLedger()

    def release(self, run: str, *, days_ago: float, outcome: Outcome | None, found: str | None = None) -> str:
        """Put a release on record.

        :param found: run of the release whose revisions served when it began.
        """
        plan = requested(run, self.policy).plan
        before = requested(found or "before all", self.policy).plan
        stable = {
            service.names["production"]: {before.services[key].revisions["production"]: 100}
            for key, service in plan.services.items()
        }
        self.ledger.open_release(plan, self.policy, ReleaseOpened(actor="ada", stable=stable))
        if outcome is not None:
            self.ledger.close(plan.release_id, outcome=outcome, reason="the test")
        at = NOW - timedelta(days=days_ago)
        self.ledger.opened[plan.release_id] = replace(
            self.ledger.release(plan.release_id), opened_at=at, closed_at=at if outcome else None
        )
        return plan.release_id

    def old(self) -> set[tuple[str, str]]:
        """Return the runs whose backend is old, by environment."""
        return {
            (found.release.run_id, found.deletion.environment)
            for found in old_revisions(self.ledger, NOW)
            if "backend" in found.address.service
        }


def test_revisions_of_releases_that_ended_long_ago_are_old_except_rollback_targets() -> None:
    past = Past(revision_days=90)
    past.release("first", days_ago=LONG_AGO, outcome="promoted")
    past.release("second", days_ago=300, outcome="promoted", found="first")
    past.release("bad", days_ago=290, outcome="rolled_back", found="second")
    past.release("third", days_ago=200, outcome="promoted", found="second")
    assert past.old() == {
        ("first", "staging"),
        ("first", "production"),
        ("second", "staging"),
        ("bad", "staging"),
        ("bad", "production"),
    }, "the third may be rolled back to the second, however old both are"


def test_nothing_of_a_service_that_an_open_release_is_about_is_old() -> None:
    past = Past(revision_days=90)
    past.release("first", days_ago=LONG_AGO, outcome="rolled_back")
    past.release("open", days_ago=0, outcome=None)
    assert past.old() == set()


def test_without_days_and_once_deleted_nothing_is_old() -> None:
    kept, past = Past(backup_days=30), Past(revision_days=90)
    kept.release("first", days_ago=LONG_AGO, outcome="rolled_back")
    release_id = past.release("first", days_ago=LONG_AGO, outcome="rolled_back")
    assert kept.old() == set()
    for found in list(old_revisions(past.ledger, NOW)):
        past.ledger.append(release_id, found.deletion)
    assert past.old() == set()


@pytest.fixture
def old() -> OldRevision:
    past = Past(revision_days=90, kept_revisions=2)
    past.release("first", days_ago=LONG_AGO, outcome="rolled_back")
    return next(one for one in old_revisions(past.ledger, NOW) if one.deletion.environment == "production")


def live(old: OldRevision, *targets: dict[str, Any], **fields: Any) -> run_v2.Service:
    """A service that serves another revision, with these targets besides."""
    split = [{"revision": "newest", "percent": 100 - sum(one.get("percent", 0) for one in targets)}, *targets]
    shown = {
        "latest_created_revision": "p/newest",
        "latest_ready_revision": "p/newest",
        "traffic": [run_v2.TrafficTarget(**one) for one in split],
        "traffic_statuses": [run_v2.TrafficTargetStatus(**one) for one in split],
    }
    return run_v2.Service(name=old.address.name, **{**shown, **fields})


def test_one_that_nobody_can_reach_goes_with_the_tag_that_its_release_left(old: OldRevision) -> None:
    own, newest = old.deletion.revision, ["newest", "second"]
    assert reason_to_keep(old, live(old), [*newest, old.deletion.revision]) is None
    left = live(old, {"revision": own, "tag": old.tag})
    assert reason_to_keep(old, left, [*newest, own]) is None


def test_one_that_serves_or_that_somebody_tagged_stays(old: OldRevision) -> None:
    own, newest = old.deletion.revision, ["newest", "second", old.deletion.revision]
    assert reason_to_keep(old, live(old, {"revision": own, "percent": 1}), newest) == "it serves 1 %"
    tagged = live(old, {"revision": own, "percent": 10, "tag": old.tag})
    assert reason_to_keep(old, tagged, newest) == "it serves 10 %"
    assert reason_to_keep(old, live(old, {"revision": own, "tag": "demo"}), newest) == "it has the tag demo"
    asked_for = live(old, traffic=[run_v2.TrafficTarget(revision=own, percent=100)])
    assert reason_to_keep(old, asked_for, newest) == "it serves 100 %", (
        "although the status does not say so yet"
    )


def test_the_newest_ones_the_latest_one_and_those_of_a_locked_service_stay(old: OldRevision) -> None:
    own = old.deletion.revision
    assert reason_to_keep(old, live(old), ["newest", own]) == "it is one of the newest 2 of the service"
    others = ["newest", "second", own]
    latest = live(old, latest_ready_revision=f"p/{own}")
    assert reason_to_keep(old, latest, others) == "it is the service's latest revision"
    lease = Lease("v9", "run", datetime.now(UTC) + timedelta(hours=1)).annotations()
    assert "holds the service" in str(reason_to_keep(old, live(old, annotations=lease), others))


def test_the_entry_says_what_is_gone_and_why(old: OldRevision) -> None:
    assert isinstance(old.deletion, RevisionDeleted)
    assert old.deletion.sentence == (
        f"Revision {old.deletion.revision} of {old.address.service} deleted (production): the release ended"
        " 400 days ago, and they are kept for 90"
    )
