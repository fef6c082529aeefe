"""The JSON API over a real ledger, with Airflow's own sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from slipway.ledger.ledger import Ledger

from tests.integration.slipway.releases import BACKEND, open_release, roll_back_from_canary, shift

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = pytest.mark.sandbox

DETAILS = (
    "evidence",
    "changes",
    "checklist",
    "gates",
    "notifications",
    "incident",
    "ledger",
    "ledger/export",
)


def test_a_running_release_answers_the_four_questions(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    shift(ledger, release, "canary", 10)
    answer = reader.get(f"/slipway/api/releases/{release.release_id}").json()
    assert answer["standing"]["state"] == "running"
    assert answer["standing"]["asked_by"] == "ada"
    assert answer["live"]
    assert [step["state"] for step in answer["steps"]] == [
        "passed",
        "passed",
        "running",
        "pending",
        "pending",
    ]
    (backend,) = answer["traffic"]
    assert backend["service"] == BACKEND
    assert [(share["percent"], share["is_new"]) for share in backend["shares"]] == [(90, False), (10, True)]
    assert [step["new_percent"] for step in backend["history"]] == [0, 10]


def test_a_rolled_back_release_shows_the_metric_that_decided_first(
    reader: TestClient, ledger: Ledger
) -> None:
    release = open_release(ledger, "1.2.0")
    reason = roll_back_from_canary(ledger, release)
    answer = reader.get(f"/slipway/api/releases/{release.release_id}").json()
    assert answer["standing"]["state"] == "rolled_back"
    assert answer["standing"]["reason"] == reason
    assert not answer["live"]
    first = answer["evidence"]["metrics"][0]
    assert (first["metric"], first["decides"], first["verdict"]) == ("error_rate", True, "rollback")
    assert (first["canary"], first["stable"]) == (20.0, 0.0)
    assert (first["target_words"], first["trigger_words"]) == ("at most 0.1 %", "over 1 %")
    assert first["series"][-1]["canary"] == 20.0
    for part in DETAILS:
        assert reader.get(f"/slipway/api/releases/{release.release_id}/{part}").status_code == 200, part


def test_the_list_is_filtered_and_names_what_it_can_be_filtered_by(
    reader: TestClient, ledger: Ledger
) -> None:
    rolled_back = open_release(ledger, "1.1.0")
    roll_back_from_canary(ledger, rolled_back)
    running = open_release(ledger, "1.2.0")

    def found(**sought: str) -> list[str]:
        answer = reader.get("/slipway/api/releases", params=sought).json()
        assert sought.get("page") or answer["total"] == len(answer["releases"])
        assert (answer["services"], answer["people"]) == ([BACKEND], ["ada"])
        return [line["version"] for line in answer["releases"]]

    assert found() == found(service=BACKEND, person="ada", since="2020-01-01", state="") == ["1.2.0", "1.1.0"]
    assert found(state="open") == found(state="running") == ["1.2.0"]
    assert found(state="rolled_back") == ["1.1.0"]
    assert (
        found(state="promoted") == found(person="bob") == found(until="2020-01-01") == found(page="2") == []
    )
    run = reader.get(f"/slipway/api/runs/release/{running.run_id}").json()
    assert run["release"] == running.release_id


def test_a_refused_request_is_on_the_list_with_its_reason(reader: TestClient, ledger: Ledger) -> None:
    open_release(ledger, "1.2.0")
    ledger.refused.keep(
        release_id="v1-3-0-abcdef",
        version="1.3.0",
        run_id="manual__refused",
        actor="bob",
        request={"version": "1.3.0"},
        task="preflight.open_release",
        reason="service netra-backend-prod: release v1-2-0 has\nlocked it",
    )
    answer = reader.get("/slipway/api/releases").json()
    assert (answer["total"], answer["people"]) == (2, ["ada", "bob"])
    line = answer["releases"][0]
    assert (line["id"], line["state"], line["progress"]["number"]) == (None, "refused", 0)
    assert line["summary"] == "service netra-backend-prod: release v1-2-0 has locked it"
    assert reader.get("/slipway/api/releases", params={"state": "refused"}).json()["releases"] == [line]
    run = reader.get("/slipway/api/runs/release/manual__refused").json()
    assert (run["release"], run["refused"]) == (None, line)
