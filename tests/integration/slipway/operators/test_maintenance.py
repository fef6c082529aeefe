"""The daily maintenance writes what is missing, and deletes what nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException
from slipway.hooks.cloud_run.hook import tags_of
from slipway.ledger.entries import ReportWritten, RevisionDeleted, RollbackOrdered, TrafficRestored
from slipway.ledger.ledger import Ledger
from slipway.operators import maintenance
from slipway.operators.maintenance import DeleteOldRevisionsOperator, WriteMissingReportsOperator
from slipway.release.report.keeping import write_report

from tests.integration.slipway.operators.conftest import Product
from tests.integration.slipway.releases import open_release

pytestmark = pytest.mark.sandbox


def write() -> list[str]:
    """Run the task."""
    return WriteMissingReportsOperator(task_id="write_missing_reports").execute({})


def test_a_report_that_could_not_be_written_is_written_later(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "reports"
    place.write_text("a file where the folder should be takes no report")
    monkeypatch.setenv("SLIPWAY_REPORTS", str(place))
    release_id = open_release(ledger, "1.1.0").release_id
    assert write() == []
    ledger.close(release_id, outcome="promoted", reason="all well")
    assert write_report(ledger.release(release_id), ledger) is None
    with pytest.raises(AirflowException, match=f"takes no report of {release_id}: make it writable"):
        write()
    place.unlink()
    assert write() == [release_id]
    assert (place / f"{release_id}.html").exists()
    assert ledger.get(release_id, ReportWritten, edition=1) is not None
    assert write() == []
    # A promotion that is rolled back later is another end, with a report of its own.
    for entry in (
        RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback"),
        TrafficRestored(reason="wrong prices", changes={}),
    ):
        ledger.append(release_id, entry)
    ledger.close(release_id, outcome="rolled_back", reason="wrong prices")
    assert write() == [release_id]
    assert (place / f"{release_id}-2.html").exists()


def test_an_old_revision_goes_once_nobody_reaches_it_with_the_tag_that_its_release_left(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, ledger = product.web, product.ledger
    release = product.open(retention={"revision_days": 90, "kept_revisions": 1, "delete": True})
    own = release.plan.progressive.revisions["production"]
    suffix = own.removeprefix(f"{web.address.service}-")
    web.deploy(suffix, tag="candidate")
    web.deploy("later")
    ledger.close(release.release_id, outcome="rolled_back", reason="the test")
    operator = DeleteOldRevisionsOperator(task_id="delete_old_revisions")
    assert operator.execute({}) == [], "the release has just ended"
    later = SimpleNamespace(now=lambda zone: datetime.now(UTC) + timedelta(days=400))
    monkeypatch.setattr(maintenance, "datetime", later)
    web.shift({"stable": 90, suffix: 10})
    assert operator.execute({}) == [], "it serves"
    web.shift({"stable": 100})
    assert own in operator.execute({})
    assert {one.name.rpartition("-")[2] for one in web.hook.list_revisions(web.address)} == {
        "stable",
        "later",
    }
    assert tags_of(web.read()) == {}
    assert web.split() == {"stable": 100}
    on_record = ledger.get(
        release.release_id, RevisionDeleted, environment="production", service=web.address.service
    )
    assert on_record is not None
    assert (on_record.revision, on_record.kept_days) == (own, 90)
    assert operator.execute({}) == [], "done again it deletes nothing"
