"""Each task of a release leads to where one looks on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from slipway.operators.closing import VerdictOperator
from slipway.operators.links import LINKS
from slipway.paths import INCLUDE

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened, using

BEGAN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def links(ledger: FakeLedger, run_id: str = "run") -> dict[str, str]:
    task: Any = using(VerdictOperator(task_id="verdict"), ledger)
    key = SimpleNamespace(run_id=run_id, start_date=BEGAN)
    return {link.name: link.get_link(task, ti_key=key) for link in LINKS}


def test_they_lead_to_the_page_the_console_grafana_and_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_GRAFANA", "https://grafana.example.com/")
    ledger = FakeLedger()
    release = opened(ledger)
    found = links(ledger)
    assert found["Release page"] == "http://localhost:8080/dags/release/runs/run/plugin/release"
    console = urlsplit(found["Cloud Run console"])
    assert console.path == "/run/detail/us-central1/netra-backend-prod/revisions"
    assert parse_qs(console.query)["project"] == [release.policy.environments["production"].project_id]
    grafana = urlsplit(found["Grafana"])
    assert int(parse_qs(grafana.query)["from"][0]) == (BEGAN.timestamp() - 300) * 1000
    dashboard = INCLUDE / "monitoring/grafana/dashboards/technical-performance.json"
    assert grafana.path == f"/d/{json.loads(dashboard.read_text())['uid']}"
    assert found["Report"] == ""
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    assert links(ledger)["Report"].endswith(f"/slipway/releases/{release.release_id}/report.html")


def test_a_run_without_a_release_leads_nowhere() -> None:
    assert set(links(FakeLedger(), "refused").values()) == {""}
