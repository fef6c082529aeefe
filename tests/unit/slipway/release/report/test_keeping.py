"""A report is written once for each end, needs nothing else to be read, and fails no release."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import (
    DeploymentChecked,
    DeploymentLine,
    GateDecided,
    PromotionRolledBack,
    ReportWritten,
    RollbackOrdered,
    TrafficRestored,
)
from slipway.release.report import keeping
from slipway.release.report.keeping import write_report

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

SVG = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reports are kept."""
    monkeypatch.setenv("SLIPWAY_REPORTS", str(tmp_path / "reports"))
    return tmp_path / "reports"


def ended(ledger: FakeLedger) -> str:
    """Leave a promoted release whose error rate met its target."""
    release = opened(ledger).release_id
    finding = {
        "metric": "error_rate",
        "verdict": "promote",
        "reason": "0.05 % <b>",
        "observed": 0.05,
        "events": 9,
    }
    line = DeploymentLine(part="post", title="All services healthy", passed=False, reason="web is not ready")
    gate: dict[str, Any] = {
        "phase": "full",
        "verdict": "promote",
        "reason": "all well",
        "findings": [finding],
    }
    for entry in (GateDecided.model_validate(gate), DeploymentChecked(lines=(line,))):
        ledger.append(release, entry)
    ledger.close(release, outcome="promoted", reason="every phase was promoted")
    ledger.drawings.keep(release, Bake("canary", 1), SVG)
    return release


def written(ledger: FakeLedger, release_id: str) -> ReportWritten:
    entry = write_report(ledger.release(release_id), ledger)
    assert entry is not None
    ledger.append(release_id, entry)
    return entry


def test_the_page_and_the_json_say_the_same_and_their_digests_are_on_record(folder: Path) -> None:
    ledger = FakeLedger()
    release = ended(ledger)
    entry = written(ledger, release)
    page, data = (folder / f"{release}.html").read_bytes(), (folder / f"{release}.json").read_bytes()
    assert (entry.page, entry.data) == (f"file://{folder}/{release}.html", f"file://{folder}/{release}.json")
    assert (entry.page_sha256, entry.data_sha256) == tuple(
        hashlib.sha256(content).hexdigest() for content in (page, data)
    )
    report = json.loads(data)
    met = {criterion["title"]: criterion["met"] for criterion in report["criteria"]}
    assert met["Error rates < 0.1 %"] is True
    assert met["All services operational"] is False
    assert met["Compliance requirements met"] is None
    assert (entry.met, entry.criteria) == (1, 12)
    assert report["timeline"][0]["key"] == "opened"
    text = page.decode()
    for words in (
        report["summary"],
        "Zero-downtime deployment achieved",
        "web is not ready",
        "ada requested",
    ):
        assert words in text
    assert "0.05 % &lt;b&gt;" in text
    assert "<script" not in text
    assert 'src="data:image/svg+xml;base64,' in text
    assert "http" not in text.replace(report["link"], "").replace("http-equiv", "")


def test_it_is_written_once_for_each_end(folder: Path) -> None:
    ledger = FakeLedger()
    release = ended(ledger)
    written(ledger, release)
    assert write_report(ledger.release(release), ledger) is None
    for entry in (
        RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback"),
        TrafficRestored(reason="wrong prices", changes={}),
    ):
        ledger.append(release, entry)
    ledger.close(release, outcome="rolled_back", reason="wrong prices")
    assert ledger.get(release, PromotionRolledBack) is not None
    again = written(ledger, release)
    assert (again.edition, again.key) == (2, "report/2")
    assert json.loads((folder / f"{release}-2.json").read_text())["outcome"] == "rolled back"
    assert (folder / f"{release}.json").exists()


def test_a_report_that_cannot_be_written_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(keeping.FOLDER_VARIABLE, str(tmp_path / "file" / "reports"))
    ledger = FakeLedger()
    assert write_report(ledger.release(ended(ledger)), ledger) is None
    assert "is not written" in caplog.text
