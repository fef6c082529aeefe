"""What a bucket did not take when a release ended is written by the daily maintenance."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException
from slipway.ledger.entries import ReportWritten, RollbackOrdered, TrafficRestored
from slipway.ledger.ledger import Ledger
from slipway.operators.maintenance import WriteMissingReportsOperator
from slipway.release.report.keeping import write_report

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
