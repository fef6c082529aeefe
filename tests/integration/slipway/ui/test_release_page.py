"""The Release page as it is served: to whom, with which files, and what it reads when something is down."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from slipway.ledger.chain import canonical, entry_hash
from slipway.ledger.entries import ReleaseTagged
from slipway.ledger.ledger import Ledger
from slipway.release.report.keeping import write_report

from tests.integration.slipway.releases import open_release, shift
from tests.integration.slipway.ui.pages import HOSTILE, elements, text_of
from tests.integration.slipway.ui.reviews import reviewed

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.integration.slipway.ui.conftest import SignedIn

pytestmark = pytest.mark.sandbox


def test_only_who_may_read_the_dag_sees_anything(signed_in: SignedIn, ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    paths = [
        "/slipway/releases",
        f"/slipway/releases/{release.release_id}",
        f"/slipway/dags/release/runs/{release.run_id}",
        "/slipway/static/page.css",
        "/slipway/static/vendor/uplot/uPlot.iife.min.js",
        f"/slipway/api/releases/{release.release_id}",
        f"/slipway/api/releases/{release.release_id}/ledger/export",
    ]
    for path in paths:
        for role, status in ((None, 401), ("", 403)):
            refused = signed_in(role).get(path)
            assert refused.status_code == status, path
            assert "1.1.0" not in refused.text
            assert refused.headers["Cache-Control"] == "no-store"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert signed_in("admin").request(method, paths[1]).status_code == 405


def test_every_answer_keeps_the_browser_within_airflow(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    for path in (
        "releases",
        f"releases/{release.release_id}",
        "nothing",
        "static/page.css",
        "static/nothing",
    ):
        headers = reader.get(f"/slipway/{path}").headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
    page = reader.get(f"/slipway/releases/{release.release_id}").text
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert addresses
    assert not [address for address in addresses if not address.startswith("/")]
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script>", page)
    for address in addresses:
        assert reader.get(address).status_code == 200, address


def test_a_file_is_sent_again_only_when_it_has_changed_and_none_from_elsewhere(reader: TestClient) -> None:
    first = reader.get("/slipway/static/page.css")
    assert first.headers["Content-Type"].startswith("text/css")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = reader.get("/slipway/static/page.css", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    for path in ("../views.py", "%2e%2e/views.py", "vendor", ""):
        assert reader.get(f"/slipway/static/{path}").status_code == 404, path


def test_what_cannot_be_an_id_is_refused_and_what_can_be_one_is_no_markup(reader: TestClient) -> None:
    for path in (
        "releases/1.1.0",
        "releases/v1%27%20OR%201=1",
        "dags/release/runs/a%20b",
        f"dags/{'d' * 300}/runs/x",
    ):
        refused = reader.get(f"/slipway/{path}")
        assert refused.status_code == 422, path
        assert "text/html" in refused.headers["Content-Type"]
    run = "manual__2026-11-25T22:00:00+00:00"
    (main,) = elements(reader.get(f"/slipway/dags/release/runs/{run}").text, "main")
    assert main == {"data-dag": "release", "data-run": run, "data-view": "run"}
    assert HOSTILE not in reader.get(f"/slipway/releases/{HOSTILE}").text


def test_the_export_lets_anyone_check_the_chain(
    reader: TestClient, ledger: Ledger, ledger_database: str
) -> None:
    release = open_release(ledger, "1.1.0")
    shift(ledger, release, "canary", 10)
    export = f"/slipway/api/releases/{release.release_id}/ledger/export"
    listed = reader.get(export).json()
    previous = "0" * 64
    for entry in listed["entries"]:
        at, text = datetime.fromisoformat(entry["at"]), canonical(entry["payload"])
        previous = entry_hash(previous, listed["release"], entry["sequence"], entry["key"], at, text)
        assert entry["hash"] == previous
    assert listed["first_broken_entry"] is None
    with psycopg.connect(ledger_database) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
        connection.execute("UPDATE ledger_entry SET at = at + interval '1 s' WHERE sequence = 2")
    assert reader.get(export).json()["first_broken_entry"] == 2


def test_an_unreachable_ledger_is_a_503_that_says_what_to_do(
    reader: TestClient, ledger: Ledger, ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = open_release(ledger, "1.1.0")
    secret = "pass-of-nobody"

    def is_unreadable() -> None:
        for path in ("releases", f"releases/{release.release_id}"):
            answer = reader.get(f"/slipway/api/{path}")
            assert answer.status_code == 503
            assert "Check that the connection slipway_ledger" in text_of(answer.text)
            assert secret not in answer.text

    with psycopg.connect(ledger_database) as connection:
        connection.execute("DROP TABLE ledger_entry, operation, lease, opened_release CASCADE")
    is_unreadable()
    nowhere = {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "login": "x", "password": secret}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", json.dumps(nowhere))
    is_unreadable()
    monkeypatch.delenv("AIRFLOW_CONN_SLIPWAY_LEDGER")
    is_unreadable()


def test_the_page_cannot_write(ledger: Ledger) -> None:
    from slipway.ui.sources import LedgerUnreadable, reading_ledger

    release = open_release(ledger, "1.1.0")
    with pytest.raises(LedgerUnreadable), reading_ledger() as opened:
        opened.append(release.release_id, ReleaseTagged(tag="forged", commit="0"))
    assert [entry.key for entry in ledger.entries(release.release_id)] == ["opened"]


@pytest.mark.usefixtures("empty_warehouse")
def test_without_clickhouse_or_a_rollup_the_targets_say_so(
    reader: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/slipway/api/releases/{open_release(ledger, '1.2.0').release_id}/business"
    assert reader.get(path).json()["trouble"] == "No KPI rollup has run yet. Trigger kpi_rollup for a day."
    secret = "pass-of-nobody"
    nowhere = {"conn_type": "clickhouse", "host": "127.0.0.1", "port": 9, "login": "x", "password": secret}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", json.dumps(nowhere))
    for _ in range(2):
        answer = reader.get(path)
        assert "Check that the connection slipway_clickhouse" in answer.json()["trouble"]
        assert secret not in answer.text
        monkeypatch.delenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", raising=False)


@pytest.mark.usefixtures("warehouse")
def test_the_targets_are_those_of_the_newest_reviewed_day(reader: TestClient, ledger: Ledger) -> None:
    launch = open_release(ledger, "1.1.0")
    path = f"/slipway/api/releases/{launch.release_id}/business"
    assert "No day has been reviewed yet" in reader.get(path).json()["trouble"]
    newest = date(2026, 3, 5)
    reviewed(newest - timedelta(days=1), launch.release_id, status="behind", reason="a day ago")
    reviewed(newest, launch.release_id)
    reviewed(
        newest, launch.release_id, target="conversions", horizon="week_1", value=None, at_least=Decimal(2)
    )
    found = reader.get(path).json()
    assert (found["as_of"], found["since_version"], found["trouble"]) == ("2026-03-05", "1.1.0", "")
    assert {target["status"] for target in found["targets"]} == {"on_track"}
    assert sorted(target["value"] or 0 for target in found["targets"]) == [0, 4938.27]


def test_the_report_is_shown_as_it_was_written(
    reader: TestClient, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_REPORTS", str(tmp_path))
    release = open_release(ledger, "1.2.0")
    address = f"/slipway/releases/{release.release_id}/report"
    assert reader.get(f"{address}.html").status_code == 404
    ledger.close(release.release_id, outcome="rolled_back", reason="5 % errors")
    written = write_report(ledger.release(release.release_id), ledger)
    assert written is not None
    ledger.append(release.release_id, written)
    shown = reader.get(f"/slipway/api/releases/{release.release_id}").json()["report"]
    assert shown == {"url": f"{address}.html", "met": written.met, "criteria": written.criteria}
    page, data = reader.get(f"{address}.html"), reader.get(f"{address}.json")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "release 1.2.0: rolled back: 5 % errors" in page.text
    assert data.json()["outcome"] == "rolled back"
    (tmp_path / f"{release.release_id}.html").write_text("promoted")
    assert reader.get(f"{address}.html").status_code == 500
