"""The JSON API over a real ledger, with Airflow's own sign-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import Param
from slipway.analysis.evidence_series import series_of
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import RollbackOrdered
from slipway.ledger.ledger import Ledger

from tests.integration.slipway.releases import (
    BACKEND,
    failing_bake,
    open_release,
    roll_back_from_canary,
    shift,
)
from tests.waiting import until

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.integration.slipway.ui.conftest import SignedIn

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
        assert answer["products"] == ["token-optimization"]
        return [line["version"] for line in answer["releases"]]

    assert found() == found(service=BACKEND, person="ada", since="2020-01-01", state="") == ["1.2.0", "1.1.0"]
    assert found(state="open") == found(state="running") == ["1.2.0"]
    assert found(state="rolled_back") == ["1.1.0"]
    assert (
        found(state="promoted") == found(person="bob") == found(until="2020-01-01") == found(page="2") == []
    )
    run = reader.get(f"/slipway/api/runs/release/{running.run_id}").json()
    assert run["release"] == running.release_id


def test_the_list_is_filtered_by_product(
    reader: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    first = open_release(ledger, "1.1.0")
    second = open_release(
        ledger,
        "1.1.0",
        run_id="other",
        policy_name="sandbox-rates.yaml",
        stable={"exchange-rates": {"exchange-rates-00001-abc": 100}},
    )
    answer = reader.get("/slipway/api/releases").json()
    products = [first.plan.policy_name, second.plan.policy_name]
    assert answer["products"] == sorted(products)
    for product, release in zip(products, (first, second), strict=True):
        of = reader.get("/slipway/api/releases", params={"product": product}).json()
        assert [line["id"] for line in of["releases"]] == [release.release_id]
        assert (of["total"], of["products"]) == (1, answer["products"])
    assert reader.get("/slipway/api/releases", params={"product": "none"}).json()["total"] == 0


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
    product = {"product": "token-optimization"}
    assert reader.get("/slipway/api/releases", params=product).json()["total"] == 1
    for service, total in ((BACKEND, 2), ("netra-other-prod", 0)):
        of = reader.get("/slipway/api/releases", params={"service": service}).json()
        assert of["total"] == total, service
    run = reader.get("/slipway/api/runs/release/manual__refused").json()
    assert (run["release"], run["refused"]) == (None, line)


def test_an_answer_that_has_not_changed_is_a_304(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    path = f"/slipway/api/releases/{release.release_id}"
    first = reader.get(path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = reader.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    roll_back_from_canary(ledger, release)
    until(lambda: reader.get(path, headers=known).status_code == 200, "the answer is new", 30)


def test_a_bake_that_runs_is_shown_as_of_its_newest_check(reader: TestClient, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    shift(ledger, release, "canary", 10)
    record, decision = failing_bake(release.policy)
    for _ in range(2):
        ledger.checks.keep(release.release_id, Bake("canary"), decision, series_of(record, release.policy))
    evidence = reader.get(f"/slipway/api/releases/{release.release_id}").json()["evidence"]
    assert (evidence["running"], evidence["phase"], evidence["seconds"]) == (True, "canary", 30.0)
    assert (evidence["metrics"][0]["metric"], evidence["metrics"][0]["canary"]) == ("error_rate", 20.0)


def test_the_api_writes_nothing_and_says_what_is_wrong_as_json(signed_in: SignedIn, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    path = f"/slipway/api/releases/{release.release_id}"
    for role, status in ((None, 401), ("", 403)):
        for of in (path, "/slipway/api/openapi.json"):
            refused = signed_in(role).get(of)
            assert (refused.status_code, refused.json().keys()) == (status, {"title", "detail"})
    reader = signed_in("viewer")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert reader.request(method, path).status_code == 405
    assert reader.get("/slipway/api/releases/v9-9-9-aaaaaa").status_code == 404
    malformed = reader.get("/slipway/api/releases", params={"page": "0"})
    assert malformed.status_code == 422
    assert "page: Input should be greater than or equal to 1" in malformed.json()["detail"]


def test_only_what_the_user_may_do_is_offered(signed_in: SignedIn, ledger: Ledger) -> None:
    path = f"/slipway/api/releases/{open_release(ledger, '1.2.0').release_id}"
    offered = {
        role: [action["name"] for action in signed_in(role).get(path).json()["actions"]]
        for role in ("viewer", "user")
    }
    assert offered == {"viewer": ["open_run"], "user": ["roll_back", "open_run"]}


def test_the_question_of_its_rollback_is_shown_on_a_release_that_is_closed(
    signed_in: SignedIn, ledger: Ledger, airflow_question: Callable[..., None]
) -> None:
    release = open_release(ledger, "1.2.0")
    order = RollbackOrdered(tier="database", actor="ada", reason="wrong prices", source="DAG rollback")
    ledger.append(release.release_id, order)
    ledger.close(release.release_id, outcome="rolled_back", reason="ordered by ada: wrong prices")
    reason = Param(None, type=["null", "string"], title="Reason", description="Kept on record").serialize()
    airflow_question(
        "manual__2", "database.undo_migrations", rolls_back=release.release_id, params={"reason": reason}
    )
    answer = signed_in("user").get(f"/slipway/api/releases/{release.release_id}").json()
    assert (answer["live"], answer["standing"]["state"]) == (True, "rolled_back")
    assert answer["standing"]["waiting"]["run_id"] == "manual__2"
    first = answer["actions"][0]
    assert "/dags/rollback/dagRuns/manual__2/taskInstances/database.undo_migrations/" in first["form"]["path"]
    assert [field["title"] for field in first["form"]["fields"]] == ["Reason"]


def test_an_open_question_is_shown_until_it_is_answered(
    signed_in: SignedIn, ledger: Ledger, airflow_question: Callable[[str, str], None]
) -> None:
    release = open_release(ledger, "1.2.0")
    airflow_question(release.run_id, "phase_2_production_preparation.approve")
    answer = signed_in("user").get(f"/slipway/api/releases/{release.release_id}").json()
    standing = answer["standing"]
    assert (standing["state"], standing["waiting"]["options"]) == ("waiting", ["Approve", "Reject"])
    assert standing["waiting"]["for_whom"] == []
    assert answer["steps"][0]["state"] == "waiting"
    # Who asked for the release is not offered its approval.
    assert answer["actions"][0]["label"] == "Reject"
    listed = signed_in("viewer").get("/slipway/api/releases", params={"state": "waiting"}).json()
    assert [(line["id"], line["product"]) for line in listed["releases"]] == [
        (release.release_id, "token-optimization")
    ]
