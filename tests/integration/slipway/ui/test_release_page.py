"""The Release page over a real ledger and a real ClickHouse: what it shows, to whom, and in trouble."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import psycopg
import pytest
from slipway.analysis.verdict import Verdict
from slipway.ledger.chain import canonical, entry_hash
from slipway.ledger.entries import (
    ChangesPlanned,
    ConfigurationChange,
    GateDecided,
    LeftOut,
    ReleaseTagged,
    TemplateChange,
)
from slipway.ledger.ledger import Ledger
from slipway.ledger.timeline import summary_line
from slipway.release.drawings import keep_drawings
from slipway.release.incident import incident_of

from tests.integration.slipway.releases import BACKEND, STABLE, open_release, roll_back_from_canary, shift
from tests.integration.slipway.ui.pages import HOSTILE, elements, text_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.integration.slipway.ui.conftest import SignedIn

pytestmark = pytest.mark.sandbox


def test_only_who_may_read_the_dag_sees_anything(signed_in: SignedIn, ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    paths = [
        "/slipway/releases",
        f"/slipway/releases/{release.release_id}",
        f"/slipway/releases/{release.release_id}/ledger.json",
        f"/slipway/releases/{release.release_id}/evidence/canary/1.svg",
        f"/slipway/dags/release/runs/{release.run_id}",
        "/slipway/page.css",
        "/slipway/leave_frame.js",
    ]
    for path in paths:
        for role, status in ((None, 401), ("", 403)):
            refused = signed_in(role).get(path)
            assert refused.status_code == status, path
            assert "1.1.0" not in refused.text
            assert refused.headers["Cache-Control"] == "no-store"
    for path in ("/slipway/docs", "/slipway/openapi.json", "/slipway/redoc", "/slipway/"):
        assert signed_in("viewer").get(path).status_code == 404
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert signed_in("admin").request(method, paths[1]).status_code == 405


def test_every_answer_keeps_the_browser_within_airflow(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    for path in (
        "releases",
        f"releases/{release.release_id}",
        "releases/v9-9-9-aaaaaa",
        "nothing",
        "page.css",
    ):
        headers = reader.get(f"/slipway/{path}").headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
    page = reader.get(f"/slipway/releases/{release.release_id}").text
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert addresses
    assert not [address for address in addresses if not address.startswith("/")]
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script>", page)


@pytest.mark.usefixtures("warehouse")
def test_a_rolled_back_release_tells_the_whole_story(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0", run_id="manual__2026-11-25T22:00:00+00:00")
    reason = roll_back_from_canary(ledger, release)
    keep_drawings(release, ledger)
    answer = reader.get(f"/slipway/releases/{release.release_id}")
    assert answer.status_code == 200
    words = text_of(answer.text)
    closed = ledger.release(release.release_id)
    assert summary_line(closed, ledger.entries(release.release_id)) == f"release 1.2.0: rolled back: {reason}"
    assert f"release 1.2.0: rolled back: {reason}" in words
    assert "ada: the spring sale" in words
    assert "Error rate over the trigger" in words
    new = release.plan.services["backend"].revisions["production"]
    for step in (f"{STABLE} 100 % when the release began", f"{new} 10 %", "the emergency brake"):
        assert step in words, step
    assert words.count(f"{STABLE} 100 %") == 2, "what the rollback confirmed is no step of its own"
    assert "No day has been reviewed yet" in words
    assert "The chain holds: each of the 7 entries" in words
    assert "/dags/release/runs/manual__2026-11-25T22%3A00%3A00%2B00%3A00" in answer.text
    assert (
        reader.get("/slipway/dags/release/runs/manual__2026-11-25T22%3A00%3A00%2B00%3A00").text == answer.text
    )
    (image,) = elements(answer.text, "img")
    assert "rollback" not in str(image["src"])
    assert "Error rate over the trigger" in str(image["alt"])
    drawn = reader.get(str(image["src"]))
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    shown = " ".join(element.text or "" for element in ElementTree.fromstring(drawn.text).iter())
    assert "Release 1.2.0, phase canary: rollback" in shown


def test_an_incident_is_shown_with_who_met_it_and_its_timeline(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    incident = incident_of(ledger.release(release.release_id), ledger.entries(release.release_id))
    assert incident is not None
    assert incident.uncounted, "there is no product here"
    counted = {"requests": 230, "users": 12, "sessions": 15}
    ledger.append(release.release_id, incident.model_copy(update=counted))
    shown = text_of(reader.get(f"/slipway/releases/{release.release_id}").text)
    for words in (
        "12 users in 15 sessions met the new revision, with 230 requests",
        f"{BACKEND}: {STABLE} 90 %, 1.2.0 10 %",
        "canary: Error rate over the trigger",
        "release opened, requested by ada",
    ):
        assert words in shown


def test_what_a_release_changes_is_a_table_and_what_is_odd_is_said(
    reader: TestClient, ledger: Ledger
) -> None:
    hand = LeftOut(
        revision="by-hand",
        by="eve",
        at=datetime.now(UTC),
        changes=(TemplateChange(field="env BY_HAND", after="ab8e18ef"),),
    )
    release = open_release(ledger, "1.3.0", left_out={BACKEND: hand}, rolled_back_before="5 % errors")
    flag = ConfigurationChange(document="feature-flags", key="optimize", before="false", after="true")
    ledger.append(
        release.release_id,
        ChangesPlanned(
            environment="production",
            revisions={BACKEND: (TemplateChange(field="image", before="r/b:1", after="r/b:2"),)},
            configuration=(flag,),
            migrations=("0014_column",),
        ),
    )
    shown = text_of(reader.get(f"/slipway/releases/{release.release_id}").text)
    for words in (
        "This version was rolled back before: 5 % errors",
        f"Not in the new revision of {BACKEND}: revision by-hand, deployed by eve",
        f"{BACKEND} image r/b:1 r/b:2",
        "feature-flags optimize false true",
        "schema 0014_column not applied applied",
    ):
        assert words in shown


@pytest.mark.usefixtures("warehouse")
def test_a_table_says_what_it_is_and_what_its_cells_are_of(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    for path in ("releases", f"releases/{release.release_id}"):
        page = reader.get(f"/slipway/{path}").text
        tables = elements(page, "table")
        assert tables
        assert len(elements(page, "caption")) == len(tables)
        assert all(cell.get("scope") in ("col", "row") for cell in elements(page, "th"))
        assert all(image.get("alt") for image in elements(page, "img"))


def test_the_list_is_newest_first_and_comes_in_pages(reader: TestClient, ledger: Ledger) -> None:
    assert "Nothing has been released yet" in text_of(reader.get("/slipway/releases").text)
    for number in range(30):
        release = open_release(ledger, f"1.{number}.0")
        shift(ledger, release, "canary", 10)
        if number < 29:
            ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    first, second = (text_of(reader.get(f"/slipway/releases?page={number}").text) for number in (1, 2))
    assert re.findall(r"\b1\.\d+\.0(?= us-central1)", first) == [f"1.{n}.0" for n in range(29, 4, -1)]
    assert re.findall(r"\b1\.\d+\.0(?= us-central1)", second) == [f"1.{n}.0" for n in range(4, -1, -1)]
    assert "1.29.0 us-central1 open the last thing on record is shifted/canary" in first
    assert "1.28.0 us-central1 promoted every phase was promoted" in first
    assert ("older" in first, "newer" in first) == (True, False)
    assert ("older" in second, "newer" in second) == (False, True)
    assert "no releases this far back" in text_of(reader.get("/slipway/releases?page=9").text)


def test_what_does_not_exist_and_what_cannot_be_an_id(reader: TestClient, ledger: Ledger) -> None:
    unknown = reader.get("/slipway/releases/v9-9-9-aaaaaa")
    assert unknown.status_code == 404
    assert "release v9-9-9-aaaaaa: was never opened" in text_of(unknown.text)
    release = open_release(ledger, "1.1.0")
    assert reader.get(f"/slipway/releases/{release.release_id}/evidence/half/1.svg").status_code == 404
    for path in (
        "releases/1.1.0",
        "releases/v1%27%20OR%201=1",
        f"releases/{release.release_id}/evidence/half/0.svg",
        f"releases/{release.release_id}/evidence/baked/1.svg",
        "releases?page=0",
        "releases?page=x",
        "dags/release/runs/a%20b",
        f"dags/{'d' * 300}/runs/x",
    ):
        refused = reader.get(f"/slipway/{path}")
        assert refused.status_code == 422, path
        assert "text/html" in refused.headers["Content-Type"]


def test_runs_that_release_nothing_say_so(reader: TestClient, ledger: Ledger) -> None:
    other = text_of(reader.get("/slipway/dags/kpi_rollup/runs/manual__1").text)
    assert "A run of the DAG kpi_rollup releases nothing" in other
    refused = text_of(reader.get("/slipway/dags/release/runs/manual__1").text)
    assert "This run has opened no release" in refused


def test_what_a_release_is_called_is_never_markup(
    reader: TestClient, ledger: Ledger, empty_database: str
) -> None:
    release = open_release(ledger, "1.1.0")
    ledger.append(release.release_id, GateDecided(phase="canary", verdict=Verdict.HOLD, reason=HOSTILE))
    with psycopg.connect(empty_database) as connection:
        connection.execute("UPDATE release SET version = %s, actor = %s, run_id = %s", [HOSTILE] * 3)
    for path in ("releases", f"releases/{release.release_id}"):
        page = reader.get(f"/slipway/{path}").text
        assert "alert(1)" in page
        assert "<script>" not in page
        assert HOSTILE in text_of(page)
        assert {script.get("src") for script in elements(page, "script")} == {"/slipway/leave_frame.js"}


def test_a_forged_entry_is_named_and_the_download_lets_anyone_check(
    reader: TestClient, ledger: Ledger, empty_database: str
) -> None:
    release = open_release(ledger, "1.1.0")
    shift(ledger, release, "canary", 10)
    page = f"/slipway/releases/{release.release_id}"
    listed = reader.get(f"{page}/ledger.json").json()
    previous = "0" * 64
    for entry in listed["entries"]:
        previous = entry_hash(
            previous,
            listed["release"],
            entry["sequence"],
            entry["key"],
            datetime.fromisoformat(entry["at"]),
            canonical(entry["payload"]),
        )
        assert entry["hash"] == previous
    assert listed["first_broken_entry"] is None
    with psycopg.connect(empty_database) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
        connection.execute("UPDATE ledger_entry SET at = at + interval '1 s' WHERE sequence = 2")
    assert "The chain is broken at entry 2" in text_of(reader.get(page).text)
    assert reader.get(f"{page}/ledger.json").json()["first_broken_entry"] == 2


def test_an_unreachable_ledger_is_a_503_that_says_what_to_do(
    reader: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = open_release(ledger, "1.1.0")
    secret = "pass-of-nobody"
    nowhere = {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "login": "x", "password": secret}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", json.dumps(nowhere))
    _unreadable(reader, release.release_id, secret)
    monkeypatch.delenv("AIRFLOW_CONN_SLIPWAY_LEDGER")
    _unreadable(reader, release.release_id, secret)


def _unreadable(reader: TestClient, release_id: str, secret: str) -> None:
    for path in ("releases", f"releases/{release_id}"):
        answer = reader.get(f"/slipway/{path}")
        assert answer.status_code == 503
        words = text_of(answer.text)
        assert "The ledger cannot be read" in words
        assert "Check that the connection slipway_ledger" in words
        assert "1.1.0" not in words
        assert secret not in words


def test_a_ledger_without_its_tables_is_unreadable(
    reader: TestClient, ledger: Ledger, empty_database: str
) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("DROP TABLE ledger_entry, operation, lease, release CASCADE")
    assert reader.get("/slipway/releases").status_code == 503


def test_the_page_cannot_write(ledger: Ledger) -> None:
    from slipway.ui.sources import LedgerUnreadable, reading_ledger

    release = open_release(ledger, "1.1.0")
    with pytest.raises(LedgerUnreadable), reading_ledger() as opened:
        opened.append(release.release_id, ReleaseTagged(tag="forged", commit="0"))
    assert [entry.key for entry in ledger.entries(release.release_id)] == ["opened"]


def test_without_clickhouse_the_page_says_so_and_shows_the_rest(
    reader: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    secret = "pass-of-nobody"
    nowhere = {"conn_type": "clickhouse", "host": "127.0.0.1", "port": 9, "login": "x", "password": secret}
    for connection in (json.dumps(nowhere), None):
        if connection is None:
            monkeypatch.delenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE")
        else:
            monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_CLICKHOUSE", connection)
        answer = reader.get(f"/slipway/releases/{release.release_id}")
        assert answer.status_code == 200
        words = text_of(answer.text)
        assert "The reviewed targets cannot be read. Check that the connection slipway_clickhouse" in words
        assert "Error rate over the trigger" in words
        assert secret not in words


@pytest.mark.usefixtures("empty_warehouse")
def test_before_the_first_rollup_there_are_no_targets(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    words = text_of(reader.get(f"/slipway/releases/{release.release_id}").text)
    assert "No KPI rollup has run yet. Trigger kpi_rollup for a day." in words
    assert "release 1.1.0: open: Release opened, requested by" in words


def test_the_traffic_of_a_service_that_never_moved_is_where_it_was(
    reader: TestClient, ledger: Ledger
) -> None:
    release = open_release(ledger, "1.1.0")
    words = text_of(reader.get(f"/slipway/releases/{release.release_id}").text)
    assert f"{BACKEND} In force" in words
    assert "No phase has been decided" in words
