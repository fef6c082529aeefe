"""The incident report: what happened while a rolled-back revision had traffic, and who met it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from slipway.exceptions import DatabaseNotReady
from slipway.hooks.postgres.product_records import Met, ProductRecordsHook
from slipway.ledger.entries import (
    IncidentReported,
    ReleaseOpened,
    RollbackOrdered,
    SplitChange,
    TrafficRestored,
    TrafficRestoredAgain,
    TrafficShifted,
)
from slipway.ledger.messages import outcome_message
from slipway.ledger.timeline import rollback_reason
from slipway.release.incident import incident_of

from tests.fake_ledger import BEGAN, FakeLedger, record_of
from tests.unit.slipway.on_record import opened

WEB = "netra-backend-prod"
OLD = f"{WEB}-old"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the product's records are asked for; they know of twelve users."""
    questions: list[Any] = []

    def who_met(hook: ProductRecordsHook, revisions: Any, *, since: Any) -> Met:
        questions.append((hook.postgres_conn_id, revisions, since))
        return Met(requests=230, users=12, sessions=15)

    monkeypatch.setattr(ProductRecordsHook, "who_met", who_met)
    return questions


def test_the_report_has_time_evidence_and_who_met_the_revision(asked: list[Any]) -> None:
    release = opened(FakeLedger())
    new = release.plan.services["backend"].revisions["production"]
    canary, began = {OLD: 90, new: 10}, BEGAN + timedelta(seconds=1)
    record = record_of(
        TrafficShifted(phase="canary", changes={WEB: SplitChange(before={OLD: 100}, after=canary)}, at=began),
        RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback"),
        TrafficRestored(reason="x", changes={WEB: SplitChange(before=canary, after={OLD: 100})}),
        TrafficRestoredAgain(
            reason="x", changes={WEB: SplitChange(before={OLD: 100}, after={OLD: 100}, note="left alone")}
        ),
    )
    incident = incident_of(release, record)
    assert incident is not None
    assert asked == [("netra_production_db", [new], began)]
    assert (incident.revisions, incident.most_percent) == ({WEB: new}, {WEB: 10})
    assert (incident.began_at, incident.seconds) == (began, 2)
    assert incident.reason == rollback_reason(record) == "ordered by jo: wrong prices"
    assert incident.evidence == ("rollback: ordered by jo: wrong prices",)
    assert [step.what.partition(":")[0] for step in incident.timeline if step.at < release.opened_at] == [
        WEB,
        "rollback",
        WEB,
        WEB,
    ]
    assert "12 users in 15 sessions met the new revision, with 230 requests" in incident.sentence
    message = outcome_message(release, record_of(*[entry.content for entry in record], incident))
    assert "12 users in 15 sessions met the new revision" in message
    assert "up to 10 % of the traffic" in message


def test_a_release_whose_revisions_never_had_traffic_is_no_incident(asked: list[Any]) -> None:
    assert incident_of(opened(FakeLedger()), record_of(ReleaseOpened(actor="ada"))) is None
    assert asked == []


def test_what_cannot_be_counted_is_named_and_the_report_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise DatabaseNotReady("connection netra_production_db: no such table")

    monkeypatch.setattr(ProductRecordsHook, "who_met", fails)
    release = opened(FakeLedger())
    new = release.plan.services["backend"].revisions["production"]
    shifted = {WEB: SplitChange(before={OLD: 100}, after={OLD: 90, new: 10})}
    incident = incident_of(release, record_of(TrafficShifted(phase="canary", changes=shifted, at=BEGAN)))
    assert incident is not None
    assert (incident.users, incident.ended_at, incident.seconds) == (None, None, None)
    assert "was not counted: DatabaseNotReady: connection netra_production_db" in incident.sentence
    assert "to now." in incident.sentence
    assert record_of(incident).get(IncidentReported) == incident, "it is read as it was written"
