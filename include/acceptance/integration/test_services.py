"""The services keep their contracts, also when they are used wrongly."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from include.acceptance.platform import Caller
from include.load_test.prompts import corpus

PROMPT = corpus(1)[0]


@pytest.mark.parametrize("name", ["backend", "auth", "frontend"])
def test_service_is_healthy_and_names_its_revision(name: str, request: pytest.FixtureRequest) -> None:
    client: httpx.Client = request.getfixturevalue(name)
    response = client.get("/health")
    assert response.status_code == 200
    assert response.headers["x-slipway-revision"]


def test_token_names_its_user(auth: httpx.Client, caller: Caller) -> None:
    response = auth.get("/v1/verify", headers=caller.headers)
    assert response.status_code == 200
    assert response.json()["user_id"] == caller.user_id


@pytest.mark.parametrize("authorization", [None, "Basic dXNlcg==", "Bearer forged.token.here"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/optimize"), ("GET", "/v1/costs")])
def test_without_a_good_token_nothing_is_answered(
    backend: httpx.Client, caller: Caller, method: str, path: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    body = caller.body(PROMPT) if method == "POST" else None
    assert backend.request(method, path, json=body, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [{"model": "gpt-0"}, {"prompt": ""}, {"prompt": None}, {"session_key": "k" * 256}, {"agent_name": ""}],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_reason(
    caller: Caller, changes: dict[str, Any]
) -> None:
    response = caller.post(PROMPT, **changes)
    assert response.status_code == 422
    assert response.json()["error"][0]["loc"] == list(changes)


def test_a_body_that_is_no_json_is_refused(backend: httpx.Client, caller: Caller) -> None:
    response = backend.post("/v1/optimize", content=b"{not json", headers=caller.headers)
    assert response.status_code == 422


def test_auth_refuses_what_is_no_user_id(auth: httpx.Client) -> None:
    assert auth.post("/v1/token", json={"user_id": "nobody"}).status_code == 422


def test_dashboard_shows_the_callers_costs(frontend: httpx.Client, caller: Caller) -> None:
    caller.optimize(PROMPT)
    response = frontend.get("/dashboard", headers=caller.headers)
    assert response.status_code == 200
    assert f'data-user="{caller.user_id}"' in response.text
    assert '<td id="saved">$' in response.text


def test_dashboard_wants_a_token(frontend: httpx.Client) -> None:
    assert frontend.get("/dashboard").status_code == 401
    assert frontend.get("/dashboard", headers={"Authorization": "Bearer forged"}).status_code == 401
